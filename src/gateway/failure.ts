import { BodyMismatch } from '../cache/api.ts'
import { ClientGone } from '../http/exchange.ts'
import { OriginFailure } from '../origin/origin.ts'
import { ERROR_CONTENT_TYPE, errorXml, Refusal, type S3ErrorCode } from '../s3/errors.ts'
import { formatUnsatisfiedRange } from '../s3/range.ts'
import { cacheStatus } from '../signals/cache-status.ts'
import type { Outcome, Reason } from '../signals/vocabulary.ts'
import { answer, type Answerable } from './answer.ts'
import { replyFields } from './reply.ts'

/** What an error means to the client and to the record. */
interface Verdict {
  readonly refusal: Refusal
  readonly outcome: Outcome
  readonly reason: Reason
}

/** Answers a request that ended in an error: as S3 XML where nothing was sent yet, else by cutting the connection. */
export function answerFailure(error: unknown, to: Answerable): void {
  const { exchange, record } = to
  const verdict = judge(error)
  record.outcome = verdict.outcome
  record.reason = verdict.reason
  record.failure = describe(error)
  if (exchange.gone) return
  if (exchange.started) {
    exchange.cut(`response cannot be completed: ${describe(error)}`)
    return
  }
  respondWithError(to, verdict.refusal)
}

/** An error answer in S3's XML (S3 API reference, "Error responses"); HEAD gets none of the body. */
function respondWithError(to: Answerable, refusal: Refusal): void {
  const { exchange, record } = to
  record.errorCode = refusal.code
  const path = exchange.head.target.split('?', 1)[0] ?? ''
  const xml = errorXml({
    code: refusal.code,
    message: refusal.message,
    resource: path,
    requestId: record.requestId,
    fields: refusal.fields,
  })
  const body = Buffer.from(xml, 'utf8')
  const fields = `Content-Type: ${ERROR_CONTENT_TYPE}\r\n${contentRangeOf(refusal)}${retryAfter(refusal)}${replyFields(record, {})}`
  const isHead = exchange.head.method === 'HEAD'
  answer(to, { status: refusal.status, fields, length: isHead ? undefined : body.length }, isHead ? undefined : body)
}

/** A 416 tells the size in a field too (RFC 9110 section 14.4). */
function contentRangeOf(refusal: Refusal): string {
  const size = refusal.code === 'InvalidRange' ? refusal.fields['ActualObjectSize'] : undefined
  return size === undefined ? '' : `Content-Range: ${formatUnsatisfiedRange(Number(size))}\r\n`
}

/** SDKs wait by their own rules; others by this (RFC 9110 section 10.2.3). */
function retryAfter(refusal: Refusal): string {
  return refusal.code === 'SlowDown' ? 'Retry-After: 1\r\n' : ''
}

const CODE_OF_ENGINE_STATUS: Readonly<Record<number, S3ErrorCode>> = { 405: 'MethodNotAllowed', 431: 'RequestHeaderSectionTooLarge' }

/** What the engine answers to what is no HTTP request: S3's XML too, so that SDKs can read it. */
export function renderEngineError(status: number, reason: string, requestId: string): { fields: string; body: Uint8Array } {
  const code = CODE_OF_ENGINE_STATUS[status] ?? (status >= 500 ? 'ServiceUnavailable' : 'InvalidRequest')
  const body = Buffer.from(errorXml({ code, message: reason, requestId }), 'utf8')
  const fields = `Content-Type: ${ERROR_CONTENT_TYPE}\r\nx-amz-request-id: ${requestId}\r\nCache-Status: ${cacheStatus({ outcome: 'refused', reason: 'malformed' })}\r\n`
  return { fields, body }
}

const AUTHENTICATION: ReadonlySet<S3ErrorCode> = new Set<S3ErrorCode>([
  'SignatureDoesNotMatch',
  'InvalidAccessKeyId',
  'RequestTimeTooSkewed',
  'ExpiredToken',
  'InvalidToken',
  'AuthorizationHeaderMalformed',
  'AuthorizationQueryParametersError',
  'MissingSecurityHeader',
])

function judge(error: unknown): Verdict {
  if (error instanceof ClientGone) return { refusal: new Refusal('RequestTimeout'), outcome: 'client-gone', reason: 'origin' }
  if (error instanceof Refusal) return { refusal: error, outcome: 'refused', reason: reasonOf(error.code) }
  if (error instanceof OriginFailure) {
    const cause = error.cause
    if (error.kind === 'body' && (cause instanceof Refusal || cause instanceof ClientGone)) return judge(cause)
    return { refusal: refusalOf(error), outcome: 'failed', reason: 'origin' }
  }
  // What the origin sent was not as long as it said, twice.
  if (error instanceof BodyMismatch) return { refusal: new Refusal('BadGateway'), outcome: 'failed', reason: 'origin' }
  return { refusal: new Refusal('InternalError'), outcome: 'failed', reason: 'internal' }
}

function reasonOf(code: S3ErrorCode): Reason {
  if (AUTHENTICATION.has(code)) return 'authentication'
  if (code === 'AccessDenied') return 'authorization'
  if (code === 'PreconditionFailed') return 'condition'
  if (code === 'InvalidRange') return 'range-not-satisfiable'
  if (code === 'SlowDown') return 'overload'
  // An origin that is too slow is an OriginFailure: this one is hotbucket's own.
  if (code === 'GatewayTimeout') return 'only-if-cached'
  return 'malformed'
}

/** 504 where the origin was too slow, 502 where it broke the protocol or the connection, 503 where it could not be asked at all. */
function refusalOf(failure: OriginFailure): Refusal {
  switch (failure.kind) {
    case 'timeout':
      return new Refusal('GatewayTimeout')
    case 'reset':
    case 'protocol':
      return new Refusal('BadGateway')
    case 'unreachable':
    case 'credentials':
    case 'aborted':
      return new Refusal('ServiceUnavailable')
    case 'body':
      return new Refusal('IncompleteBody')
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.name}: ${error.message}${cause}`
}
