import { headerValue } from '../base/header-list.ts'
import type { HeadInfo } from '../cache/api.ts'
import type { Consistency } from '../config/config.ts'
import type { ReadContext } from './context.ts'
import { clientWish, decide, type ClientWish } from './decide.ts'
import type { Gateway } from './gateway.ts'
import { objectAskOf, type ObjectAsk } from './object-ask.ts'
import { openByGet, openByHead, type Opened } from './open.ts'
import { revalidate } from './revalidate.ts'

/** A question about what an object is now, as plain values. */
export type Inquiry = {
  readonly object: ObjectAsk
  /** Nobody else's question will do: its answer could be older than this request was promised. */
  readonly itself: boolean
} & (
  | {
      /** Nothing is known of the object. */
      readonly kind: 'absent'
      readonly by: 'GET' | 'HEAD'
      /** The client's Range, for the first bytes to ask for. */
      readonly range: string | undefined
      /** The answer is known to be an error, and its body is wanted. */
      readonly wantsError: boolean
      /** It may be looked for on disk first. */
      readonly recalls: boolean
      /** False: the origin must not be asked, whatever is on disk. */
      readonly asks: boolean
      /** What would have been served if it had been in memory. */
      readonly mode: Consistency
      readonly wish: ClientWish
    }
  /** Is this version still current? By HEAD. */
  | { readonly kind: 'known'; readonly etag: string }
)

/** What came of a question. */
export interface Findings {
  readonly opened: Opened
  /** This very question went to the origin; otherwise it waited for another's answer. */
  readonly led: boolean
  /** How the origin was asked. */
  readonly asked: 'GET' | 'HEAD'
  /** What is on disk was asked about, because it may be outdated. */
  readonly confirms?: boolean
}

/** Asks what an absent object is, by the cheaper method: where a condition could make the body unnecessary, its head costs no more than direct. */
export function absentInquiry(
  context: ReadContext,
  how: { readonly itself: boolean; readonly wantsError: boolean; readonly recalls: boolean; readonly asks: boolean },
): Inquiry {
  const { method, headers } = context.request
  const conditional = headerValue(headers, 'if-none-match') !== undefined || headerValue(headers, 'if-modified-since') !== undefined
  const by = !how.wantsError && (method === 'HEAD' || conditional) ? 'HEAD' : 'GET'
  const range = headerValue(headers, 'range')
  return { kind: 'absent', object: objectAskOf(context), by, range, mode: context.mode, wish: clientWish(headers), ...how }
}

/** Asks whether a version is still current. */
export function knownInquiry(context: ReadContext, known: HeadInfo, itself: boolean): Inquiry {
  return { kind: 'known', object: objectAskOf(context), etag: known.etag, itself }
}

/** Asks the origin, once for all who want to know the same, except for those who must ask for themselves. The owner of the object does. */
export async function inquire(gateway: Gateway, inquiry: Inquiry): Promise<Findings> {
  const owner = gateway.cache.ownerOf(inquiry.object.cacheKey)
  if (owner === gateway.worker) return inquireHere(gateway, inquiry)
  if (inquiry.itself) return gateway.peers.ask(owner, inquiry)
  return share(gateway, flightName(gateway, inquiry, 'owner'), async () => gateway.peers.ask(owner, inquiry))
}

/** Answers another worker, whose object this is not: what that worker did not find may be here by now, or on its way. */
export async function inquireForPeer(gateway: Gateway, inquiry: Inquiry): Promise<Findings> {
  const found = inquiry.kind === 'absent' && !inquiry.itself && !inquiry.wantsError ? findFresh(gateway, inquiry) : undefined
  return found === undefined
    ? inquireHere(gateway, inquiry)
    : { opened: found, led: false, asked: inquiry.kind === 'absent' ? inquiry.by : 'HEAD' }
}

function findFresh(gateway: Gateway, inquiry: Extract<Inquiry, { kind: 'absent' }>): Opened | undefined {
  const head = gateway.cache.lookupHead(inquiry.object.cacheKey)
  if (head === undefined) return undefined
  const { mode, wish } = inquiry
  const decision = decide({ known: head, confirmedEtag: undefined, mode, wish, nowMs: gateway.clock.nowMs() })
  const info = head.detached()
  head.release()
  return decision.kind === 'serve' ? { kind: 'version', info, stored: true, originStatus: undefined } : undefined
}

async function inquireHere(gateway: Gateway, inquiry: Inquiry): Promise<Findings> {
  const recall =
    inquiry.kind === 'absent' && inquiry.recalls && !inquiry.wantsError ? gateway.cache.recall(inquiry.object.cacheKey) : undefined
  const recalled = recall === undefined ? 'missed' : await recall
  const mayAsk = inquiry.kind === 'known' || inquiry.asks
  if (recalled === 'promoted' || !mayAsk) return { opened: { kind: 'recalled' }, led: false, asked: 'HEAD' }
  if (recalled === 'unproven') return confirmUnproven(gateway, inquiry)
  return inquireOrigin(gateway, inquiry)
}

/**
 * An invalidation of what is on disk may have been lost in a power cut: its head is asked for before the first use, and its body is used
 * where the version is still the same.
 */
async function confirmUnproven(gateway: Gateway, inquiry: Inquiry): Promise<Findings> {
  const { object, itself } = inquiry
  return { ...(await inquireOrigin(gateway, { kind: 'known', object, etag: '', itself })), confirms: true }
}

async function inquireOrigin(gateway: Gateway, inquiry: Inquiry): Promise<Findings> {
  if (inquiry.itself && inquiry.kind === 'known') return ask(gateway, inquiry)
  const name = flightName(gateway, inquiry, 'origin')
  if (inquiry.itself && inquiry.kind === 'absent' && gateway.opening.has(name)) {
    // That question may have been asked before this request came; its answer could be older than promised. The head of the
    // current version is enough: its body is shared with whoever reads the same version.
    return ask(gateway, { ...inquiry, by: inquiry.wantsError ? 'GET' : 'HEAD' })
  }
  return share(gateway, name, async () => ask(gateway, inquiry))
}

async function share(gateway: Gateway, name: string, start: () => Promise<Findings>): Promise<Findings> {
  const { answer, led } = gateway.opening.join(name, start)
  const findings = await answer
  return led ? findings : { ...findings, led: false }
}

/** Questions from before an invalidation have other names, so that nobody who comes after it joins them. */
function flightName(gateway: Gateway, inquiry: Inquiry, whom: 'owner' | 'origin'): string {
  const { cacheKey } = inquiry.object
  const kind = inquiry.kind === 'known' ? 'known' : whom === 'origin' ? inquiry.by : `${inquiry.by} ${inquiry.recalls} ${inquiry.asks}`
  return `${kind}\0${gateway.cache.generation(cacheKey)}\0${cacheKey}`
}

async function ask(gateway: Gateway, inquiry: Inquiry): Promise<Findings> {
  const { object } = inquiry
  if (inquiry.kind === 'known') return { opened: await revalidate(gateway, object, inquiry.etag), led: true, asked: 'HEAD' }
  const opened = inquiry.by === 'HEAD' ? openByHead(gateway, object) : openByGet(gateway, object, inquiry.range)
  return { opened: await opened, led: true, asked: inquiry.by }
}
