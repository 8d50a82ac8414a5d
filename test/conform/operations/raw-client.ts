import http from 'node:http'
import { connect } from 'node:net'
import type { Reply } from '../../clients/reference-client.ts'
import { type Credentials, EMPTY, canonicalQuery, presignQuery, signHeaders } from '../../clients/sign.ts'

/** A request as it goes on the wire: nothing is normalised, added or retried. */
export interface RawRequest {
  readonly method: string
  /** Percent-encoded, with its leading slash. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Lower-case names; signed where the request is. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent but not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** How it is signed; 'header' where absent. */
  readonly sign?: 'header' | 'query' | 'none'
  readonly credentials?: Credentials
  /** Whose scope it is signed in; S3's where absent. */
  readonly service?: string
  /** The signer's clock. */
  readonly now?: Date
  readonly expiresSeconds?: number
  /** Changes the request line after it was signed. */
  readonly afterSigning?: (target: string) => string
  /** Sends the body in chunks and without a length. */
  readonly chunked?: boolean
}

const TIMEOUT_MS = 30_000

export class RawClient {
  readonly host: string
  readonly #endpoint: URL
  readonly #credentials: Credentials
  readonly #agent: http.Agent

  constructor(endpoint: string, credentials: Credentials) {
    this.#endpoint = new URL(endpoint)
    this.host = this.#endpoint.host
    this.#credentials = credentials
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: 4 })
  }

  async send(request: RawRequest): Promise<Reply> {
    const body = request.body ?? EMPTY
    const { target, headers } = this.#sign(request, body)
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const length = request.chunked === true ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) }
    const outgoing = http.request({
      method: request.method,
      path: request.afterSigning?.(target) ?? target,
      headers: { ...(body.length > 0 || request.method.startsWith('P') ? length : {}), ...headers, ...request.unsigned },
      hostname: this.#endpoint.hostname,
      port: this.#endpoint.port,
      agent: this.#agent,
      timeout: TIMEOUT_MS,
    })
    outgoing.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
    })
    outgoing.once('timeout', () => outgoing.destroy(new Error('timeout')))
    outgoing.once('error', reject)
    if (outgoing.getHeader('expect') !== undefined) {
      outgoing.flushHeaders()
      outgoing.once('continue', () => outgoing.end(body))
      outgoing.once('response', () => outgoing.end())
    } else outgoing.end(body)
    return promise
  }

  /** Bytes as they are on a connection of their own; the answer's bytes until the server closes or is quiet for `quietMs`. */
  async bytes(request: string | Buffer, quietMs = 1_000): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const socket = connect({ host: this.#endpoint.hostname, port: Number(this.#endpoint.port) })
    let text = ''
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
    socket.write(request)
    return promise
  }

  /** The fields of a signed request, `host` among them. */
  signed(request: RawRequest): Record<string, string> {
    return this.#sign(request, request.body ?? EMPTY).headers
  }

  close(): void {
    this.#agent.destroy()
  }

  #sign(request: RawRequest, body: Buffer): { target: string; headers: Record<string, string> } {
    const { method, path, query = {}, headers = {}, now = new Date() } = request
    const credentials = request.credentials ?? this.#credentials
    const parts = {
      method,
      host: headers['host'] ?? this.#endpoint.host,
      path,
      query,
      headers,
      body,
      ...(request.service === undefined ? {} : { service: request.service }),
    }
    const rawQuery = canonicalQuery(query)
    const plain = rawQuery === '' ? path : `${path}?${rawQuery}`
    switch (request.sign ?? 'header') {
      case 'header':
        return { target: plain, headers: signHeaders(parts, credentials, now) }
      case 'query':
        return {
          target: `${path}?${presignQuery(parts, credentials, request.expiresSeconds ?? 600, now)}`,
          headers: { host: parts.host, ...headers },
        }
      case 'none':
        return { target: plain, headers: { host: parts.host, ...headers } }
    }
  }
}
