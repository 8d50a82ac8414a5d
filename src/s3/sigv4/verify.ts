// hot path
import { timingSafeEqual, type KeyObject } from 'node:crypto'
import { headerValue, headerValues, type HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../errors.ts'
import { parseHttpDate } from '../http-date.ts'
import { parseQuery, type Query } from '../query.ts'
import { dayOf, formatAmzDate, parseAmzDate } from './amz-date.ts'
import {
  ALGORITHM,
  canonicalHeaders,
  canonicalQuery,
  canonicalRequest,
  canonicalUri,
  EMPTY_SHA256,
  sign,
  stringToSign,
  UNSIGNED_PAYLOAD,
} from './canonical.ts'
import { checkScope, parseAuthorization, parseCredential, type SignatureClaim, unsupportedMechanism } from './credential.ts'
import { parsePayload } from './payload.ts'
import type { SigningKeyOf } from './signing-keys.ts'

/**
 * Verifies Signature Version 4, in the Authorization header or in a presigned URL.
 *
 * Deliberate differences from AWS: paths match in canonical form and also verbatim (as R2 has it); tabs inside values are kept.
 * Not supported, and refused by name: Signature Version 2, Signature Version 4A. POST policies are signed in the form, not here.
 */

/** A week: the longest that a presigned URL lives. */
const MAX_EXPIRES_SECONDS = 604_800

/** Fields of the `x-amz-` family that hops in front add after signing (CloudFront). */
const ADDED_ON_THE_WAY: ReadonlySet<string> = new Set(['x-amz-cf-id'])

export interface UnverifiedRequest {
  readonly method: string
  readonly rawPath: string
  readonly rawQuery: string
  readonly headers: HeaderList
  /** The host that the request is for, where it is not the Host field's (absolute-form targets): it is what must have been signed. */
  readonly host?: string | undefined
}

export interface VerifyOptions {
  readonly lookup: (accessKeyId: string) => { readonly secretAccessKey: string; readonly sessionToken?: string | undefined } | undefined
  readonly nowMs: number
  /** The region that scopes must name; undefined: any. */
  readonly region?: string | undefined
  /** `s3` unless said otherwise. Only S3 demands `x-amz-content-sha256` and takes UNSIGNED-PAYLOAD for presigned URLs. */
  readonly service?: string | undefined
  /** For services other than S3, which hash the body itself: its hash, for requests that do not declare it. Default: no body. */
  readonly undeclaredPayload?: string | undefined
  /** How far the client's clock may be off, either way. */
  readonly skewMs: number
  readonly signingKey: SigningKeyOf
}

/** A request that was signed by who it says it was. */
export interface Verified {
  readonly kind: 'header' | 'presigned'
  readonly accessKeyId: string
  /** The `x-amz-content-sha256` that was signed: see parsePayload. */
  readonly payload: string
  /** Lower-case hex; the seed of signed chunks. */
  readonly signature: string
  readonly scope: string
  readonly amzDate: string
  readonly signingKey: KeyObject
}

/** A claim with its date: what both places of a signature come down to. */
interface Claimed extends SignatureClaim {
  readonly kind: Verified['kind']
  readonly amzDate: string
  readonly payload: string
}

/** Verifies a request, or says that it is not signed at all. Throws Refusal with S3's own codes. */
export function verifyRequest(request: UnverifiedRequest, options: VerifyOptions): Verified | 'anonymous' {
  const claimed = claimOf(request, options)
  if (claimed === undefined) return 'anonymous'
  const names = claimed.signedHeaders.split(';')
  checkSignedHeaders(request.headers, names, claimed)
  const credentials = options.lookup(claimed.accessKeyId)
  if (credentials === undefined) throw new Refusal('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claimed.accessKeyId } })
  const signingKey = options.signingKey(credentials.secretAccessKey, claimed.day, claimed.region, claimed.service)
  checkSignature(request, { claimed, names, signingKey })
  checkSessionToken(request, claimed.kind, credentials.sessionToken)
  const { kind, accessKeyId, payload, signature, scope, amzDate } = claimed
  return { kind, accessKeyId, payload, signature, scope, amzDate, signingKey }
}

function claimOf(request: UnverifiedRequest, options: VerifyOptions): Claimed | undefined {
  const authorizations = headerValues(request.headers, 'authorization')
  const query = mayHoldSignature(request.rawQuery) ? parseQuery(request.rawQuery) : []
  const presigned = presignedParameters(query)
  const oldPresigned = query.some(({ name }) => name === 'Signature' || name === 'AWSAccessKeyId')
  const mechanisms = authorizations.length + (presigned === undefined ? 0 : 1) + (oldPresigned ? 1 : 0)
  if (mechanisms === 0) return undefined
  if (mechanisms > 1) {
    throw new Refusal('InvalidArgument', {
      message:
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      fields: { ArgumentName: 'Authorization' },
    })
  }
  if (presigned !== undefined) return presignedClaim(request, presigned, options)
  if (oldPresigned) throw unsupportedMechanism()
  return headerClaim(request, authorizations[0] ?? '', options)
}

/** Cheap for the many requests without a query; `%` because names may be encoded. */
function mayHoldSignature(rawQuery: string): boolean {
  return rawQuery !== '' && (rawQuery.includes('%') || /x-amz-|signature|awsaccesskeyid/i.test(rawQuery))
}

function headerClaim(request: UnverifiedRequest, authorization: string, options: VerifyOptions): Claimed {
  const claim = parseAuthorization(authorization)
  const service = options.service ?? 's3'
  const { amzDate, timeMs } = requestDate(request.headers, options.nowMs)
  checkScope(claim, { day: dayOf(amzDate), region: options.region, service }, 'AuthorizationHeaderMalformed')
  if (Math.abs(options.nowMs - timeMs) > options.skewMs) {
    throw new Refusal('RequestTimeTooSkewed', {
      fields: {
        RequestTime: amzDate,
        ServerTime: isoSeconds(options.nowMs),
        MaxAllowedSkewMilliseconds: String(options.skewMs),
      },
    })
  }
  const payload = singleHeader(request.headers, 'x-amz-content-sha256')
  if (payload === undefined && service === 's3') {
    throw new Refusal('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' })
  }
  if (payload !== undefined) parsePayload(payload)
  return { ...claim, kind: 'header', amzDate, payload: payload ?? options.undeclaredPayload ?? EMPTY_SHA256 }
}

/** The time of signing: x-amz-date, or else Date, in ISO 8601 basic form for the string to sign. */
function requestDate(headers: HeaderList, nowMs: number): { readonly amzDate: string; readonly timeMs: number } {
  const amzDate = singleHeader(headers, 'x-amz-date')
  const date = amzDate ?? singleHeader(headers, 'date')
  if (date !== undefined) {
    const amzMs = parseAmzDate(date)
    if (amzMs !== undefined) return { amzDate: date, timeMs: amzMs }
    const httpMs = amzDate === undefined ? parseHttpDate(date, nowMs) : undefined
    if (httpMs !== undefined) return { amzDate: formatAmzDate(httpMs), timeMs: httpMs }
  }
  throw new Refusal('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' })
}

