import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import type { Style } from './client.ts'
import { type Credentials, EMPTY, canonicalQuery, percentEncode, presignQuery, signHeaders } from './sign.ts'

export interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

export interface ReferenceRequest {
  readonly method: string
  readonly bucket: string
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

const TIMEOUT_MS = 60_000

/**
 * The plainest S3 client there is: path style, one signed request, the whole body in memory, no retry, nothing normalised.
 * What it reads from the origin is the truth that every other client is compared with.
 */
export class ReferenceClient {
  readonly #endpoint: URL
  readonly #credentials: Credentials
  readonly #agent: http.Agent

  readonly #style: Style

  constructor(endpoint: string, credentials: Credentials, more: { readonly style?: Style; readonly ca?: string } = {}) {
    this.#endpoint = new URL(endpoint)
    this.#credentials = credentials
    this.#style = more.style ?? 'path'
    const trust = more.ca === undefined ? {} : { ca: more.ca }
    this.#agent = new (this.#transport().Agent)({ keepAlive: true, maxSockets: 4, ...trust })
  }

  async send(request: ReferenceRequest): Promise<Reply> {
    const path = this.#path(request.bucket, request.key)
    const [query, body] = [request.query ?? {}, request.body ?? EMPTY]
    const parts = { method: request.method, host: this.#endpoint.host, path, query, headers: request.headers ?? {}, body }
    const headers = { ...signHeaders(parts, this.#credentials), 'content-length': String(body.length) }
    const rawQuery = canonicalQuery(query)
    return this.#exchange({ method: request.method, path: rawQuery === '' ? path : `${path}?${rawQuery}`, headers }, body)
  }

  async get(bucket: string, key: string): Promise<Reply> {
    return this.send({ method: 'GET', bucket, key })
  }

  async head(bucket: string, key: string): Promise<Reply> {
    return this.send({ method: 'HEAD', bucket, key })
  }

  async put(bucket: string, key: string, body: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    expectStatus(await this.send({ method: 'PUT', bucket, key, body, headers }), `put "${key}"`)
  }

  async createBucket(bucket: string): Promise<void> {
    expectStatus(await this.send({ method: 'PUT', bucket }), `create bucket "${bucket}"`)
  }

  /** Every key and size, in the order in which the server lists them. */
  async list(bucket: string): Promise<{ key: string; sizeBytes: number }[]> {
    const listed: { key: string; sizeBytes: number }[] = []
    let token: string | undefined
    do {
      const query: Record<string, string> = { 'list-type': '2', 'encoding-type': 'url' }
      if (token !== undefined) query['continuation-token'] = token
      const reply = expectStatus(await this.send({ method: 'GET', bucket, query }), `list "${bucket}"`)
      const xml = reply.body.toString('utf8')
      for (const [, entry = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        listed.push({ key: decodeListedKey(element(entry, 'Key')), sizeBytes: Number(element(entry, 'Size')) })
      }
      token = /<IsTruncated>true</.test(xml) ? element(xml, 'NextContinuationToken') : undefined
    } while (token !== undefined)
    return listed
  }

  /** Deletes the bucket with everything in it. */
  async destroyBucket(bucket: string): Promise<void> {
    for (const { key } of await this.list(bucket)) await this.send({ method: 'DELETE', bucket, key })
    await this.send({ method: 'DELETE', bucket })
  }

  presign(method: string, bucket: string, key: string, expiresSeconds = 600): string {
    const { protocol, host: plainHost } = this.#endpoint
    const [host, path] =
      this.#style === 'path' ? [plainHost, this.#path(bucket, key)] : [`${bucket}.${plainHost}`, `/${percentEncode(key, '/')}`]
    const parts = { method, host, path, query: {}, headers: {}, body: EMPTY }
    return `${protocol}//${host}${path}?${presignQuery(parts, this.#credentials, expiresSeconds)}`
  }

  close(): void {
    this.#agent.destroy()
  }

  #path(bucket: string, key: string | undefined): string {
    const prefix = this.#endpoint.pathname.replace(/\/$/, '')
    return `${prefix}/${percentEncode(bucket)}${key === undefined ? '' : `/${percentEncode(key, '/')}`}`
  }

  #transport(): typeof http | typeof https {
    return this.#endpoint.protocol === 'https:' ? https : http
  }

  async #exchange(head: { method: string; path: string; headers: Record<string, string> }, body: Buffer): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const options = { ...head, hostname: this.#endpoint.hostname, port: this.#endpoint.port, agent: this.#agent, timeout: TIMEOUT_MS }
    const request = this.#transport().request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
    })
    request.once('timeout', () => request.destroy(new Error(`No progress within ${TIMEOUT_MS} ms`)))
    request.once('error', (error) => reject(new Error(`Cannot ${head.method} "${head.path}": ${error.message}`, { cause: error })))
    request.end(body)
    return promise
  }
}

/** The ETag that S3 gives an object that was stored by a single PUT. */
export function plainEtag(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`
}

/** A key out of a list with encoding-type=url, as it stands in the XML; some servers encode less than others. */
export function decodeListedKey(text: string): string {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  const plain = text.replaceAll(/&(\w+);/g, (entity, name: string) => entities[name] ?? entity)
  return decodeURIComponent(plain.replaceAll('+', ' '))
}

function expectStatus(reply: Reply, what: string): Reply {
  if (reply.status >= 300) throw new Error(`Cannot ${what}: status ${reply.status}, ${reply.body.toString('utf8').slice(0, 300)}`)
  return reply
}

function element(xml: string, name: string): string {
  return new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(xml)?.[1] ?? ''
}
