import type { FileHandle } from 'node:fs/promises'
import { collect, type ByteSource } from '../../base/byte-source.ts'
import { Refusal } from '../../s3/errors.ts'
import { OriginFailure, type OriginRequest } from '../origin.ts'
import { BodyDigests } from './body-digests.ts'

/** S3's limit for one PUT and for one part. */
const OBJECT_BYTES_MAX = 5 * 1024 ** 3

/** What arrived. */
export interface ReceivedBody {
  readonly sizeBytes: number
  readonly md5: string
  /** Verified `x-amz-checksum-*` fields. */
  readonly checksums: readonly string[]
}

/** Writes a request body to a file, and verifies its length and every digest that the client gave. */
export async function receiveBody(request: OriginRequest, file: FileHandle): Promise<ReceivedBody> {
  if ((request.bodyLength ?? 0) > OBJECT_BYTES_MAX) throw tooLarge()
  const digests = new BodyDigests(request.headers, request.payload)
  let seenBytes = 0
  const sizeBytes = await copyToFile(sourceOfRequest(request), file, (chunk) => {
    seenBytes += chunk.length
    if (seenBytes > OBJECT_BYTES_MAX) throw tooLarge()
    digests.update(chunk)
  })
  if (request.bodyLength !== undefined && sizeBytes !== request.bodyLength) throw new Refusal('IncompleteBody')
  return { sizeBytes, ...digests.finish() }
}

/** A request body that is a small document, verified likewise. */
export async function receiveDocument(request: OriginRequest, maxBytes: number): Promise<Uint8Array> {
  const digests = new BodyDigests(request.headers, request.payload)
  const body = await collect(sourceOfRequest(request), maxBytes)
  if (body === undefined) throw new Refusal('MaxMessageLengthExceeded', { fields: { MaxMessageLengthBytes: String(maxBytes) } })
  if (request.bodyLength !== undefined && body.length !== request.bodyLength) throw new Refusal('IncompleteBody')
  digests.update(body)
  digests.finish()
  return body
}

/** Copies to where the file is; gives the number of bytes. */
export async function copyToFile(source: ByteSource, file: FileHandle, seen: (chunk: Uint8Array) => void): Promise<number> {
  let sizeBytes = 0
  try {
    for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
      seen(chunk)
      for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
      sizeBytes += chunk.length
      if (sizeBytes > OBJECT_BYTES_MAX) break
    }
  } finally {
    source.cancel(new Error('the body is not read any further'))
  }
  return sizeBytes
}

/** The body; what it fails with becomes an OriginFailure that names the body as the cause. */
function sourceOfRequest(request: OriginRequest): ByteSource {
  const { body, signal } = request
  return {
    length: body.length,
    read: async () => {
      if (signal?.aborted === true) throw new OriginFailure('aborted', 'Gave up reading a request body', { cause: signal.reason })
      try {
        return await body.read()
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause)
        throw new OriginFailure('body', `Cannot read the request body: ${reason}`, { cause })
      }
    },
    cancel: (reason) => body.cancel(reason),
  }
}

function tooLarge(): Refusal {
  return new Refusal('EntityTooLarge', { fields: { MaxSizeAllowed: String(OBJECT_BYTES_MAX) } })
}
