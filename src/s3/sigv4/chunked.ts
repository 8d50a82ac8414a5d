import { assert } from '../../base/assert.ts'
import type { ByteSource } from '../../base/byte-source.ts'
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { checksumOfField, createChecksum, type Checksum } from '../checksums.ts'
import { Refusal } from '../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { EMPTY_SHA256, sha256Hex } from './canonical.ts'
import { chunkStringToSign, trailerStringToSign, type ChunkSigning } from './chunk-signature.ts'
import type { ChunkedMode } from './payload.ts'

/**
 * Decodes aws-chunked bodies (S3 API reference, "Signature calculations for the Authorization header: transferring payload in
 * multiple chunks", with and without trailer).
 *
 * Deliberate differences from AWS: chunks smaller than 8 KiB are taken (AWS refuses them, other origins do not); signed chunks are
 * limited to 16 MiB, because a chunk is held until its signature was checked.
 */

/** A signed chunk is held in memory; clients send 64 KiB to 1 MiB. */
export const MAX_SIGNED_CHUNK_BYTES = 16 * 1024 * 1024
/** Size in hex, `;chunk-signature=`, 64 digits, CRLF: well below this. */
const MAX_CHUNK_HEADER_BYTES = 256
const MAX_TRAILER_BYTES = 8 * 1024
const MAX_TRAILER_NAMES = 16
/** Hex digits of a size that is exact as a number. */
const MAX_SIZE_DIGITS = 13

export interface AwsChunkedOptions {
  readonly mode: ChunkedMode
  /** `x-amz-decoded-content-length`. */
  readonly decodedLength: number
  /** Needed for the signed modes. */
  readonly verifier?: ChunkSigning | undefined
  /** What `x-amz-trailer` announced, in lower case. */
  readonly trailerNames: readonly string[]
}

/** A decoded body. `trailers` are the announced fields, there once `read` gave the last piece. */
export type AwsChunkedSource = ByteSource & { trailers(): HeaderList }

/**
 * Takes the framing off a body. No byte of a signed chunk is given before its signature was checked, and the last piece is given
 * only after the trailer, its signature, its checksums and the end of the source were: whoever forwards with a Content-Length can
 * never complete a body that is wrong. `read` rejects with a Refusal (SignatureDoesNotMatch, IncompleteBody, BadDigest,
 * MalformedTrailerError, InvalidRequest, EntityTooLarge) or with what the source failed with.
 */
export function decodeAwsChunked(source: ByteSource, options: AwsChunkedOptions): AwsChunkedSource {
  return new AwsChunkedDecoder(source, options)
}

/** Reads `x-amz-trailer`. Throws Refusal InvalidRequest. */
export function parseTrailerNames(value: string | undefined): string[] {
  if (value === undefined) return []
  const names = value.split(',').map((name) => name.trim().toLowerCase())
  const usable = names.every((name) => /^[a-z0-9-]+$/.test(name)) && new Set(names).size === names.length
  if (!usable || names.length > MAX_TRAILER_NAMES) {
    throw new Refusal('InvalidRequest', { message: 'The value specified in the x-amz-trailer header is not supported' })
  }
  return names
}

/** Reads `x-amz-decoded-content-length`, which every aws-chunked body needs. Throws Refusal MissingContentLength, InvalidArgument. */
export function parseDecodedLength(value: string | undefined): number {
  if (value === undefined) throw new Refusal('MissingContentLength')
  if (!/^\d{1,15}$/.test(value)) {
    throw new Refusal('InvalidArgument', { fields: { ArgumentName: 'x-amz-decoded-content-length', ArgumentValue: value } })
  }
  return Number(value)
}

