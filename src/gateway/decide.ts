import { headerValue, headerValues, type HeaderList } from '../base/header-list.ts'
import type { Consistency } from '../config/config.ts'

/** What is known of an object when a read arrives. */
export interface Known {
  readonly etag: string
  /** Wall clock of the origin's last confirmation, ms; a fraction only tells those within a millisecond apart. */
  readonly validatedAtMs: number
}

/** What the client says about caching in `Cache-Control` (RFC 9111 section 5.2.1). */
export interface ClientWish {
  readonly noCache: boolean
  /** Nothing of the answer may be kept. */
  readonly noStore: boolean
  readonly onlyIfCached: boolean
  readonly maxAgeMs: number | undefined
}

/** What to do with a read of an object; the reason is the word that headers, logs and metrics use. */
export type Decision =
  | { readonly kind: 'serve'; readonly reason: 'fresh' | 'stale-while-revalidate' }
  /** Ask the origin first. `staleIfError`: serve what is here where the origin cannot be asked. */
  | {
      readonly kind: 'revalidate'
      readonly reason: 'expired' | 'strict-mode' | 'client-no-cache' | 'checksums-unknown'
      readonly staleIfError: boolean
    }
  | { readonly kind: 'fetch'; readonly reason: 'absent' }
  | { readonly kind: 'refuse'; readonly reason: 'only-if-cached' }

const FRESH: Decision = { kind: 'serve', reason: 'fresh' }

const ONLY_IF_CACHED: Decision = { kind: 'refuse', reason: 'only-if-cached' }

/**
 * Decides a read. Pure. `confirmedEtag` is the version that the origin named for this very request: it is current for it in
 * every mode. RFC 9111 sections 4.2 (freshness) and 5.2.1.7 (only-if-cached), RFC 5861 (stale-while-revalidate, stale-if-error).
 */
export function decide(input: DecisionInput): Decision {
  const decision = decideAlone(input)
  return input.wish.onlyIfCached && decision.kind !== 'serve' ? ONLY_IF_CACHED : decision
}

interface DecisionInput {
  readonly known: Known | undefined
  readonly confirmedEtag: string | undefined
  readonly mode: Consistency
  readonly wish: ClientWish
  readonly nowMs: number
}

function decideAlone(input: DecisionInput): Decision {
  const { known, mode, wish } = input
  if (known === undefined) return { kind: 'fetch', reason: 'absent' }
  if (input.confirmedEtag !== undefined && known.etag === input.confirmedEtag) return FRESH
  const ageMs = ageOf(known, input.nowMs)
  const staleIfError = mode.kind === 'ttl' && mode.staleIfErrorMs > 0 && ageMs <= mode.ttlMs + mode.staleIfErrorMs
  if (wish.noCache || (wish.maxAgeMs !== undefined && ageMs > wish.maxAgeMs)) {
    return { kind: 'revalidate', reason: 'client-no-cache', staleIfError: false }
  }
  switch (mode.kind) {
    case 'immutable':
      return FRESH
    case 'strict':
      return { kind: 'revalidate', reason: 'strict-mode', staleIfError: false }
    case 'ttl':
      if (ageMs < mode.ttlMs) return FRESH
      if (ageMs < mode.ttlMs + mode.staleWhileRevalidateMs) return { kind: 'serve', reason: 'stale-while-revalidate' }
      return { kind: 'revalidate', reason: 'expired', staleIfError }
  }
}

/** How long ago the origin confirmed it, ms. */
export function ageOf(known: Pick<Known, 'validatedAtMs'>, nowMs: number): number {
  return Math.max(0, nowMs - Math.floor(known.validatedAtMs))
}

/**
 * True where the answer to a question that somebody else asked earlier will not do: it may be older than this request, and so older
 * than what the mode or the client allows.
 */
export function mustAskItself(mode: Consistency, wish: ClientWish): boolean {
  return mode.kind === 'strict' || wish.noCache || wish.maxAgeMs === 0
}

/** A request that says nothing about caching. */
export const NO_WISH: ClientWish = { noCache: false, noStore: false, onlyIfCached: false, maxAgeMs: undefined }

/** What a request says about caching; repeated fields are one list. */
export function clientWish(headers: HeaderList): ClientWish {
  const first = headerValue(headers, 'cache-control')
  return first === undefined ? NO_WISH : parseClientWish(headerValues(headers, 'cache-control').join(','))
}

/** Reads a request's Cache-Control; what it does not know has no effect. */
export function parseClientWish(cacheControl: string | undefined): ClientWish {
  if (cacheControl === undefined) return NO_WISH
  let noCache = false
  let noStore = false
  let onlyIfCached = false
  let maxAgeMs: number | undefined
  for (const part of cacheControl.toLowerCase().split(',')) {
    const directive = part.trim()
    if (directive === 'no-cache') noCache = true
    else if (directive === 'no-store') noStore = true
    else if (directive === 'only-if-cached') onlyIfCached = true
    else {
      const age = /^max-age="?(\d{1,10})"?$/.exec(directive)
      if (age !== null) maxAgeMs = Number(age[1]) * 1000
    }
  }
  return { noCache, noStore, onlyIfCached, maxAgeMs }
}
