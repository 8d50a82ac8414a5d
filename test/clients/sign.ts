import { createHash, createHmac } from 'node:crypto'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

export interface RequestToSign {
  readonly method: string
  readonly host: string
  /** Already percent-encoded, with its leading slash. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Whose scope it is signed in; S3's where absent. */
  readonly service?: string
}

export const EMPTY = Buffer.alloc(0)

/**
 * SigV4 for S3 by the Authorization header: the fields to send, `host` among them. A signer of the tests' own, so that a fault
 * in hotbucket's cannot hide itself.
 */
export function signHeaders(request: RequestToSign, credentials: Credentials, now = new Date()): Record<string, string> {
  const amzDate = toAmzDate(now)
  const hash = sha256(request.body)
  const headers: Record<string, string> = { ...request.headers, host: request.host, 'x-amz-date': amzDate, 'x-amz-content-sha256': hash }
  const signed = signature(request, { headers, query: request.query, hash, amzDate }, credentials)
  const credential = `${credentials.accessKeyId}/${scopeOf(amzDate, credentials, request.service)}`
  headers['authorization'] = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed.names}, Signature=${signed.signature}`
  return headers
}

/** The query of a presigned URL, `X-Amz-Signature` last. */
export function presignQuery(request: RequestToSign, credentials: Credentials, expiresSeconds: number, now = new Date()): string {
  const amzDate = toAmzDate(now)
  const query: Record<string, string> = {
    ...request.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${credentials.accessKeyId}/${scopeOf(amzDate, credentials)}`,
    'X-Amz-Date': amzDate,
    'X-Amz-Expires': String(expiresSeconds),
    'X-Amz-SignedHeaders': 'host',
  }
  const signed = signature(request, { headers: { host: request.host }, query, hash: 'UNSIGNED-PAYLOAD', amzDate }, credentials)
  return `${canonicalQuery(query)}&X-Amz-Signature=${signed.signature}`
}

/** Every byte but A-Z a-z 0-9 - . _ ~ as %XX; `keep` names more bytes to leave alone. */
export function percentEncode(text: string, keep = ''): string {
  let encoded = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte)
    encoded += /[\w.~-]/.test(character) || keep.includes(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

export function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

interface SigningInput {
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly hash: string
  readonly amzDate: string
}

function signature(request: RequestToSign, input: SigningInput, credentials: Credentials): { names: string; signature: string } {
  const names = Object.keys(input.headers).sort()
  const fields = names.map((name) => `${name}:${input.headers[name]?.trim()}\n`).join('')
  const signedNames = names.join(';')
  const canonical = [request.method, request.path, canonicalQuery(input.query), fields, signedNames, input.hash].join('\n')
  const toSign = [
    'AWS4-HMAC-SHA256',
    input.amzDate,
    scopeOf(input.amzDate, credentials, request.service),
    sha256(Buffer.from(canonical)),
  ].join('\n')
  const parts = [input.amzDate.slice(0, 8), credentials.region, request.service ?? 's3', 'aws4_request']
  const key = parts.reduce((secret: Buffer, part) => hmac(secret, part), Buffer.from(`AWS4${credentials.secretAccessKey}`))
  return { names: signedNames, signature: hmac(key, toSign).toString('hex') }
}

function toAmzDate(now: Date): string {
  return now.toISOString().replaceAll(/[-:]|\.\d+/g, '')
}

function scopeOf(amzDate: string, credentials: Credentials, service = 's3'): string {
  return `${amzDate.slice(0, 8)}/${credentials.region}/${service}/aws4_request`
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
