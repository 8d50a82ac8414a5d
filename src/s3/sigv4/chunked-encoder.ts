import type { ByteSource } from '../../base/byte-source.ts'
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { checksumFieldLength } from '../checksums.ts'
import { Refusal } from '../errors.ts'

/** How much of a body goes into one chunk; data is not copied, so larger costs nothing. */
const CHUNK_BYTES = 1024 * 1024

export interface EncodeOptions {
  /** Length of `source`; undefined where nobody knows it: then every piece becomes a chunk. */
  readonly decodedLength: number | undefined
  /** Fields that follow the body, in lower case. */
  readonly trailerNames: readonly string[]
  /** Their values; asked for once `source` has ended. */
  readonly trailers: () => HeaderList
}

/**
 * Frames a body as STREAMING-UNSIGNED-PAYLOAD-TRAILER wants it. `length` is exact where the body's length and that of every trailer
 * value are known beforehand, which holds for all of S3's checksums. `read` rejects with Refusal IncompleteBody where the body does
 * not have the length, or the trailer not the fields, that were promised.
 */
export function encodeAwsChunkedUnsigned(source: ByteSource, options: EncodeOptions): ByteSource {
  return new AwsChunkedEncoder(source, options)
}

class AwsChunkedEncoder implements ByteSource {
  readonly length: number | undefined
  readonly #source: ByteSource
  readonly #options: EncodeOptions
  /** Bytes of the current chunk that are still to come. */
  #chunkLeft = 0
  #sent = 0
  /** What was read and belongs to later chunks. */
  #ahead: Uint8Array | undefined
  #begun = false
  #done = false

  constructor(source: ByteSource, options: EncodeOptions) {
    this.#source = source
    this.#options = options
    this.length = encodedLength(options)
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#done) return undefined
    if (this.#chunkLeft > 0) return this.#data()
    const left = this.#options.decodedLength === undefined ? undefined : this.#options.decodedLength - this.#sent
    this.#ahead ??= await this.#source.read()
    if (this.#ahead === undefined) {
      if (left !== undefined && left > 0) throw notAsPromised()
      this.#done = true
      return Buffer.from(this.#lastChunk(), 'latin1')
    }
    if (left === 0) throw notAsPromised()
    this.#chunkLeft = left === undefined ? this.#ahead.length : Math.min(left, CHUNK_BYTES)
    const lineEnd = this.#begun ? '\r\n' : ''
    this.#begun = true
    return Buffer.from(`${lineEnd}${this.#chunkLeft.toString(16)}\r\n`, 'latin1')
  }

  cancel(reason: Error): void {
    this.#done = true
    this.#source.cancel(reason)
  }

  async #data(): Promise<Uint8Array> {
    const piece = this.#ahead ?? (await this.#source.read())
    if (piece === undefined) throw notAsPromised()
    const now = piece.length <= this.#chunkLeft ? piece : piece.subarray(0, this.#chunkLeft)
    this.#ahead = now === piece ? undefined : piece.subarray(now.length)
    this.#chunkLeft -= now.length
    this.#sent += now.length
    return now
  }

  #lastChunk(): string {
    const trailers = this.#options.trailers()
    let text = `${this.#begun ? '\r\n' : ''}0\r\n`
    for (const name of this.#options.trailerNames) {
      const value = headerValue(trailers, name)
      const expectedLength = checksumFieldLength(name)
      const fits = value !== undefined && (expectedLength === undefined || value.length === expectedLength)
      if (!fits || /[\r\n]/.test(value)) throw notAsPromised()
      text += `${name}:${value}\r\n`
    }
    return `${text}\r\n`
  }
}

function encodedLength(options: EncodeOptions): number | undefined {
  const { decodedLength, trailerNames } = options
  if (decodedLength === undefined) return undefined
  const whole = Math.floor(decodedLength / CHUNK_BYTES)
  const rest = decodedLength % CHUNK_BYTES
  let length = decodedLength + whole * (CHUNK_BYTES.toString(16).length + 4) + (rest === 0 ? 0 : rest.toString(16).length + 4)
  for (const name of trailerNames) {
    const valueLength = checksumFieldLength(name)
    if (valueLength === undefined) return undefined
    length += name.length + 1 + valueLength + 2
  }
  return length + '0\r\n\r\n'.length
}

function notAsPromised(): Refusal {
  return new Refusal('IncompleteBody')
}
