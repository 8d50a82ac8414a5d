import { collect, sourceOf } from '../base/byte-source.ts'
import { headerValue, type HeaderList } from '../base/header-list.ts'
import { BODILESS, OriginFailure } from '../origin/origin.ts'
import { Refusal } from '../s3/errors.ts'
import { operationInfo, type Operation } from '../s3/operation.ts'
import { MAX_DELETE_XML_BYTES, parseDeleteObjects } from '../s3/request-xml.ts'
import { authorizeDeletion, copySource, mayDeleteAnything, renameSource } from './authorize.ts'
import { bucketNames, cacheKeysOf, type RequestContext } from './context.ts'
import { forward } from './forward.ts'
import { invalidateObject } from './invalidate.ts'
import { NULL_VERSION, versionParameter } from './object-version.ts'
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
  const touched = await touchedObjects(context)
  await forwardForgetting(context, touched)
}

/** An object that a write may change: what is current under its key, what has no version id, and the version that is named, if any. */
export interface Touched {
  readonly key: string
  readonly versionId: string | undefined
}

/** Forwards a write and forgets what it may change, before and after. `payload`: the body, where it was read before. */
export async function forwardForgetting(
  context: RequestContext,
  touched: readonly Touched[] | 'whole-bucket',
  payload?: ClientPayload,
): Promise<void> {
  const names = forgottenNames(context, touched === 'whole-bucket' ? [] : touched)
  const forget = touched === 'whole-bucket' ? forgetBucket(context) : forgetObjects(context, names)
  const held = [...names].map((name) => context.gateway.cache.keepOffDisk(name))
  try {
    await forget('before')
    await forward(context, {
      outcome: 'write',
      reason: 'uncacheable-operation',
      ...(payload === undefined ? {} : { payload }),
      answered: (headers) => addAnsweredVersion(context, headers, names),
      settled: async () => forget('after'),
    })
  } finally {
    for (const letOnDisk of held) letOnDisk()
  }
}

/** Forgets what a write touches, before it goes up or after its answer. */
type Forget = (when: 'before' | 'after') => Promise<void>

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
  const { budget } = context.gateway
  const heldBytes = Math.min(sent.length ?? MAX_DELETE_XML_BYTES, MAX_DELETE_XML_BYTES)
  budget.take('request-body', heldBytes)
  try {
    const body = await collect(sent.body, MAX_DELETE_XML_BYTES)
    if (body === undefined) throw new Refusal('EntityTooLarge')
    await forwardDeletion(context, sent, body)
  } finally {
    budget.give('request-body', heldBytes)
  }
}

async function forwardDeletion(context: RequestContext, sent: ClientPayload, body: Uint8Array): Promise<void> {
  const bucket = context.request.bucket ?? ''
  context.record.bytesReceived += body.length
  const objects = namedObjects(body)
  if (objects instanceof Refusal) {
    if (!mayDeleteAnything(context.caller, bucket)) throw objects
    await forwardForgetting(context, 'whole-bucket', { ...sent, body: sourceOf(body) })
    return
  }
  for (const { key, versionId } of objects) authorizeDeletion(context.caller, { bucket, key, versionId })
  await forwardForgetting(context, objects, { ...sent, body: sourceOf(body) })
}

/** The objects in a body of DeleteObjects, or why it cannot be read for certain: origins differ in what else they take. */
function namedObjects(body: Uint8Array): readonly Touched[] | Refusal {
  try {
    return parseDeleteObjects(body).objects
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** Objects of the request's bucket that the operation may change. Keys are decoded. */
async function touchedObjects(context: RequestContext): Promise<Touched[] | 'whole-bucket'> {
  const { request } = context
  const { effect } = operationInfo(request.operation)
  if (effect === 'bucket') return 'whole-bucket'
  if (request.key === undefined) return []
  const versionId = versionParameter(request.query)?.value ?? (await changedVersion(context))
  const touched: Touched[] = [{ key: request.key, versionId }]
  const renamed = effect === 'object-and-source' ? renameSource(request) : undefined
  if (renamed !== undefined) touched.push({ key: renamed.key, versionId: undefined })
  return touched
}

/** What changes fields of a version that is there, beside the operations whose effect is on metadata alone. */
const CHANGES_CURRENT_VERSION: ReadonlySet<Operation> = new Set<Operation>([
  'RestoreObject',
  'UpdateObjectEncryption',
  'UnknownObjectWrite',
])

/**
 * The id of the version that an operation changes in place without naming it; undefined where it makes a new one. Most origins do not
 * tell it in their answer, and readers of that version must not be given its old fields: so the origin is asked.
 */
async function changedVersion(context: RequestContext): Promise<string | undefined> {
  const { request, record, origin } = context
  const { operation } = request
  // Nothing can be asked in the client's name but what it signed; every later read asks the origin anyway.
  if (context.gateway.options.identity === 'pass-through') return undefined
  if (operationInfo(operation).effect !== 'metadata' && !CHANGES_CURRENT_VERSION.has(operation)) return undefined
  record.originRequests += 1
  try {
    const head = await origin.send({
      method: 'HEAD',
      bucket: request.bucket,
      rawKey: request.rawKey,
      rawQuery: '',
      headers: [],
      ...BODILESS,
      signal: undefined,
    })
    head.body.cancel(new Error('only the version is wanted'))
    return headerValue(head.headers, 'x-amz-version-id')
  } catch (error) {
    // The write itself will tell what is wrong with the origin.
    if (error instanceof OriginFailure) return undefined
    throw error
  }
}

/** What a write's answer calls the version that it made, changed or deleted: it may have been read before the answer came. */
function addAnsweredVersion(context: RequestContext, headers: HeaderList, names: Set<string>): void {
  const versionId = headerValue(headers, 'x-amz-version-id')
  const key = context.request.key ?? context.record.key
  if (versionId === undefined || key === undefined) return
  for (const name of cacheKeysOf(context, key, versionId)) names.add(name)
}

/** Cache keys of everything that a write may change. */
function forgottenNames(context: RequestContext, touched: readonly Touched[]): Set<string> {
  const names = new Set<string>()
  for (const { key, versionId } of touched) {
    for (const version of [undefined, NULL_VERSION, versionId]) {
      for (const name of cacheKeysOf(context, key, version)) names.add(name)
    }
  }
  return names
}

function forgetBucket(context: RequestContext): Forget {
  return async (when) => {
    await Promise.all(bucketNames(context).map(async (name) => context.gateway.epochs.forget(name, when)))
  }
}

function forgetObjects(context: RequestContext, names: ReadonlySet<string>): Forget {
  return async () => {
    await Promise.all([...names].map(async (name) => invalidateObject(context.gateway, name)))
  }
}
