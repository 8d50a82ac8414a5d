import { headerValue } from '../base/header-list.ts'
import { VersionGone, type CachedHead, type HeadInfo } from '../cache/api.ts'
import { OriginFailure } from '../origin/origin.ts'
import { Refusal } from '../s3/errors.ts'
import type { ReadContext } from './context.ts'
import { decide, parseClientWish, type Decision } from './decide.ts'
import { flightName, invalidateObject } from './invalidate.ts'
import { openByGet, openByHead, type Opened } from './open.ts'
import { forward } from './forward.ts'
import { revalidate } from './revalidate.ts'
import { sendAnswer, sendSelected, type Serving } from './send-object.ts'

/** How often a read starts over because the version changed under it before its first byte was sent. */
const READ_ATTEMPTS_MAX = 3

/** GetObject and HeadObject: look up, decide, act. Starts over where the origin moved to another version meanwhile. */
export async function readObject(context: ReadContext): Promise<void> {
  const wish = parseClientWish(headerValue(context.request.headers, 'cache-control'))
  let confirmedEtag: string | undefined
  for (let attempt = 1; ; attempt++) {
    const generation = context.gateway.cache.generation(context.cacheKey)
    const head = context.gateway.cache.lookupHead(context.cacheKey)
    const nowMs = context.gateway.clock.nowMs()
    const decision = decide({ known: head, confirmedEtag, mode: context.mode, wish, nowMs })
    try {
      const next = await act(context, decision, head, generation)
      if (next === 'done') return
      confirmedEtag = next.confirmedEtag
    } catch (error) {
      if (!(error instanceof VersionGone) || context.exchange.started || attempt === READ_ATTEMPTS_MAX) throw asOriginFailure(error)
      invalidateObject(context.gateway, context.cacheKey)
      confirmedEtag = undefined
    }
  }
}

/** A version that keeps changing under our hands is the origin's trouble, not the client's. */
function asOriginFailure(error: unknown): unknown {
  return error instanceof VersionGone
    ? new OriginFailure('protocol', 'The object changes faster than it can be read', { cause: error })
    : error
}

type Next = 'done' | { readonly confirmedEtag: string }

async function act(context: ReadContext, decision: Decision, head: CachedHead | undefined, generation: number): Promise<Next> {
  const { record } = context
  switch (decision.kind) {
    case 'serve':
      if (head === undefined) throw new Refusal('InternalError')
      return serve(context, head, { generation, reason: decision.reason })
    case 'revalidate':
      if (head === undefined) throw new Refusal('InternalError')
      return serveRevalidated(context, head, decision, generation)
    case 'fetch':
      record.reason = decision.reason
      return fetchAbsent(context)
    case 'refuse':
      record.reason = decision.reason
      throw new Refusal('GatewayTimeout', { message: 'The client asked for a cached answer only, and there is none' })
  }
}

async function serve(
  context: ReadContext,
  head: CachedHead,
  how: { generation: number; reason: 'fresh' | 'stale-while-revalidate' | 'stale-if-error' },
): Promise<Next> {
  const { record } = context
  const stale = how.reason !== 'fresh'
  // A read that had to ask first keeps the reason why it asked.
  if (stale || record.originRequests === 0) record.reason = how.reason
  record.outcome = stale ? 'stale' : record.originRequests > 0 ? 'revalidated' : 'memory'
  if (how.reason === 'stale-while-revalidate') refreshInBackground(context, head)
  await sendSelected(context, { head, generation: how.generation, leads: false, stored: true })
  return 'done'
}

/** The answer does not wait for it; a failure leaves the old head to the next request's decision. */
function refreshInBackground(context: ReadContext, head: CachedHead): void {
  revalidate(context, detached(head)).catch(() => undefined)
}

/** A head without its pin: plain values, safe to keep across a wait. */
function detached(head: HeadInfo): HeadInfo {
  return { key: head.key, etag: head.etag, sizeBytes: head.sizeBytes, meta: head.meta, validatedAtMs: head.validatedAtMs }
}

async function serveRevalidated(
  context: ReadContext,
  head: CachedHead,
  decision: Extract<Decision, { kind: 'revalidate' }>,
  generation: number,
): Promise<Next> {
  const { record } = context
  record.reason = decision.reason
  const known = detached(head)
  head.release()
  const opened = await revalidate(context, known).catch((error: unknown) => {
    if (error instanceof OriginFailure && decision.staleIfError) return error
    throw error
  })
  const failed = opened instanceof OriginFailure || (opened.kind === 'answer' && opened.status >= 500)
  if (failed && decision.staleIfError) {
    const old = context.gateway.cache.lookupHead(context.cacheKey)
    if (old !== undefined) return serve(context, old, { generation, reason: 'stale-if-error' })
  }
  if (opened instanceof OriginFailure) throw opened
  if (opened.kind === 'version' && opened.stored) {
    record.outcome = 'revalidated'
    return { confirmedEtag: opened.info.etag }
  }
  return finish(context, opened, { generation, leads: false })
}

/** Nothing here: ask the origin, together with everyone who wants the same, and read what it brings. */
async function fetchAbsent(context: ReadContext): Promise<Next> {
  const { gateway, cacheKey } = context
  const generation = gateway.cache.generation(cacheKey)
  const byHead = context.request.method === 'HEAD' || mayNeedNoBody(context)
  const name = byHead ? flightName.head(cacheKey) : flightName.open(cacheKey)
  const start = async (): Promise<Opened> => (byHead ? openByHead(context) : openByGet(context))
  if (context.mode.kind === 'strict' && gateway.opening.has(name)) {
    // That question may have been asked before this request came; its answer could be older than promised.
    return finish(context, await openByHead(context), { generation, leads: true })
  }
  const { answer, led } = gateway.opening.join(name, start)
  return finish(context, await answer, { generation, leads: led })
}

/** True where a condition could make the body unnecessary: then asking for the head first costs no more than direct. */
function mayNeedNoBody(context: ReadContext): boolean {
  const { headers } = context.request
  return headerValue(headers, 'if-none-match') !== undefined || headerValue(headers, 'if-modified-since') !== undefined
}

async function finish(context: ReadContext, opened: Opened, how: { generation: number; leads: boolean }): Promise<Next> {
  const { record } = context
  switch (opened.kind) {
    case 'version': {
      record.outcome = how.leads ? 'miss' : 'coalesced'
      const serving: Serving = { head: opened.info, stored: opened.stored, originStatus: opened.originStatus, ...how }
      await sendSelected(context, serving)
      return 'done'
    }
    case 'answer':
      record.outcome = how.leads ? 'miss' : 'coalesced'
      record.reason = opened.status >= 500 ? 'origin' : record.reason
      sendAnswer(context, opened)
      return 'done'
    case 'uncacheable':
      await forward(context, { outcome: 'pass', reason: 'uncacheable-object' })
      return 'done'
  }
}
