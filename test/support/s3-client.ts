import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { Clock } from '../../src/base/clock.ts'
import { presign, signRequest, type SigningCredentials } from '../../src/s3/sigv4/sign.ts'
import { patternBytes } from './memory-origin.ts'

/** What came back: names in lower case, values latin1, repeated fields joined by commas. */
export interface Answer {
  readonly status: number
  readonly fields: ReadonlyMap<string, string>
  readonly body: Buffer
  /** False where the connection broke off before the body was whole. */
  readonly complete: boolean
}

export interface Ask {
  readonly method?: string
  /** Path and query, byte for byte. */
  readonly path: string
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Uint8Array | string
}

export const REGION = 'us-east-1'

/** An S3 client that sends exactly what it is told: raw paths, latin1 fields; signed where it has credentials. */
export class S3Client {
  readonly #endpoint: URL
  readonly #clock: Clock
  readonly #credentials: SigningCredentials | undefined

  constructor(to: { readonly endpoint: string; readonly clock: Clock }, credentials?: SigningCredentials) {
    this.#endpoint = new URL(to.endpoint)
    this.#clock = to.clock
    this.#credentials = credentials
  }

  async get(path: string, fields: Ask['fields'] = {}): Promise<Answer> {
    return this.ask({ path, fields })
  }

  async head(path: string, fields: Ask['fields'] = {}): Promise<Answer> {
    return this.ask({ method: 'HEAD', path, fields })
  }

  async put(path: string, body: Uint8Array | string, fields: Ask['fields'] = {}): Promise<Answer> {
    return this.ask({ method: 'PUT', path, body, fields })
  }

  async ask(ask: Ask): Promise<Answer> {
    const fields = { ...ask.fields, ...this.signature(ask) }
    const { hostname, port, host } = this.#endpoint
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { hostname, port, method: ask.method ?? 'GET', path: ask.path, headers: { host, ...fields }, agent: false },
        (response) => {
          const chunks: Buffer[] = []
          const finish = (): void =>
            resolve({
              status: response.statusCode ?? 0,
              fields: fieldMap(response.rawHeaders),
              body: Buffer.concat(chunks),
              complete: response.complete,
            })
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', () => undefined)
          response.on('close', finish)
        },
      )
      sent.on('error', reject)
      sent.end(ask.body === undefined ? undefined : bytesOf(ask.body))
    })
  }

  /** The fields that sign a request; none without credentials. */
  signature(ask: Ask, payloadHash?: string): Record<string, string> {
    if (this.#credentials === undefined) return {}
    const { rawPath, rawQuery } = split(ask.path)
    const headers = typeof ask.fields?.['host'] === 'string' ? [] : ['host', this.#endpoint.host]
    for (const [name, value] of Object.entries(ask.fields ?? {}))
      for (const one of typeof value === 'string' ? [value] : value) headers.push(name.toLowerCase(), one)
    const added = signRequest({
      method: ask.method ?? 'GET',
      rawPath,
      rawQuery,
      headers,
      payloadHash: payloadHash ?? sha256(ask.body ?? ''),
      nowMs: this.#clock.nowMs(),
      credentials: this.#credentials,
      region: REGION,
    })
    return recordOf(added)
  }

  /** A presigned path and query for this endpoint. */
  presign(ask: { readonly method?: string; readonly path: string; readonly expiresSeconds?: number }): string {
    assert.ok(this.#credentials !== undefined, 'presign: the client has credentials')
    const { rawPath, rawQuery } = split(ask.path)
    const query = presign({
      method: ask.method ?? 'GET',
      rawPath,
      rawQuery,
      host: this.#endpoint.host,
      expiresSeconds: ask.expiresSeconds ?? 60,
      nowMs: this.#clock.nowMs(),
      credentials: this.#credentials,
      region: REGION,
    })
    return `${rawPath}?${query}`
  }
}

/** The code in an S3 error, after checks that every error has to pass. */
export function errorCode(answer: Answer): string {
  assert.equal(answer.fields.get('content-type'), 'application/xml')
  const xml = answer.body.toString('latin1')
  assert.equal(/<RequestId>([^<]*)<\/RequestId>/.exec(xml)?.[1], answer.fields.get('x-amz-request-id'))
  const code = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<Error><Code>([A-Za-z0-9]+)<\/Code>/.exec(xml)?.[1]
  assert.ok(code !== undefined, xml)
  return code
}

/** Bytes that differ at every place where a mistake by a block or a piece would show. */
export function patterned(sizeBytes: number, version = 1): Uint8Array {
  return patternBytes(version, 0, sizeBytes)
}

/** Like assert.deepEqual, but says where the first difference is instead of printing megabytes. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, message = ''): void {
  assert.equal(actual.length, expected.length, `${message} length`)
  if (Buffer.compare(actual, expected) === 0) return
  const at = actual.findIndex((byte, i) => byte !== expected[i])
  assert.fail(`${message} byte ${at} is ${actual[at]}, wanted ${expected[at]}`)
}

export function sha256(body: Uint8Array | string): string {
  return createHash('sha256').update(bytesOf(body)).digest('hex')
}

function bytesOf(body: Uint8Array | string): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : body
}

function split(path: string): { rawPath: string; rawQuery: string } {
  const at = path.indexOf('?')
  return at < 0 ? { rawPath: path, rawQuery: '' } : { rawPath: path.slice(0, at), rawQuery: path.slice(at + 1) }
}

function recordOf(headers: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) record[headers[i] ?? ''] = headers[i + 1] ?? ''
  return record
}

function fieldMap(rawHeaders: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const before = fields.get(name)
    fields.set(name, before === undefined ? (rawHeaders[i + 1] ?? '') : `${before}, ${rawHeaders[i + 1] ?? ''}`)
  }
  return fields
}
