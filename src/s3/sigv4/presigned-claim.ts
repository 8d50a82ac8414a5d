import type { HeaderList } from '../../base/header-list.ts'
import { headerValue } from '../../base/header-list.ts'
import { Refusal } from '../errors.ts'
import type { Query } from '../query.ts'
import { dayOf, parseAmzDate } from './amz-date.ts'
import { ALGORITHM, EMPTY_SHA256, UNSIGNED_PAYLOAD } from './canonical.ts'
import { isoSeconds, singleHeader, type Claim, type ClaimChecks } from './claim.ts'
import { checkScope, parseCredential, unsupportedMechanism } from './credential.ts'
import { parsePayload } from './payload.ts'
import { SignedHeaders } from './signed-headers.ts'

/** A week: the longest that a presigned URL lives. */
const MAX_EXPIRES_SECONDS = 604_800

/** The parameters of which one is enough to make a request a presigned one. */
const SIGNING_PARAMETERS: ReadonlySet<string> = new Set(['x-amz-signature', 'x-amz-credential', 'x-amz-algorithm'])

/** Whether a query says that the request is signed there. S3 reads these names in any case. */
export function isPresigned(query: Query): boolean {
  return query.some(({ name }) => (name.length === 15 || name.length === 16) && SIGNING_PARAMETERS.has(name.toLowerCase()))
}

/** Whether a query holds a signature of version 2. */
export function isOldPresigned(query: Query): boolean {
  return query.some(({ name }) => name === 'Signature' || name === 'AWSAccessKeyId')
}

/** The claim of a presigned URL, checked in all but signature. Throws Refusal with S3's own codes, in S3's order. */
export function presignedClaim(
  request: { readonly query: Query; readonly headers: HeaderList },
  checks: ClaimChecks,
  nowMs: number,
): Claim {
  const parameters = amzParameters(request.query)
  const algorithm = required(parameters, 'x-amz-algorithm')
  if (algorithm.startsWith('AWS4-ECDSA-')) throw unsupportedMechanism()
  if (algorithm !== ALGORITHM) throw queryError(`X-Amz-Algorithm only supports "${ALGORITHM}"`)
  const credential = parseCredential(required(parameters, 'x-amz-credential'), 'AuthorizationQueryParametersError')
  const signature = required(parameters, 'x-amz-signature')
  const signedHeaders = new SignedHeaders(required(parameters, 'x-amz-signedheaders'))
  const amzDate = required(parameters, 'x-amz-date')
  const timeMs = parseAmzDate(amzDate)
  if (timeMs === undefined) throw queryError(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
  const expiresSeconds = parseExpires(required(parameters, 'x-amz-expires'))
  const service = checks.service ?? 's3'
  checkScope(credential, { day: dayOf(amzDate), region: checks.region, service }, 'AuthorizationQueryParametersError')
  checkLifetime({ timeMs, expiresSeconds }, checks.skewMs, nowMs)
  const declared = singleHeader(request.headers, 'x-amz-content-sha256') ?? parameters.get('x-amz-content-sha256')?.[0]
  if (declared !== undefined) parsePayload(declared)
  const undeclared = service === 's3' ? UNSIGNED_PAYLOAD : (checks.undeclaredPayload ?? EMPTY_SHA256)
  const securityToken = parameters.get('x-amz-security-token')?.[0] ?? headerValue(request.headers, 'x-amz-security-token')
  return { kind: 'presigned', credential, signedHeaders, signature, amzDate, payload: declared ?? undeclared, securityToken }
}

/** The X-Amz-* parameters by lower-case name. */
function amzParameters(query: Query): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const { name, value } of query) {
    const lower = name.toLowerCase()
    if (!lower.startsWith('x-amz-')) continue
    const values = found.get(lower)
    if (values === undefined) found.set(lower, [value])
    else values.push(value)
  }
  return found
}

function required(parameters: ReadonlyMap<string, readonly string[]>, name: string): string {
  const values = parameters.get(name)
  const value = values?.[0]
  if (values?.length !== 1 || !value) {
    throw queryError(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    )
  }
  return value
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

function checkLifetime(life: { readonly timeMs: number; readonly expiresSeconds: number }, skewMs: number, nowMs: number): void {
  const endMs = life.timeMs + life.expiresSeconds * 1000
  if (nowMs >= life.timeMs - skewMs && nowMs <= endMs) return
  throw new Refusal('AccessDenied', {
    message: nowMs > endMs ? 'Request has expired' : 'Request is not valid yet',
    fields: { 'X-Amz-Expires': String(life.expiresSeconds), Expires: isoSeconds(endMs), ServerTime: isoSeconds(nowMs) },
  })
}

function queryError(message: string): Refusal {
  return new Refusal('AuthorizationQueryParametersError', { message })
}