class AwsChunkedDecoder implements AwsChunkedSource {
  readonly length: number
  readonly #source: ByteSource
  readonly #reader: ByteReader
  readonly #mode: ChunkedMode
  readonly #signing: ChunkSigning | undefined
  readonly #trailerNames: readonly string[]
  /** Announced checksums that can be computed here, by field name. */
  readonly #checksums: readonly { readonly field: string; readonly checksum: Checksum }[]
  #signature: string
  #received = 0
  #chunkLeft = 0
  #trailers: HeaderList = []
  #done = false
  #failure: Error | undefined

  constructor(source: ByteSource, options: AwsChunkedOptions) {
    assert(options.mode === 'unsigned-trailer' || options.verifier !== undefined, 'decodeAwsChunked: signed modes have a verifier')
    this.length = options.decodedLength
    this.#source = source
    this.#reader = new ByteReader(source, incomplete)
    this.#mode = options.mode
    this.#signing = options.mode === 'unsigned-trailer' ? undefined : options.verifier
    this.#trailerNames = options.mode === 'signed' ? [] : options.trailerNames
    this.#checksums = this.#trailerNames.flatMap((field) => {
      const name = checksumOfField(field)
      return name === undefined ? [] : [{ field, checksum: createChecksum(name) }]
    })
    this.#signature = this.#signing?.seedSignature ?? ''
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return await this.#next()
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error('Cannot decode the aws-chunked body', { cause: error })
      this.#source.cancel(this.#failure)
      throw this.#failure
    }
  }

  cancel(reason: Error): void {
    if (!this.#done) this.#failure ??= reason
    this.#source.cancel(reason)
  }

  trailers(): HeaderList {
    return this.#trailers
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#done) return undefined
    const piece = this.#signing === undefined ? await this.#unsignedPiece() : await this.#signedChunk(this.#signing)
    if (piece === undefined) return undefined
    this.#received += piece.length
    for (const { checksum } of this.#checksums) checksum.update(piece)
    if (this.#received === this.length) await this.#finish()
    return piece
  }

  async #unsignedPiece(): Promise<Uint8Array | undefined> {
    if (this.#chunkLeft === 0) {
      const header = await this.#chunkHeader()
      this.#chunkLeft = header.sizeBytes
      if (this.#chunkLeft === 0) return this.#endEmpty()
    }
    const piece = await this.#reader.some(this.#chunkLeft)
    this.#chunkLeft -= piece.length
    if (this.#chunkLeft === 0) await this.#lineEnd()
    return piece
  }

  async #signedChunk(signing: ChunkSigning): Promise<Uint8Array | undefined> {
    const header = await this.#chunkHeader()
    if (header.sizeBytes > MAX_SIGNED_CHUNK_BYTES) {
      throw new Refusal('EntityTooLarge', { message: `A signed chunk must not be larger than ${MAX_SIGNED_CHUNK_BYTES} bytes.` })
    }
    if (header.sizeBytes === 0) {
      this.#checkChunk(signing, header.signature, EMPTY_SHA256)
      return this.#endEmpty()
    }
    const data = await this.#reader.exactly(header.sizeBytes)
    await this.#lineEnd()
    this.#checkChunk(signing, header.signature, sha256Hex(data))
    return data
  }

  /** Reads `size` or `size;chunk-signature=hex`; checks the size against what is left of the announced length. */
  async #chunkHeader(): Promise<{ readonly sizeBytes: number; readonly signature: string }> {
    const line = await this.#reader.line(MAX_CHUNK_HEADER_BYTES)
    const match = /^([0-9a-fA-F]+)(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line ?? '')
    const digits = match?.[1]?.replace(/^0+(?=.)/, '')
    if (digits === undefined || digits.length > MAX_SIZE_DIGITS || (match?.[2] === undefined) !== (this.#signing === undefined)) {
      throw new Refusal('InvalidRequest', { message: 'The aws-chunked body is malformed: a chunk does not begin as it must.' })
    }
    const sizeBytes = Number.parseInt(digits, 16)
    const left = this.length - this.#received
    if (sizeBytes > left || (sizeBytes === 0 && left > 0)) throw incomplete()
    return { sizeBytes, signature: match?.[2] ?? '' }
  }

  /** An empty body ends with its first chunk; every other one is finished before its last piece is given. */
  async #endEmpty(): Promise<undefined> {
    await this.#readTrailer()
  }

  /** Everything after the last byte of data: the empty chunk, the trailer, the end. */
  async #finish(): Promise<void> {
    // Nothing is left of the announced length, so chunkHeader takes only the empty chunk.
    const header = await this.#chunkHeader()
    if (this.#signing !== undefined) this.#checkChunk(this.#signing, header.signature, EMPTY_SHA256)
    await this.#readTrailer()
  }

  async #readTrailer(): Promise<void> {
    const text = await this.#reader.rest(MAX_TRAILER_BYTES)
    if (text === undefined || (this.#mode === 'signed' && text !== '' && text !== '\r\n')) throw malformedTrailer()
    if (!/(?:^|\n)\r\n$/.test(text)) throw incomplete()
    const fields = parseTrailer(text)
    const signature = fields.signature
    if ((signature !== undefined) !== (this.#mode === 'signed-trailer')) throw malformedTrailer()
    if (this.#signing !== undefined && signature !== undefined) {
      this.#check(this.#signing, trailerStringToSign(this.#signing, this.#signature, fields.trailers), signature)
    }
    this.#checkNames(fields.trailers)
    this.#checkChecksums(fields.trailers)
    this.#trailers = fields.trailers
    this.#done = true
  }

  #checkNames(trailers: HeaderList): void {
    const names = trailers.filter((_, i) => i % 2 === 0)
    const same = names.length === this.#trailerNames.length && this.#trailerNames.every((name) => names.includes(name))
    if (!same) throw malformedTrailer()
  }

  #checkChecksums(trailers: HeaderList): void {
    for (const { field, checksum } of this.#checksums) {
      if (checksum.digestBase64() === headerValue(trailers, field)) continue
      const name = field.slice('x-amz-checksum-'.length).toUpperCase()
      throw new Refusal('BadDigest', { message: `The ${name} you specified did not match the calculated checksum.` })
    }
  }

  #checkChunk(signing: ChunkSigning, provided: string, dataHash: string): void {
    this.#check(signing, chunkStringToSign(signing, this.#signature, dataHash), provided)
    this.#signature = provided
  }

  #check(signing: ChunkSigning, text: string, provided: string): void {
    if (!signing.signingKey.hasSigned(text, provided)) throw new Refusal('SignatureDoesNotMatch')
  }

  async #lineEnd(): Promise<void> {
    if ((await this.#reader.line(2)) !== '') {
      throw new Refusal('InvalidRequest', { message: 'The aws-chunked body is malformed: a chunk does not end where it said.' })
    }
  }
}

/**
 * Trailer lines, each ended by CRLF, or by LF and then CRLF as some clients do; so an empty line may come before the signature. Names
 * come out in lower case.
 */
function parseTrailer(text: string): { readonly trailers: string[]; readonly signature: string | undefined } {
  const trailers: string[] = []
  const seen = new Set<string>()
  let signature: string | undefined
  for (const line of text.split('\n')) {
    const field = line.endsWith('\r') ? line.slice(0, -1) : line
    if (field === '') continue
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/.exec(field)
    const name = match?.[1]?.toLowerCase()
    // A signature ends the trailer: what came after it would not be covered.
    if (name === undefined || seen.has(name) || signature !== undefined) throw malformedTrailer()
    seen.add(name)
    const value = match?.[2]?.trim() ?? ''
    if (name === 'x-amz-trailer-signature') signature = value
    else trailers.push(name, value)
  }
  return { trailers, signature }
}

function incomplete(): Refusal {
  return new Refusal('IncompleteBody', {
    message: 'The request body terminated unexpectedly or is not as long as x-amz-decoded-content-length says',
  })
}

function malformedTrailer(): Refusal {
  return new Refusal('MalformedTrailerError')
}
