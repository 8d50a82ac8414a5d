import { createHash } from 'node:crypto'
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { checksumOfField, createChecksum, type Checksum } from '../../s3/checksums.ts'
import { Refusal } from '../../s3/errors.ts'
import { isChecksumField } from '../../s3/headers.ts'
import type { Payload } from '../origin.ts'

/** Checksum fields that name an algorithm or a type instead of giving a value. */
const NO_VALUES: ReadonlySet<string> = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type'])

/**
 * The digests that a body must have: Content-MD5, `x-amz-content-sha256`, and every `x-amz-checksum-*` in the header or the trailer.
 * The MD5 is always computed: it becomes the ETag.
 */
export class BodyDigests {
  readonly #md5 = createHash('md5')
  readonly #contentMd5: string | undefined
  readonly #sha256: { readonly expected: string; readonly hash: ReturnType<typeof createHash> } | undefined
  readonly #checksums = new Map<string, Checksum>()
  readonly #headers: HeaderList
  readonly #trailers: () => HeaderList

  /** Throws Refusal InvalidDigest, InvalidRequest. `payload` absent: a body that was made here. */
  constructor(headers: HeaderList, payload?: Payload) {
    this.#headers = headers
    this.#contentMd5 = contentMd5(headers)
    this.#sha256 = payload?.kind === 'sha256' ? { expected: payload.hex, hash: createHash('sha256') } : undefined
    this.#trailers = payload?.kind === 'trailer' ? payload.fields : () => []
    for (let i = 0; i < headers.length; i += 2) this.#expect(headers[i] ?? '')
    if (payload?.kind === 'trailer') for (const name of payload.names) this.#expect(name)
  }

  update(bytes: Uint8Array): void {
    this.#md5.update(bytes)
    this.#sha256?.hash.update(bytes)
    for (const checksum of this.#checksums.values()) checksum.update(bytes)
  }

  /** Compares everything. Throws Refusal BadDigest, XAmzContentSHA256Mismatch. Gives the MD5 in hex, and the checksums as fields. */
  finish(): { readonly md5: string; readonly checksums: string[] } {
    const md5 = this.#md5.digest()
    if (this.#contentMd5 !== undefined && this.#contentMd5 !== md5.toString('base64')) {
      throw new Refusal('BadDigest', { fields: { ExpectedDigest: this.#contentMd5, CalculatedDigest: md5.toString('base64') } })
    }
    if (this.#sha256 !== undefined) {
      const computed = this.#sha256.hash.digest('hex')
      const { expected } = this.#sha256
      if (computed !== expected) {
        const fields = { ClientComputedContentSHA256: expected, S3ComputedContentSHA256: computed }
        throw new Refusal('XAmzContentSHA256Mismatch', { fields })
      }
    }
    return { md5: md5.toString('hex'), checksums: this.#checkedFields() }
  }

  #checkedFields(): string[] {
    const fields: string[] = []
    const trailers = this.#trailers()
    for (const [name, checksum] of this.#checksums) {
      const given = headerValue(this.#headers, name) ?? headerValue(trailers, name)
      const computed = checksum.digestBase64()
      if (given !== computed) {
        throw new Refusal('BadDigest', {
          message: `The ${name.slice('x-amz-checksum-'.length)} you specified did not match the calculated checksum.`,
        })
      }
      fields.push(name, computed)
    }
    return fields
  }

  #expect(name: string): void {
    if (!isChecksumField(name) || NO_VALUES.has(name)) return
    const algorithm = checksumOfField(name)
    if (algorithm === undefined)
      throw new Refusal('NotImplemented', { message: `Cannot verify "${name}": this algorithm is not supported here` })
    this.#checksums.set(name, createChecksum(algorithm))
  }
}

function contentMd5(headers: HeaderList): string | undefined {
  const value = headerValue(headers, 'content-md5')
  if (value === undefined) return undefined
  const bytes = Buffer.from(value, 'base64')
  if (bytes.length !== 16 || bytes.toString('base64') !== value) throw new Refusal('InvalidDigest', { fields: { 'Content-MD5': value } })
  return value
}
