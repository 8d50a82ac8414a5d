import { headerValue } from '../base/header-list.ts'
import type { Exchange, ExchangeHandler } from '../http/exchange.ts'
import type { Origin } from '../origin/origin.ts'
import { requestCacheability, responseOverrides } from '../s3/cacheability.ts'
import { Refusal } from '../s3/errors.ts'
import { operationInfo } from '../s3/operation.ts'
import { parseRange } from '../s3/range.ts'
import { RequestRecord } from '../signals/record.ts'
import type { Reason } from '../signals/vocabulary.ts'
import { authenticate } from './authenticate.ts'
import { authorize } from './authorize.ts'
import { cacheKeyOf, type RequestContext } from './context.ts'
import { answerFailure } from './failure.ts'
import { forward } from './forward.ts'
import type { Gateway } from './gateway.ts'
import { listAllBuckets } from './list-buckets.ts'
import { versionParameter } from './object-version.ts'
import { readObject } from './read.ts'
import { parseS3Request, type S3Request } from './s3-request.ts'
import { forwardWrite } from './write.ts'

/** The handler that the HTTP engine calls for every request. */
export function createHandler(gateway: Gateway): ExchangeHandler {
  return async (exchange) => handle(exchange, gateway)
}

/** The life of one S3 request. Start reading here. */
async function handle(exchange: Exchange, gateway: Gateway): Promise<void> {
  const record = openRecord(exchange, gateway)
  try {
    const request = parseS3Request(exchange.head, gateway.options.domains)
    describeRequest(record, request)
    const { caller, verified } = authenticate(request, gateway)
    record.accessKeyId = verified?.accessKeyId
    authorize(caller, request)
    const origin = originOf(request, gateway)
    record.origin = origin.name
    await dispatch({ gateway, exchange, record, request, caller, verified, origin })
  } catch (error) {
    answerFailure(error, { exchange, record, gateway })
  }
  await exchange.finished().catch(() => {
    if (record.outcome !== 'failed') record.outcome = 'client-gone'
  })
  record.bytesSent = exchange.bodyBytesSent
  gateway.settle(record)
}

function openRecord(exchange: Exchange, gateway: Gateway): RequestRecord {
  const record = new RequestRecord(gateway.requestIds.next(), gateway.clock.nowMs(), gateway.clock.monotonicMs())
  record.clientAddress = exchange.peer.address
  record.method = exchange.head.method
  record.userAgent = headerValue(exchange.head.headers, 'user-agent')
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

async function dispatch(context: RequestContext): Promise<void> {
  const { request, gateway } = context
  const { operation } = request
  if (operation === 'PostObject' || operation === 'CreateSession') {
    throw new Refusal('NotImplemented', { message: `${operation} is signed for the origin alone and cannot be signed again` })
  }
  if (operation === 'ListBuckets' && gateway.routes.all.length > 1) {
    await listAllBuckets(context)
    return
  }
  if (operationInfo(operation).effect !== 'none') {
    await forwardWrite(context)
    return
  }
  const bypass = bypassReason(context)
  if (bypass !== undefined) {
    await forward(context, { outcome: 'pass', reason: bypass })
    return
  }
  const bucket = request.bucket ?? ''
  const key = request.key ?? ''
  const version = versionParameter(request.query)
  const cacheKey = cacheKeyOf(context, key, version?.value)
  const mode = gateway.routes.modeOf(bucket, key)
  await readObject({
    ...context,
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
  const range = headerValue(request.headers, 'range')
  if (range !== undefined && parseRange(range) === 'unusual') return 'unusual-range'
  const cacheable = requestCacheability({ headers: request.headers, query: request.query, signed: verified !== undefined })
  return cacheable === 'cacheable' ? undefined : 'uncacheable-request'
}
