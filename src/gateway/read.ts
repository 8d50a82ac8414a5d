import { headerValue } from '../base/header-list.ts'
import { VersionGone, type CachedHead } from '../cache/api.ts'
import { OriginFailure } from '../origin/origin.ts'
import { hasUnusualConditions } from '../s3/conditions.ts'
import { Refusal } from '../s3/errors.ts'
import type { RequestRecord } from '../signals/record.ts'
import type { ReadContext } from './context.ts'
import { clientWish, decide, NO_WISH, mustAskItself, type ClientWish, type Decision } from './decide.ts'
import { forward } from './forward.ts'
import { absentInquiry, inquire, knownInquiry, type Findings } from './inquire.ts'
import { invalidateObject } from './invalidate.ts'
import { lacksWantedChecksums } from './object-meta.ts'
import { sendAnswer, sendSelected } from './send-object.ts'

/** How often a read starts over because the version changed under it before its first byte was sent; then it goes up as it is. */
const READ_ATTEMPTS_MAX = 3

/**
 * GetObject and HeadObject: look up, decide, act. Starts over where the origin moved to another version meanwhile. Nearly all hits are
 * done when this returns, and are given no promise.
 */
export function readObject(context: ReadContext): Promise<void> | undefined {
  const { headers, plain } = context.request
  const wish = plain ? NO_WISH : clientWish(headers)
  if (!plain && (wish.noStore || hasUnusualConditions(headers, context.record.startedAtMs))) {
    return forward(context, { outcome: 'pass', reason: 'uncacheable-request' })
  }
  const look = lookUp(context, { wish, confirmedEtag: undefined, recalled: false, nowMs: context.record.startedAtMs })
  const acted = act(context, look)
  return acted === undefined ? undefined : readOn(context, { wish, acted })
}

/** The rest of a read that could not be served at once. */
async function readOn(context: ReadContext, first: { readonly wish: ClientWish; readonly acted: Promise<Next> }): Promise<void> {
  const { wish } = first
  let acted: Promise<Next> | undefined = first.acted
  for (let attempt = 1; acted !== undefined; attempt++) {
    let confirmedEtag: string | undefined
    let recalled = false
    try {
      const next: Next = await acted
      if (next === 'done') return
      if (next === 'promoted') recalled = true
      else confirmedEtag = next.confirmedEtag
    } catch (error) {
      if (!(error instanceof VersionGone) || context.exchange.started) throw error
      await invalidateObject(context.gateway, context.cacheKey)
      if (attempt === READ_ATTEMPTS_MAX) return forward(context, { outcome: 'pass', reason: 'changing-object' })
    }
    acted = act(context, lookUp(context, { wish, confirmedEtag, recalled, nowMs: context.gateway.clock.nowMs() }))
  }
}

function lookUp(
  context: ReadContext,
  by: { readonly wish: ClientWish; readonly confirmedEtag: string | undefined; readonly recalled: boolean; readonly nowMs: number },
): Look {
  const { cache } = context.gateway
  const { wish, confirmedEtag, nowMs } = by
  const head = cache.lookupHead(context.cacheKey)
  return {
    head,
    generation: head?.generation ?? cache.generation(context.cacheKey),
    itself: mustAskItself(context.mode, wish),
    confirmed: confirmedEtag !== undefined && head?.etag === confirmedEtag,
    recalled: by.recalled,
    mayAsk: !wish.onlyIfCached,
    decision: decide({ known: head, confirmedEtag, mode: context.mode, wish, nowMs }),
  }
}

/** `promoted`: what was on disk is in memory now. */
type Next = 'done' | 'promoted' | { readonly confirmedEtag: string }

/** What one look into the cache found, and what follows from it. */
interface Look {
  readonly decision: Decision
  readonly head: CachedHead | undefined
  readonly generation: number
  /** The origin must be asked for this request alone, if it is asked. */
  readonly itself: boolean
  /** The origin named this version for this request. */
  readonly confirmed: boolean
  /** It came from disk for this request, or for one that was served together with it. */
  readonly recalled: boolean
  readonly mayAsk: boolean
}

/** Undefined: done. */
function act(context: ReadContext, look: Look): Promise<Next> | undefined {
  const { record } = context
  const { head, generation, decision } = look
  switch (decision.kind) {
    case 'serve':
      if (head === undefined) throw new Refusal('InternalError')
      if (look.mayAsk && !look.confirmed && lacksWantedChecksums(context.request, head)) {
        return serveRevalidated(context, head, COMPLETION, look)
      }
      return done(serve(context, head, { generation, reason: decision.reason, confirmed: look.confirmed, recalled: look.recalled }))
    case 'revalidate':
      if (head === undefined) throw new Refusal('InternalError')
      return serveRevalidated(context, head, decision, look)
    case 'fetch':
      record.reason = decision.reason
      if (context.gateway.uncacheable.has(context.cacheKey)) return passUncacheable(context)
      return bringAbsent(context, look)
    case 'refuse':
      // It may be on disk, which is no question to the origin.
      if (head === undefined && !look.recalled) {
        return fetchAbsent(context, { itself: look.itself, wantsError: false, recalls: true, asks: false })
      }
      head?.release()
      record.reason = decision.reason
      throw new Refusal('GatewayTimeout', { message: 'The client asked for a cached answer only, and there is none' })
  }
}

/** Not because it is stale: for what only an answer about the whole object says. */
const COMPLETION = { kind: 'revalidate', reason: 'checksums-unknown', staleIfError: true } as const

