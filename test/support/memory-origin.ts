import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A version of an object: its bytes are given by a function, so that large ones cost nothing. */
export interface MemoryObject {
  readonly etag: string
  readonly sizeBytes: number
  readonly lastModifiedMs: number
  /** Bytes [start, end). */
  readonly read: (start: number, end: number) => Uint8Array
}

/** One request that the origin saw, with the bytes of body it sent. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  readonly ifMatch: string | undefined
  sentBytes: number
}

const CHUNK_BYTES = 256 * 1024

/**
 * A scripted S3-like origin on a real socket: GET with ranges and If-Match, HEAD, PUT, DELETE over objects in memory; counts what
 * it sends, and lets a test hold back requests or bodies. No signatures.
 */
export class MemoryOrigin {
  readonly objects = new Map<string, MemoryObject>()
  readonly seen: SeenRequest[] = []
  /** Awaited before a request is answered. */
  beforeAnswer: (seen: SeenRequest) => Promise<void> | void = () => undefined
  /** Awaited before each piece of a body; `sentBytes` tells how far it is. */
  beforePiece: (seen: SeenRequest) => Promise<void> | void = () => undefined
  readonly #server: Server
  #nextVersion = 1

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy())
    })
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Puts an object whose every version has other bytes: byte i of version v is a mix of both. Returns the version. */
  putPattern(path: string, sizeBytes: number): number {
    const version = this.#nextVersion++
    this.objects.set(path, {
      etag: `"v${version}"`,
      sizeBytes,
      lastModifiedMs: Date.UTC(2026, 0, 1) + version * 1000,
      read: (start, end) => patternBytes(version, start, end),
    })
    return version
  }

  putBytes(path: string, bytes: Uint8Array): void {
    this.objects.set(path, {
      etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
      sizeBytes: bytes.length,
      lastModifiedMs: Math.floor(Date.now() / 1000) * 1000,
      read: (start, end) => bytes.subarray(start, end),
    })
  }

  sentBytes(): number {
    return this.seen.reduce((sum, request) => sum + request.sentBytes, 0)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const seen: SeenRequest = {
      method: request.method ?? '',
      path,
      range: request.headers.range,
      ifMatch: request.headers['if-match'],
      sentBytes: 0,
    }
    this.seen.push(seen)
    await this.beforeAnswer(seen)
    if (request.method === 'PUT') return this.#put(path, request, response)
    request.resume()
    if (request.method === 'DELETE') {
      this.objects.delete(path)
      response.writeHead(204).end()
      return
    }
    await this.#read(seen, response)
  }

  async #put(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    this.putBytes(path, Buffer.concat(chunks))
    response.writeHead(200, { etag: this.objects.get(path)?.etag ?? '', 'content-length': 0 }).end()
  }

  async #read(seen: SeenRequest, response: ServerResponse): Promise<void> {
    const object = this.objects.get(seen.path)
    if (object === undefined) return refuse(response, 404, 'NoSuchKey')
    if (seen.ifMatch !== undefined && seen.ifMatch !== object.etag) return refuse(response, 412, 'PreconditionFailed')
    const range = rangeOf(seen.range, object.sizeBytes)
    if (range === undefined) return refuse(response, 416, 'InvalidRange')
    const headers: Record<string, string | number> = {
      etag: object.etag,
      'last-modified': new Date(object.lastModifiedMs).toUTCString(),
      'content-type': 'application/octet-stream',
      'content-length': range.end - range.start,
    }
    if (seen.range !== undefined) headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${object.sizeBytes}`
    response.writeHead(seen.range === undefined ? 200 : 206, headers)
    if (seen.method === 'HEAD') {
      response.end()
      return
    }
    for (let at = range.start; at < range.end && !response.destroyed; at += CHUNK_BYTES) {
      await this.beforePiece(seen)
      const bytes = object.read(at, Math.min(range.end, at + CHUNK_BYTES))
      seen.sentBytes += bytes.length
      if (!response.write(bytes)) await drained(response)
    }
    response.end()
  }
}

/** Bytes [start, end) of a version made by `putPattern`. */
export function patternBytes(version: number, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start)
  for (let i = 0; i < bytes.length; i++) {
    const at = start + i
    bytes[i] = (at ^ (at >>> 8) ^ (at >>> 16) ^ Math.imul(version, 167)) & 0xff
  }
  return bytes
}

async function drained(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  response.once('drain', resolve)
  response.once('close', resolve)
  await promise
  response.off('drain', resolve)
  response.off('close', resolve)
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message></Error>`
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': body.length })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

function rangeOf(header: string | undefined, sizeBytes: number): { start: number; end: number } | undefined {
  if (header === undefined) return { start: 0, end: sizeBytes }
  const match = /^bytes=(\d*)-(\d*)$/.exec(header)
  if (match === null) return { start: 0, end: sizeBytes }
  if (match[1] === '') {
    const length = Number(match[2])
    return length === 0 || sizeBytes === 0 ? undefined : { start: Math.max(0, sizeBytes - length), end: sizeBytes }
  }
  const start = Number(match[1])
  if (start >= sizeBytes) return undefined
  return { start, end: match[2] === '' ? sizeBytes : Math.min(sizeBytes, Number(match[2]) + 1) }
}
