import { headerValue } from '../base/header-list.ts'
import type { ClientGone, EndListener, Exchange, ExchangeHandler } from '../http/exchange.ts'
import type { Origin } from '../origin/origin.ts'
import { requestCacheability, responseOverrides } from '../s3/cacheability.ts'
import { Refusal } from '../s3/errors.ts'
import { operationInfo } from '../s3/operation.ts'
import { parseRange } from '../s3/range.ts'
import { RequestRecord } from '../signals/record.ts'
import type { Reason } from '../signals/vocabulary.ts'
import { admitBody } from './admit-body.ts'
import { identify } from './authenticate.ts'
import { authorize } from './authorize.ts'
import { cacheKeyOf, namesTenant, type RequestContext } from './context.ts'
import type { Answerable } from './answer.ts'
import { answerFailure } from './failure.ts'
import { forward } from './forward.ts'
import { factsOf, type FieldFacts } from './field-facts.ts'
import type { Gateway } from './gateway.ts'
import { listAllBuckets } from './list-buckets.ts'
import { versionParameter } from './object-version.ts'
import { readThrough } from './pass-through.ts'
import { forwardForm } from './post-object.ts'
import { readObject } from './read.ts'
import { parseS3Request, type S3Request } from './s3-request.ts'
import { forwardWrite } from './write.ts'

/** The handler that the HTTP engine calls for every request. */
export function createHandler(gateway: Gateway): ExchangeHandler {
  return (exchange) => handle(exchange, gateway)
}

/** The life of one S3 request. Start reading here. Undefined: it is answered, as most hits are when this returns. */
function handle(exchange: Exchange, gateway: Gateway): Promise<void> | undefined {
  const facts = factsOf(exchange.head)
  const record = openRecord(exchange, facts, gateway)
  let answering: Promise<void> | undefined
  try {
    answering = begin({ exchange, gateway, record }, facts)
  } catch (error) {
    answerFailure(error, { exchange, record, gateway })
  }
  const to = { exchange, gateway, record }
  if (answering !== undefined) return answerLater(to, answering)
  exchange.whenEnded(new Settlement(to))
  return undefined
}

/** Authenticates and authorises before anything is looked up. */
function begin({ exchange, gateway, record }: Answerable, facts: FieldFacts): Promise<void> | undefined {
  const request = parseS3Request(exchange.head, facts, gateway.options.domains)
  describeRequest(record, request)
  const { caller, verified, passThrough } = identify(request, gateway)
  record.accessKeyId = verified?.accessKeyId
  authorize(caller, request)
  const origin = originOf(request, gateway)
  record.origin = origin.name
  return dispatch({ gateway, exchange, record, request, caller, verified, origin, passThrough })
}

async function answerLater(to: Answerable, answering: Promise<void>): Promise<void> {
  try {
    await answering
  } catch (error) {
    answerFailure(error, to)
  }
  to.exchange.whenEnded(new Settlement(to))
}

/** Settles a request when its client has the answer, or is gone. */
class Settlement implements EndListener {
  readonly #gateway: Gateway
  readonly #record: RequestRecord

  constructor({ gateway, record }: Answerable) {
    this.#gateway = gateway
    this.#record = record
  }

  ended(exchange: Exchange, failure?: ClientGone): void {
    const record = this.#record
    if (failure !== undefined && record.outcome !== 'failed') noteGone(record, failure)
    record.bytesSent = exchange.bodyBytesSent
    this.#gateway.meters.close(record)
    this.#gateway.settle(record)
  }
}

/** A client that left is no failure; one that was cut because it did not read is told with the reason. */
function noteGone(record: RequestRecord, { why, message }: ClientGone): void {
  record.outcome = 'client-gone'
  if (why === undefined) return
  record.reason = why
  record.failure = message
}

function openRecord(exchange: Exchange, facts: FieldFacts, gateway: Gateway): RequestRecord {
  const record = new RequestRecord(gateway.requestIds.next(), gateway.clock.nowMs(), gateway.clock.monotonicMs())
  record.clientAddress = exchange.peer.address
  record.method = exchange.head.method
  record.userAgent = facts.userAgent
  return record
}

function describeRequest(record: RequestRecord, request: S3Request): void {
  record.operation = request.operation
  record.bucket = request.bucket
  record.key = request.key
}

/** Service-level requests go to the first origin; a bucket that no origin serves does not exist. */
function originOf(request: S3Request, gateway: Gateway): Origin {
  const origin = request.bucket === undefined ? gateway.routes.all[0]?.origin : gateway.routes.originOf(request.bucket)
  if (origin === undefined) throw new Refusal('NoSuchBucket', { fields: { BucketName: request.bucket ?? '' } })
  return origin
}

function dispatch(context: RequestContext): Promise<void> | undefined {
  admitBody(context)
  const { request, gateway, passThrough } = context
  const { operation } = request
  if (!passThrough && operation === 'CreateSession') {
    throw new Refusal('NotImplemented', { message: 'A session is for one signing key at the origin, and clients have others here' })
  }
  if (operation === 'PostObject') return forwardForm(context)
  if (operation === 'ListBuckets' && gateway.routes.all.length > 1 && !passThrough) {
    return listAllBuckets(context)
  }
  if (operationInfo(operation).effect !== 'none') {
    return forwardWrite(context)
  }
  const bypass = bypassReason(context)
  if (bypass !== undefined) {
    return forward(context, { outcome: 'pass', reason: bypass })
  }
  const bucket = request.bucket ?? ''
  const key = request.key ?? ''
  const version = versionParameter(request.query)
  const cacheKey = cacheKeyOf(context, key, version?.value)
  const mode = gateway.routes.modeOf(bucket, key)
  const { exchange, record, caller, verified, origin } = context
  const read = passThrough ? readThrough : readObject
  return read({
    gateway,
    exchange,
    record,
    request,
    caller,
    verified,
    origin,
    passThrough,
    bucket,
    rawKey: request.rawKey ?? '',
    cacheKey,
    version,
    mode,
    overrides: responseOverrides(request.query),
  })
}

/** Why the cache does not answer for this request, or undefined where it does. */
function bypassReason(context: RequestContext): Reason | undefined {
  const { request, verified } = context
  if (request.operation !== 'GetObject' && request.operation !== 'HeadObject') return 'uncacheable-operation'
  // One bucket has several names then, and a write by one of them would not be seen under the other.
  if (namesTenant(request.bucket)) return 'uncacheable-request'
  if (request.plain) return undefined
  const range = headerValue(request.headers, 'range')
  if (range !== undefined && parseRange(range) === 'unusual') return 'unusual-range'
  const cacheable = requestCacheability({
    headers: request.headers,
    query: request.query,
    signed: verified !== undefined || context.passThrough,
  })
  return cacheable === 'cacheable' ? undefined : 'uncacheable-request'
}
