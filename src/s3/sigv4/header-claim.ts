// hot path
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../errors.ts'
import { parseHttpDate } from '../http-date.ts'
import { dayOf, formatAmzDate, parseAmzDate } from './amz-date.ts'
import { EMPTY_SHA256 } from './canonical.ts'
import { isoSeconds, singleHeader, type Claim, type ClaimChecks } from './claim.ts'
import { checkScope, type Authorization } from './credential.ts'
import { parsePayload } from './payload.ts'

/** The claim of an Authorization field, checked in all but signature. Throws Refusal with S3's own codes, in S3's order. */
export function headerClaim(headers: HeaderList, authorization: Authorization, checks: ClaimChecks, nowMs: number): Claim {
  const { credential, signedHeaders, signature } = authorization
  const service = checks.service ?? 's3'
  const date = singleHeader(headers, 'x-amz-date')
  const timeMs = date === undefined ? undefined : parseAmzDate(date)
  const { amzDate, signedMs } =
    date !== undefined && timeMs !== undefined ? { amzDate: date, signedMs: timeMs } : dateField(headers, date, nowMs)
  checkScope(credential, { day: dayOf(amzDate), region: checks.region, service }, 'AuthorizationHeaderMalformed')
  if (Math.abs(nowMs - signedMs) > checks.skewMs) throw tooSkewed(amzDate, checks.skewMs, nowMs)
  const payload = singleHeader(headers, 'x-amz-content-sha256')
  if (payload === undefined && service === 's3') {
    throw new Refusal('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' })
  }
  if (payload !== undefined) parsePayload(payload)
  return {
    kind: 'header',
    credential,
    signedHeaders,
    signature,
    amzDate,
    payload: payload ?? checks.undeclaredPayload ?? EMPTY_SHA256,
    securityToken: headerValue(headers, 'x-amz-security-token'),
  }
}

/** The time of signing where `x-amz-date` is not the usual text: a Date field counts only without the other. */
function dateField(
  headers: HeaderList,
  amzDate: string | undefined,
  nowMs: number,
): { readonly amzDate: string; readonly signedMs: number } {
  const date = amzDate === undefined ? singleHeader(headers, 'date') : undefined
  if (date !== undefined) {
    const amzMs = parseAmzDate(date)
    if (amzMs !== undefined) return { amzDate: date, signedMs: amzMs }
    const httpMs = parseHttpDate(date, nowMs)
    if (httpMs !== undefined) return { amzDate: formatAmzDate(httpMs), signedMs: httpMs }
  }
  throw new Refusal('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' })
}

function tooSkewed(amzDate: string, skewMs: number, nowMs: number): Refusal {
  return new Refusal('RequestTimeTooSkewed', {
    fields: { RequestTime: amzDate, ServerTime: isoSeconds(nowMs), MaxAllowedSkewMilliseconds: String(skewMs) },
  })
}
