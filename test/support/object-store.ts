import { createHash } from 'node:crypto'
import { collect, sourceOf } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import type { OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { errorReply, FunctionOrigin, reply } from './function-origin.ts'

/** An object as the origin holds it. */
export interface StoredObject {
  readonly bytes: Uint8Array
  /** In quotes. */
  readonly etag: string
  /** Further fields of its answers, in lower case. Checksums are sent only where asked for and only with the whole body. */
  readonly fields: Readonly<Record<string, string>>
}

/** Fields that stand in every answer of S3 and belong to that one answer. */
const ANSWER_FIELDS = {
  'accept-ranges': 'bytes',
  date: 'Thu, 01 Jan 2026 00:00:00 GMT',
  server: 'AmazonS3',
  'x-amz-id-2': 'ORIGINID2',
  'set-cookie': 'a=b',
  connection: 'keep-alive, x-hop',
  'x-hop': 'one hop',
} as const

const LAST_MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'
const BODY_BYTES_MAX = 64 * 1024 * 1024

/** A bucket service in memory, as far as the gateway needs one: GET with ranges and If-Match, HEAD, PUT, DELETE. */
export class ObjectStore {
  readonly objects = new Map<string, StoredObject>()
  #answers = 0

  /** `path`: bucket and raw key, as in `bucket/key`. */
  put(path: string, body: Uint8Array | string, fields: Readonly<Record<string, string>> = {}): StoredObject {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
    const { etag, ...others } = { etag: `"${createHash('md5').update(bytes).digest('hex')}"`, ...fields }
    const object = { bytes, etag, fields: { 'last-modified': LAST_MODIFIED, 'content-type': 'binary/octet-stream', ...others } }
    this.objects.set(path, object)
    return object
  }

  readonly answer = async (request: OriginRequest): Promise<OriginResponse> => {
    const path = `${request.bucket ?? ''}/${request.rawKey ?? ''}`
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return this.read(path, request)
      case 'PUT': {
        const body = await collect(request.body, BODY_BYTES_MAX)
        return reply(200, { etag: this.put(path, body ?? '').etag, 'x-amz-request-id': this.#requestId() })
      }
      case 'DELETE':
        this.objects.delete(path)
        return reply(204, { 'content-length': undefined })
      default:
        return errorReply(405, 'MethodNotAllowed')
    }
  }

  read(path: string, request: OriginRequest): OriginResponse {
    const object = this.objects.get(path)
    if (object === undefined) return errorReply(404, 'NoSuchKey', request.method)
    const ifMatch = headerValue(request.headers, 'if-match')
    if (ifMatch !== undefined && ifMatch !== object.etag) return errorReply(412, 'PreconditionFailed', request.method)
    const size = object.bytes.length
    const range = rangeOf(headerValue(request.headers, 'range'), size)
    if (range === undefined) return errorReply(416, 'InvalidRange', request.method)
    const bytes = object.bytes.subarray(range.start, range.end)
    const fields: Record<string, string | undefined> = { ...ANSWER_FIELDS, 'x-amz-request-id': this.#requestId(), etag: object.etag }
    for (const [name, value] of Object.entries(object.fields)) {
      const checksum = name.startsWith('x-amz-checksum-')
      const sent = !checksum || (headerValue(request.headers, 'x-amz-checksum-mode') !== undefined && bytes.length === size)
      if (sent) fields[name] = value
    }
    if (range.partial) fields['content-range'] = `bytes ${range.start}-${range.end - 1}/${size}`
    fields['content-length'] = String(bytes.length)
    const answer = reply(range.partial ? 206 : 200, fields, request.method === 'HEAD' ? '' : bytes)
    return request.method === 'HEAD' ? answer : { ...answer, body: sourceOf(...pieces(bytes)) }
  }

  #requestId(): string {
    this.#answers += 1
    return `ORIGIN${this.#answers}`
  }
}

/** A store and the origin in front of it. */
export function storeOrigin(name = 'origin'): { store: ObjectStore; origin: FunctionOrigin } {
  const store = new ObjectStore()
  return { store, origin: new FunctionOrigin(store.answer, name) }
}

const PIECE_BYTES = 64 * 1024

function pieces(bytes: Uint8Array): Uint8Array[] {
  const cut: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) cut.push(bytes.subarray(at, at + PIECE_BYTES))
  return cut
}

function rangeOf(header: string | undefined, size: number): { start: number; end: number; partial: boolean } | undefined {
  const match = header === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(header)
  if (match === null) return { start: 0, end: size, partial: false }
  if (match[1] === '') return size === 0 ? undefined : { start: Math.max(0, size - Number(match[2])), end: size, partial: true }
  const start = Number(match[1])
  return start >= size ? undefined : { start, end: match[2] === '' ? size : Math.min(size, Number(match[2]) + 1), partial: true }
}