/** The X-Amz-* parameters by lower-case name, or undefined where none of them says that the request is signed. */
function presignedParameters(query: Query): ReadonlyMap<string, readonly string[]> | undefined {
  let signed = false
  const found = new Map<string, string[]>()
  for (const { name, value } of query) {
    const lower = name.toLowerCase()
    if (!lower.startsWith('x-amz-')) continue
    if (lower === 'x-amz-signature' || lower === 'x-amz-credential' || lower === 'x-amz-algorithm') signed = true
    const values = found.get(lower)
    if (values === undefined) found.set(lower, [value])
    else values.push(value)
  }
  return signed ? found : undefined
}

function presignedClaim(request: UnverifiedRequest, parameters: ReadonlyMap<string, readonly string[]>, options: VerifyOptions): Claimed {
  const one = (name: string): string => {
    const values = parameters.get(name)
    if (values?.length !== 1 || !values[0]) {
      throw queryError(
        'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
      )
    }
    return values[0]
  }
  const algorithm = one('x-amz-algorithm')
  if (algorithm.startsWith('AWS4-ECDSA-')) throw unsupportedMechanism()
  if (algorithm !== ALGORITHM) throw queryError(`X-Amz-Algorithm only supports "${ALGORITHM}"`)
  const credential = parseCredential(one('x-amz-credential'), 'AuthorizationQueryParametersError')
  const signature = one('x-amz-signature')
  const signedHeaders = one('x-amz-signedheaders')
  const amzDate = one('x-amz-date')
  const timeMs = parseAmzDate(amzDate)
  if (timeMs === undefined) throw queryError(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
  const expiresSeconds = parseExpires(one('x-amz-expires'))
  const service = options.service ?? 's3'
  const claim = { ...credential, signedHeaders, signature }
  checkScope(claim, { day: dayOf(amzDate), region: options.region, service }, 'AuthorizationQueryParametersError')
  checkLifetime({ timeMs, expiresSeconds }, options)
  const declared = singleHeader(request.headers, 'x-amz-content-sha256') ?? parameters.get('x-amz-content-sha256')?.[0]
  if (declared !== undefined) parsePayload(declared)
  const undeclared = service === 's3' ? UNSIGNED_PAYLOAD : (options.undeclaredPayload ?? EMPTY_SHA256)
  return { ...claim, kind: 'presigned', amzDate, payload: declared ?? undeclared }
}

function parseExpires(text: string): number {
  if (/^-\d+$/.test(text)) throw queryError('X-Amz-Expires must be non-negative')
  if (!/^\d+$/.test(text)) throw queryError('X-Amz-Expires should be a number')
  const seconds = Number(text)
  if (seconds > MAX_EXPIRES_SECONDS) {
    throw queryError(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${MAX_EXPIRES_SECONDS} seconds`,
    )
  }
  if (seconds === 0) throw queryError('X-Amz-Expires must be greater than zero')
  return seconds
}

function checkLifetime(life: { readonly timeMs: number; readonly expiresSeconds: number }, options: VerifyOptions): void {
  const { nowMs, skewMs } = options
  const endMs = life.timeMs + life.expiresSeconds * 1000
  const fields = { 'X-Amz-Expires': String(life.expiresSeconds), Expires: isoSeconds(endMs), ServerTime: isoSeconds(nowMs) }
  if (nowMs < life.timeMs - skewMs) throw new Refusal('AccessDenied', { message: 'Request is not valid yet', fields })
  if (nowMs > endMs) throw new Refusal('AccessDenied', { message: 'Request has expired', fields })
}

/** `host` must be signed, and every `x-amz-*` field that is there: whoever is in between could have added it. */
function checkSignedHeaders(headers: HeaderList, names: readonly string[], claimed: Claimed): void {
  const signed = new Set(names)
  const malformed = claimed.kind === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError'
  if (signed.size !== names.length || signed.has(''))
    throw new Refusal(malformed, { message: 'SignedHeaders names a header twice, or none' })
  const unsigned: string[] = []
  if (!signed.has('host')) unsigned.push('host')
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.startsWith('x-amz-') && !signed.has(name) && !ADDED_ON_THE_WAY.has(name)) unsigned.push(name)
  }
  if (unsigned.length === 0) return
  throw new Refusal('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    fields: { HeadersNotSigned: unsigned.join(', ') },
  })
}

function checkSignature(
  request: UnverifiedRequest,
  against: { readonly claimed: Claimed; readonly names: readonly string[]; readonly signingKey: KeyObject },
): void {
  const { claimed, names, signingKey } = against
  const uri = canonicalUri(request.rawPath)
  const query = canonicalQuery(request.rawQuery)
  if (uri === undefined || query === undefined) throw new Refusal('InvalidURI')
  const headerLines = canonicalHeaders(request.headers, names, request.host)
  const parts = { method: request.method, uri, query, headerLines, signedHeaders: claimed.signedHeaders, payloadHash: claimed.payload }
  const canonical = canonicalRequest(parts)
  const toSign = stringToSign(claimed.amzDate, claimed.scope, canonical)
  if (isSignature(sign(signingKey, toSign), claimed.signature)) return
  // Some clients sign the path as they send it, encoded in a way of their own.
  if (uri !== request.rawPath) {
    const verbatim = stringToSign(claimed.amzDate, claimed.scope, canonicalRequest({ ...parts, uri: request.rawPath }))
    if (isSignature(sign(signingKey, verbatim), claimed.signature)) return
  }
  throw new Refusal('SignatureDoesNotMatch', {
    fields: {
      AWSAccessKeyId: claimed.accessKeyId,
      StringToSign: toSign,
      SignatureProvided: claimed.signature,
      StringToSignBytes: spacedHex(toSign),
      CanonicalRequest: canonical,
      CanonicalRequestBytes: spacedHex(canonical),
    },
  })
}

/** Compares in constant time. Upper-case hex is no signature. */
function isSignature(computed: Buffer, provided: string): boolean {
  return /^[0-9a-f]{64}$/.test(provided) && timingSafeEqual(computed, Buffer.from(provided, 'hex'))
}

/** Temporary credentials come with their token, long-lived ones without. The token is part of what was signed. */
function checkSessionToken(request: UnverifiedRequest, kind: Verified['kind'], expected: string | undefined): void {
  const presented =
    kind === 'header'
      ? headerValue(request.headers, 'x-amz-security-token')
      : (presignedParameters(parseQuery(request.rawQuery))?.get('x-amz-security-token')?.[0] ??
        headerValue(request.headers, 'x-amz-security-token'))
  if (presented === undefined && expected === undefined) return
  const same = presented !== undefined && expected !== undefined && sameText(presented, expected)
  if (!same) throw new Refusal('InvalidToken')
}

function sameText(a: string, b: string): boolean {
  const bytes = Buffer.from(a, 'latin1')
  const others = Buffer.from(b, 'latin1')
  return bytes.length === others.length && timingSafeEqual(bytes, others)
}

function singleHeader(headers: HeaderList, name: string): string | undefined {
  const values = headerValues(headers, name)
  if (values.length > 1) throw new Refusal('InvalidRequest', { message: `The header ${name} was sent more than once.` })
  return values[0]
}

function queryError(message: string): Refusal {
  return new Refusal('AuthorizationQueryParametersError', { message })
}

function isoSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`
}

/** `41 57 53 …`, as S3 shows the bytes of a text. */
function spacedHex(text: string): string {
  return Buffer.from(text, 'latin1')
    .toString('hex')
    .replaceAll(/(..)(?!$)/g, '$1 ')
}
