import { headerValue } from '../base/header-list.ts'
import { VersionGone, type HeadInfo, type VersionReader } from '../cache/api.ts'
import { BLOCK_BYTES } from '../cache/block.ts'
import { BODILESS, type OriginResponse } from '../origin/origin.ts'
import { Refusal } from '../s3/errors.ts'
import { parseRange, resolveRange, type ByteRange } from '../s3/range.ts'
import { asSent, asSentWith, rangeIsSigned } from './as-sent.ts'
import type { ReadContext } from './context.ts'
import { clientWish } from './decide.ts'
import { forward, relayAnswer } from './forward.ts'
import { invalidateObject } from './invalidate.ts'
import { decodeMeta, lacksWantedChecksums } from './object-meta.ts'
import { objectAskOf } from './object-ask.ts'
import { firstRange, understandAnswer } from './open.ts'
import { discard } from './origin-call.ts'
import { sendSelected } from './send-object.ts'

/**
 * Reads for clients whose signatures only the origin can check. Every read asks the origin with the client's own request and an
 * unsigned If-None-Match for what is in the cache: its 304 says in one round trip that the signature holds, that the client may read
 * this, and that it is current. Nothing is served without it, and nobody shares another's question.
 *
 * Limits: a Range that the client signed cannot be widened, so such reads fill the cache only in whole blocks; fields that change
 * while ETag, Last-Modified and version id stay (tag count, storage class) are as old as the last full answer.
 */

/** Conditions that the origin must answer: with them its 304 would mean something else. If-Match only narrows. */
const OWN_CONDITIONS = ['if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range']

/** Age is told in seconds, so a newer confirmation within one need not be written down. */
const AGE_STEP_MS = 1000

/** Longest signed range that is looked for in memory before the origin is asked. */
const PROBED_BYTES_MAX = 16 * 1024 * 1024

/** GetObject and HeadObject in pass-through mode. */
export async function readThrough(context: ReadContext): Promise<void> {
  try {
    await readConfirmed(context)
  } catch (error) {
    if (!(error instanceof VersionGone) || context.exchange.started) throw error
    await invalidateObject(context.gateway, context.cacheKey)
    await forward(context, { outcome: 'pass', reason: 'changing-object' })
  }
}

async function readConfirmed(context: ReadContext): Promise<void> {
  const { gateway, request, cacheKey } = context
  const wish = clientWish(request.headers)
  if (wish.onlyIfCached) throw new Refusal('GatewayTimeout', { message: 'Every read asks the origin here, so none is answered without it' })
  if (wish.noStore || OWN_CONDITIONS.some((name) => headerValue(request.headers, name) !== undefined)) {
    await forward(context, { outcome: 'pass', reason: 'uncacheable-request' })
    return
  }
  await recallOwn(context)
  const generation = gateway.cache.generation(cacheKey)
  const known = servable(context)
  context.record.reason = known === undefined ? 'absent' : 'strict-mode'
  const askedAtMs = gateway.askTimes.next()
  const response = await askAsSent(context, known)
  if (known === undefined || response.status !== 304) {
    await take(context, response, { generation, askedAtMs })
    return
  }
  await discard(response.body)
  if (sameFields(known, response) && (await serveConfirmed(context, known, askedAtMs))) return
  const againAtMs = gateway.askTimes.next()
  await take(context, await askAsSent(context, undefined), { generation, askedAtMs: againAtMs })
}

/** Brings what is on disk into memory. What is unproven there is of no use here: the origin would have to be asked twice. */
async function recallOwn(context: ReadContext): Promise<void> {
  const { cache } = context.gateway
  const head = isOwner(context) ? cache.lookupHead(context.cacheKey) : undefined
  head?.release()
  if (head === undefined && isOwner(context)) await cache.recall(context.cacheKey)
}

/** The cached version that a 304 would let this client have; undefined where some of it would be missing and cannot be asked for. */
function servable(context: ReadContext): HeadInfo | undefined {
  const { gateway, request } = context
  const head = gateway.cache.lookupHead(context.cacheKey)
  if (head === undefined) return undefined
  const known = head.detached()
  const whole = head.body !== undefined
  const incomplete = lacksWantedChecksums(request, head)
  head.release()
  if (incomplete) return undefined
  if (whole || request.method === 'HEAD' || !rangeIsSigned(request)) return known
  const spec = parseRange(headerValue(request.headers, 'range'))
  const range = spec === undefined || spec === 'unusual' ? 'unsatisfiable' : resolveRange(spec, known.sizeBytes)
  return range === 'unsatisfiable' || isInMemory(context, known, range) ? known : undefined
}

