import { collect, sourceOf } from '../base/byte-source.ts'
import { Refusal } from '../s3/errors.ts'
import { operationInfo } from '../s3/operation.ts'
import { MAX_DELETE_XML_BYTES, parseDeleteObjects } from '../s3/request-xml.ts'
import { authorizeKey, copySource, renameSource } from './authorize.ts'
import { bucketName, cacheKeyOf, type RequestContext } from './context.ts'
import { forward } from './forward.ts'
import { invalidateObject } from './invalidate.ts'
import { clientPayload, type ClientPayload } from './payload.ts'

/**
 * Everything that may change an object: forwarded, with the keys it touches forgotten before it goes up and again after its
 * answer, whatever the answer says. A read that begins in between may see either version, but nothing of it stays.
 */
export async function forwardWrite(context: RequestContext): Promise<void> {
  if (context.request.operation === 'DeleteObjects') {
    await forwardDeleteObjects(context)
    return
  }
  refuseForeignSource(context)
  const forget = forgetter(context, touchedKeys(context))
  forget()
  await forward(context, { outcome: 'write', reason: 'uncacheable-operation', settled: forget })
}

/** An origin copies between its own buckets; what another origin calls by the source's name is not what the client means. */
function refuseForeignSource(context: RequestContext): void {
  const { request, gateway, origin } = context
  for (const source of [copySource(request), renameSource(request)]) {
    if (source === undefined || gateway.routes.originOf(source.bucket) === origin) continue
    throw new Refusal('NotImplemented', { message: 'The source and the destination of a copy must be buckets of the same origin' })
  }
}

async function forwardDeleteObjects(context: RequestContext): Promise<void> {
  const sent = clientPayload(context)
  const body = await collect(sent.body, MAX_DELETE_XML_BYTES)
  if (body === undefined) throw new Refusal('EntityTooLarge')
  const bucket = context.request.bucket ?? ''
  const keys = [...new Set(parseDeleteObjects(body).objects.map((object) => object.key))]
  for (const key of keys) authorizeKey(context.caller, 'delete', bucket, key)
  const forget = forgetter(context, keys)
  forget()
  const payload: ClientPayload = { ...sent, body: sourceOf(body) }
  context.record.bytesReceived += body.length
  await forward(context, { outcome: 'write', reason: 'uncacheable-operation', payload, settled: forget })
}

/** Decoded keys, in the request's bucket, that the operation may change. */
function touchedKeys(context: RequestContext): string[] {
  const { request } = context
  const keys: string[] = request.key === undefined ? [] : [request.key]
  const renamed = operationInfo(request.operation).effect === 'object-and-source' ? renameSource(request) : undefined
  if (renamed !== undefined) keys.push(renamed.key)
  return keys
}

/** Forgets the keys, or the whole bucket where the operation may change all of it. */
function forgetter(context: RequestContext, keys: readonly string[]): () => void {
  const { gateway, request } = context
  if (operationInfo(request.operation).effect === 'bucket') return () => gateway.epochs.forget(bucketName(context))
  const names = keys.map((key) => cacheKeyOf(context, key))
  return () => {
    for (const name of names) invalidateObject(gateway, name)
  }
}