function done(sending: Promise<void> | undefined): Promise<Next> | undefined {
  return sending?.then(() => 'done')
}

function serve(
  context: ReadContext,
  head: CachedHead,
  how: { generation: number; reason: 'fresh' | 'stale-while-revalidate' | 'stale-if-error'; confirmed: boolean; recalled?: boolean },
): Promise<void> | undefined {
  const { record } = context
  const stale = how.reason !== 'fresh'
  // A read that had to ask first, or to wait for the answer to another's question, keeps the reason why.
  if (!how.confirmed) record.reason = how.reason
  record.outcome = stale ? 'stale' : how.confirmed ? 'revalidated' : how.recalled === true ? 'disk' : 'memory'
  if (how.reason === 'stale-while-revalidate') refreshInBackground(context, head)
  const sending = sendSelected(context, { head, generation: how.generation, leads: false, stored: true })
  if (how.recalled === true && sending === undefined) creditDisk(record)
  return sending
}

/** What stands in one record with its head was brought from disk with it. */
function creditDisk(record: RequestRecord): void {
  record.bytesFromDisk += record.bytesFromMemory
  record.bytesFromMemory = 0
}

/** The answer does not wait for it; a failure leaves the old head to the next request's decision. */
function refreshInBackground(context: ReadContext, head: CachedHead): void {
  inquire(context.gateway, knownInquiry(context, head, false)).catch(() => undefined)
}

async function serveRevalidated(
  context: ReadContext,
  head: CachedHead,
  decision: Extract<Decision, { kind: 'revalidate' }>,
  look: Look,
): Promise<Next> {
  const { record } = context
  const { generation, itself } = look
  record.reason = decision.reason
  const inquiry = knownInquiry(context, head, itself)
  head.release()
  const findings = await inquire(context.gateway, inquiry).catch((error: unknown) => {
    if (error instanceof OriginFailure && decision.staleIfError) return error
    throw error
  })
  const failed = findings instanceof OriginFailure || (findings.opened.kind === 'answer' && findings.opened.status >= 500)
  if (failed && decision.staleIfError) {
    const old = context.gateway.cache.lookupHead(context.cacheKey)
    if (old !== undefined) {
      await serve(context, old, { generation, reason: decision === COMPLETION ? 'fresh' : 'stale-if-error', confirmed: false })
      return 'done'
    }
  }
  if (findings instanceof OriginFailure) throw findings
  const { opened } = findings
  if (opened.kind === 'version' && opened.stored) return { confirmedEtag: opened.info.etag }
  return finish(context, findings, { generation, itself })
}

interface Asking {
  readonly itself: boolean
  readonly wantsError: boolean
  readonly recalls: boolean
  readonly asks: boolean
}

/** Nothing in memory: from this worker's own disk where it is there, else as the object's owner finds it. */
function bringAbsent(context: ReadContext, look: Look): Promise<Next> {
  const { cache, worker } = context.gateway
  const mayBeHere = !look.recalled && cache.ownerOf(context.cacheKey) === worker
  const recalling = mayBeHere ? cache.recall(context.cacheKey) : undefined
  const asking = { itself: look.itself, wantsError: false, asks: true }
  if (recalling === undefined) return fetchAbsent(context, { ...asking, recalls: !look.recalled && !mayBeHere })
  return recalling.then((recalled) => (recalled === 'promoted' ? recalled : fetchAbsent(context, { ...asking, recalls: true })))
}

/** Nothing here: ask the origin, together with everyone who wants the same, and read what it brings. */
async function fetchAbsent(context: ReadContext, asking: Asking): Promise<Next> {
  const { gateway, cacheKey } = context
  const generation = gateway.cache.generation(cacheKey)
  const findings = await inquire(gateway, absentInquiry(context, asking))
  if (findings.confirms === true) {
    context.record.reason = 'unproven'
    if (findings.opened.kind === 'version' && findings.opened.stored) return { confirmedEtag: findings.opened.info.etag }
  }
  return finish(context, findings, { generation, itself: asking.itself })
}

async function passUncacheable(context: ReadContext): Promise<Next> {
  await forward(context, { outcome: 'pass', reason: 'uncacheable-object' })
  return 'done'
}

/** Gives the client what the origin said. */
async function finish(context: ReadContext, findings: Findings, how: { generation: number; itself: boolean }): Promise<Next> {
  const { record } = context
  const { opened, led: leads, asked } = findings
  const { generation, itself } = how
  switch (opened.kind) {
    case 'version':
      record.outcome = leads ? 'miss' : 'coalesced'
      await sendSelected(context, { head: opened.info, stored: opened.stored, originStatus: opened.originStatus, generation, leads })
      return 'done'
    case 'answer':
      // An error to HEAD has no body, and clients read S3's errors from the body.
      if (context.request.method === 'GET' && asked === 'HEAD' && opened.status < 500) {
        return fetchAbsent(context, { itself, wantsError: true, recalls: false, asks: true })
      }
      // Another range went up than this client wants, and servers differ in whether they look at the range first.
      if (opened.status === 400 && headerValue(context.request.headers, 'range') !== undefined) {
        await forward(context, { outcome: 'pass', reason: 'uncacheable-object' })
        return 'done'
      }
      record.outcome = leads ? 'miss' : 'coalesced'
      record.reason = opened.status >= 500 ? 'origin' : record.reason
      sendAnswer(context, opened)
      return 'done'
    case 'recalled':
      return 'promoted'
    case 'uncacheable':
      context.gateway.uncacheable.add(context.cacheKey)
      return passUncacheable(context)
  }
}