function isInMemory(context: ReadContext, version: HeadInfo, range: ByteRange): boolean {
  if (range.end - range.start > PROBED_BYTES_MAX) return false
  const { cache } = context.gateway
  const generation = cache.generation(context.cacheKey)
  const reader = cache.openReader(version, range.start, range.end, { ask: objectAskOf(context), generation })
  try {
    return bytesInMemory(reader) === range.end - range.start
  } finally {
    reader.close()
  }
}

function bytesInMemory(reader: VersionReader): number {
  let bytes = 0
  for (let piece = reader.nextNow(); piece !== undefined; piece = reader.nextNow()) {
    bytes += piece.bytes.length
    piece.release()
  }
  return bytes
}

async function askAsSent(context: ReadContext, known: HeadInfo | undefined): Promise<OriginResponse> {
  const { request, record, origin, gateway } = context
  record.originRequests += 1
  const startedMs = gateway.clock.monotonicMs()
  const response = await origin.send({
    method: request.method,
    bucket: request.bucket,
    rawKey: request.rawKey,
    ...asSent(request),
    headers: asSentWith(request, addedFields(context, known)),
    ...BODILESS,
    signal: undefined,
  })
  record.originTtfbMs = gateway.clock.monotonicMs() - startedMs
  return response
}

/** The condition for what is in the cache, and whole blocks in place of a Range that the client did not sign. */
function addedFields({ request }: ReadContext, known: HeadInfo | undefined): string[] {
  const range = headerValue(request.headers, 'range')
  const widened = range === undefined || request.method === 'HEAD' || rangeIsSigned(request) ? [] : ['range', firstRange(range)]
  return known === undefined ? widened : ['if-none-match', known.etag, ...widened]
}

/** A 304 shows some of what may have changed under the same ETag (RFC 9110 section 15.4.5): a self-copy has another date. */
function sameFields(known: HeadInfo, response: OriginResponse): boolean {
  const meta = decodeMeta(known.meta)
  const modified = headerValue(response.headers, 'last-modified')
  const version = headerValue(response.headers, 'x-amz-version-id')
  const sameVersion = version === undefined || meta.fieldLines.includes(`x-amz-version-id: ${version}\r\n`)
  return sameVersion && (modified === undefined || modified === meta.lastModified)
}

/** False where the version went out of memory while the origin was asked. */
async function serveConfirmed(context: ReadContext, known: HeadInfo, askedAtMs: number): Promise<boolean> {
  const { gateway, cacheKey, record } = context
  const generation = gateway.cache.generation(cacheKey)
  if (isOwner(context) && askedAtMs - known.validatedAtMs >= AGE_STEP_MS)
    gateway.cache.putHead({ ...known, validatedAtMs: askedAtMs }, generation)
  const head = gateway.cache.lookupHead(cacheKey)
  if (head === undefined || head.etag !== known.etag) {
    head?.release()
    return false
  }
  record.outcome = 'revalidated'
  await sendSelected(context, { head, generation, leads: false, stored: true })
  return true
}

/**
 * Whether this worker stores this object. A body that arrives on another one is passed on and not kept: it comes with one client's
 * signature to one connection, and a later read that lands on the owner fills the cache for all.
 */
function isOwner({ gateway, cacheKey }: ReadContext): boolean {
  return gateway.cache.ownerOf(cacheKey) === gateway.worker
}

/** Gives the client the origin's answer, and keeps what can be kept of it. */
async function take(context: ReadContext, response: OriginResponse, asked: { generation: number; askedAtMs: number }): Promise<void> {
  const { gateway, cacheKey, request, record } = context
  record.outcome = 'miss'
  if (response.status === 404 || response.status === 405) await invalidateObject(gateway, cacheKey)
  const { generation } = asked
  const understood = understandAnswer(objectAskOf(context), response, asked.askedAtMs)
  if (understood === undefined || (request.method === 'HEAD' && response.status !== 200) || !isOwner(context)) {
    await relayAnswer(context, response)
    return
  }
  const { info, start, end } = understood
  if (request.method === 'HEAD') {
    gateway.cache.putHead(info, generation)
    await relayAnswer(context, response)
    return
  }
  const wholeBlocks = start % BLOCK_BYTES === 0 && (end % BLOCK_BYTES === 0 || end === info.sizeBytes)
  if (!wholeBlocks && rangeIsSigned(request)) {
    await relayAnswer(context, response)
    return
  }
  gateway.cache.adopt({ info, start, end, body: response.body, generation, ask: objectAskOf(context) })
  await sendSelected(context, { head: info, generation, leads: true, stored: true, originStatus: response.status })
}
