import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A request as it arrived, byte for byte as latin1. */
export interface FaultRequest {
  readonly method: string
  readonly target: string
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  /** Counts from 1 over all connections. */
  readonly number: number
  /** Counts connections from 1: tells whether one was used again. */
  readonly connection: number
  /** Resolves with the body once it was received whole (chunked framing left in); empty where there is none. */
  readonly body: Promise<Buffer>
  /** Body bytes that have arrived so far. */
  readonly bodyBytes: () => number
}

/** The connection that a request came on, for answers that HTTP libraries do not give. */
export interface FaultReply {
  /** A whole answer with Content-Length; `headers` may override it. */
  answer(status: number, headers?: Readonly<Record<string, string | number>>, body?: string | Uint8Array): void
  /** Head and part of a body: announces more than it sends. The connection stays open until `end` or `reset`. */
  begin(status: number, headers: Readonly<Record<string, string | number>>, body?: string | Uint8Array): void
  /** More bytes, as they are. */
  write(bytes: string | Uint8Array): void
  /** Reads nothing more of this connection. */
  stopReading(): void
  /** Ends the connection in order (FIN). */
  end(): void
  /** Ends the connection with RST. */
  reset(): void
}

/** What to do with one request. It may wait on a barrier, answer before the body was read, or not answer at all. */
export type FaultScript = (request: FaultRequest, reply: FaultReply) => void | Promise<void>

/**
 * An HTTP/1.1 server that does to each request what a script says: answers, delays, resets, short or flipped bodies, answers
 * before the body has come. It keeps connections alive and reads request after request off each, so that what a client sends
 * out of step shows up as a request that nobody made. Reading of a body never stops unless the script says so.
 */
export class FaultOrigin {
  /** Every request that was understood, in order. */
  readonly requests: FaultRequest[] = []
  /** Bytes at a place where a request line was due but none was: a client out of step. */
  readonly garbage: string[] = []
  script: FaultScript
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #connections = 0

  constructor(script: FaultScript = (_request, reply) => reply.answer(200)) {
    this.script = script
    this.#server = createServer((socket) => this.#serve(socket))
  }

  get connections(): number {
    return this.#connections
  }

  /** Resolves with `http://127.0.0.1:port`. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    const connection = ++this.#connections
    let received: Buffer = Buffer.alloc(0)
    let bodyOf: BodyReader | undefined
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      for (;;) {
        if (bodyOf !== undefined) {
          const rest = bodyOf.take(received)
          received = rest ?? Buffer.alloc(0)
          if (rest === undefined) return
          bodyOf = undefined
        }
        const end = received.indexOf('\r\n\r\n')
        if (end < 0) return
        const head = received.subarray(0, end).toString('latin1')
        received = received.subarray(end + 4)
        bodyOf = this.#request(head, connection, socket)
        if (bodyOf === undefined) return
      }
    })
  }

  #request(head: string, connection: number, socket: Socket): BodyReader | undefined {
    const [requestLine = '', ...lines] = head.split('\r\n')
    const match = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(requestLine)
    if (match === null) {
      this.garbage.push(requestLine)
      socket.destroy()
      return undefined
    }
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    const reader = new BodyReader(headers)
    const request: FaultRequest = {
      method: match[1] ?? '',
      target: match[2] ?? '',
      headers,
      number: this.requests.length + 1,
      connection,
      body: reader.whole.promise,
      bodyBytes: () => reader.receivedBytes,
    }
    this.requests.push(request)
    Promise.resolve(this.script(request, replyOn(socket, request.method))).catch(() => socket.destroy())
    return reader
  }
}

/** Counts off one request body. */
class BodyReader {
  readonly whole = Promise.withResolvers<Buffer>()
  readonly #chunks: Buffer[] = []
  readonly #length: number | undefined
  receivedBytes = 0

  constructor(headers: ReadonlyMap<string, string>) {
    this.#length = headers.get('transfer-encoding') === 'chunked' ? undefined : Number(headers.get('content-length') ?? 0)
  }

  /** What follows the body, or undefined where it has not ended. */
  take(bytes: Buffer): Buffer | undefined {
    const before = this.receivedBytes
    this.receivedBytes += bytes.length
    this.#chunks.push(bytes)
    const end = this.#length ?? endOfChunked(Buffer.concat(this.#chunks))
    if (end === undefined || this.receivedBytes < end) return undefined
    this.receivedBytes = end
    this.whole.resolve(Buffer.concat(this.#chunks, end))
    return bytes.subarray(end - before)
  }
}

function endOfChunked(bytes: Buffer): number | undefined {
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    at = lineEnd + 2 + size + 2
    if (at > bytes.length) return undefined
    if (size === 0) return at
  }
}

function replyOn(socket: Socket, method: string): FaultReply {
  const begin: FaultReply['begin'] = (status, headers, body = '') => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 ${status} Scripted\r\n${lines.join('')}\r\n`, 'latin1')
    if (body.length > 0 && method !== 'HEAD') socket.write(body)
  }
  return {
    begin,
    answer: (status, headers = {}, body = '') => begin(status, { 'content-length': Buffer.byteLength(body), ...headers }, body),
    write: (bytes) => {
      socket.write(bytes)
    },
    stopReading: () => {
      socket.pause()
    },
    end: () => {
      socket.end()
    },
    reset: () => {
      socket.resetAndDestroy()
    },
  }
}

/** A door that opens once: scripts wait at it, the test opens it. */
export class Barrier {
  readonly #door = Promise.withResolvers<void>()
  readonly opened: Promise<void> = this.#door.promise

  open(): void {
    this.#door.resolve()
  }
}
