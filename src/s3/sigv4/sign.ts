import { assert } from '../../base/assert.ts'
import { headerValue, withoutHeaders, type HeaderList } from '../../base/header-list.ts'
import { percentEncode } from '../percent.ts'
import { parseQuery } from '../query.ts'
import { dayOf, formatAmzDate } from './amz-date.ts'
import {
  ALGORITHM,
  canonicalQuery,
  canonicalRequest,
  canonicalUri,
  SCOPE_END,
  sha256Hex,
  stringToSign,
  UNSIGNED_PAYLOAD,
} from './canonical.ts'
import type { ChunkSigning } from './chunk-signature.ts'
import { SignedHeaders } from './signed-headers.ts'
import { deriveSigningKey, type SigningKey } from './signing-key.ts'
import type { SigningKeyOf } from './signing-keys.ts'

export interface SigningCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

interface Signing {
  readonly method: string
  /** As it goes on the wire, an endpoint's path prefix included. */
  readonly rawPath: string
  readonly rawQuery: string
  readonly nowMs: number
  readonly credentials: SigningCredentials
  readonly region: string
  /** `s3` unless said otherwise. */
  readonly service?: string | undefined
  /** Keeps derived keys where many requests are signed: `SigningKeys.of`. */
  readonly signingKey?: SigningKeyOf | undefined
}

export interface SignRequest extends Signing {
  /** What is sent, `host` included. Fields that the signature brings must not be among them. */
  readonly headers: HeaderList
  /** Lower-case hex SHA-256 of the body, or one of the literals that `x-amz-content-sha256` knows. */
  readonly payloadHash: string
}

export interface PresignRequest extends Signing {
  readonly host: string
  readonly expiresSeconds: number
  /** What is sent besides; every `x-amz-*` of it is signed, because S3 demands that. */
  readonly headers?: HeaderList | undefined
}

/** Signed if present, besides every `x-amz-*`. Not signed is what hops in between may change: Accept-Encoding, User-Agent, Content-Length … */
const SIGNED_FIELDS: ReadonlySet<string> = new Set([
  'content-md5',
  'content-type',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
])

const SIGNATURE_FIELDS: ReadonlySet<string> = new Set(['authorization', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'])

/** Signs a request in its header. Returns the fields to add; `headers` is not among them. Throws Refusal InvalidURI for a bad escape. */
export function signRequest(request: SignRequest): string[] {
  return signStreamingRequest(request).headers
}

/** As signRequest, and what signed chunks begin with. */
export function signStreamingRequest(request: SignRequest): { readonly headers: string[]; readonly seed: ChunkSigning } {
  assert(headerValue(request.headers, 'host') !== undefined, 'signRequest: headers hold host')
  const amzDate = formatAmzDate(request.nowMs)
  const added = ['x-amz-date', amzDate, 'x-amz-content-sha256', request.payloadHash]
  const token = request.credentials.sessionToken
  if (token !== undefined) added.push('x-amz-security-token', token)
  const headers = [...withoutHeaders(request.headers, (name) => SIGNATURE_FIELDS.has(name)), ...added]
  const signed = signedHeaders(headers)
  const canonical = canonicalRequest({
    method: request.method,
    ...canonicalTarget(request.rawPath, request.rawQuery),
    headerLines: signed.canonicalLines(headers, undefined),
    signedHeaders: signed.text,
    payloadHash: request.payloadHash,
  })
  const { scope, key } = signingScope(request, amzDate)
  const signature = key.sign(stringToSign(amzDate, scope, sha256Hex(canonical)))
  const credential = `${request.credentials.accessKeyId}/${scope}`
  added.push('authorization', `${ALGORITHM} Credential=${credential}, SignedHeaders=${signed.text}, Signature=${signature}`)
  return { headers: added, seed: { signingKey: key, amzDate, scope, seedSignature: signature } }
}

/** The query of a presigned URL: the given one and the signature. The host and the given fields are signed besides; the body is not. */
export function presign(request: PresignRequest): string {
  const amzDate = formatAmzDate(request.nowMs)
  const { scope, key } = signingScope(request, amzDate)
  const token = request.credentials.sessionToken
  const headers = withoutHeaders(request.headers ?? [], (name) => name === 'host' || SIGNATURE_FIELDS.has(name))
  const signed = signedHeaders([...headers, 'host', request.host])
  const parameters = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${request.credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', amzDate],
    ['X-Amz-Expires', String(request.expiresSeconds)],
    ...(token === undefined ? [] : [['X-Amz-Security-Token', token]]),
    ['X-Amz-SignedHeaders', signed.text],
  ].map(([name = '', value = '']) => `${name}=${percentEncode(value)}`)
  const rawQuery = [...(request.rawQuery === '' ? [] : [request.rawQuery]), ...parameters].join('&')
  const canonical = canonicalRequest({
    method: request.method,
    ...canonicalTarget(request.rawPath, rawQuery),
    headerLines: signed.canonicalLines(headers, request.host),
    signedHeaders: signed.text,
    payloadHash: UNSIGNED_PAYLOAD,
  })
  return `${rawQuery}&X-Amz-Signature=${key.sign(stringToSign(amzDate, scope, sha256Hex(canonical)))}`
}

/** The fields to sign, sorted, each once. */
function signedHeaders(headers: HeaderList): SignedHeaders {
  const names = new Set<string>()
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.startsWith('x-amz-') || SIGNED_FIELDS.has(name)) names.add(name)
  }
  return new SignedHeaders([...names].sort().join(';'))
}

function canonicalTarget(rawPath: string, rawQuery: string): { readonly uri: string; readonly query: string } {
  return { uri: canonicalUri(rawPath), query: canonicalQuery(parseQuery(rawQuery)) }
}

function signingScope(request: Signing, amzDate: string): { readonly scope: string; readonly key: SigningKey } {
  const { region, service = 's3', credentials, signingKey = deriveSigningKey } = request
  const day = dayOf(amzDate)
  return { scope: `${day}/${region}/${service}/${SCOPE_END}`, key: signingKey(credentials.secretAccessKey, day, region, service) }
}
