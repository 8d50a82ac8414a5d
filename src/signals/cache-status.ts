// hot path: called for every response.
import { OUTCOME_NAMES, REASONS, type Outcome, type Reason } from './vocabulary.ts'

/** What the Cache-Status field is made from. */
export interface CacheStatusFacts {
  readonly outcome: Outcome
  readonly reason: Reason
  /** The origin's status, where the request went there. */
  readonly originStatus?: number | undefined
  /** The answer went into the cache. */
  readonly stored?: boolean | undefined
  /** The request shared another's request to the origin. */
  readonly collapsed?: boolean | undefined
}

/** RFC 9211 section 2.2: why a request went forward. */
type Forward = 'bypass' | 'method' | 'miss' | 'request' | 'stale' | 'partial'

const CACHE_NAME = 'hotbucket'

/**
 * Whether an outcome is a hit, went forward, or neither (an answer of hotbucket's own; RFC 9211 section 2 has a member without
 * `hit` and `fwd` for that). `by-reason`: FORWARD_OF decides.
 */
const KIND_OF: Readonly<Record<Outcome, 'hit' | 'own' | 'by-reason' | Forward>> = {
  memory: 'hit',
  disk: 'hit',
  coalesced: 'by-reason',
  miss: 'by-reason',
  revalidated: 'by-reason',
  stale: 'hit',
  'not-modified': 'by-reason',
  pass: 'by-reason',
  write: 'method',
  refused: 'own',
  failed: 'own',
  'client-gone': 'own',
}

/** Why a request with this reason went forward; `hit`: it did not have to. */
const FORWARD_OF: Readonly<Record<Reason, 'hit' | 'own' | Forward>> = {
  fresh: 'hit',
  absent: 'miss',
  expired: 'stale',
  'strict-mode': 'stale',
  'client-no-cache': 'request',
  'checksums-unknown': 'partial',
  unproven: 'stale',
  'body-evicted': 'partial',
  'stale-if-error': 'hit',
  'stale-while-revalidate': 'hit',
  'uncacheable-operation': 'bypass',
  'uncacheable-request': 'bypass',
  'uncacheable-object': 'miss',
  'changing-object': 'miss',
  'unusual-range': 'bypass',
  'memory-full': 'miss',
  'only-if-cached': 'own',
  condition: 'own',
  'range-not-satisfiable': 'own',
  authentication: 'own',
  authorization: 'own',
  malformed: 'own',
  'slow-reader': 'own',
  'stalled-reader': 'own',
  overload: 'own',
  origin: 'miss',
  internal: 'own',
}

/** Reasons that `hit` or `fwd=miss` alone says already. */
const SELF_EVIDENT: ReadonlySet<Reason> = new Set<Reason>(['fresh', 'absent'])

interface Rendered {
  /** The member up to where fwd-status, stored and collapsed go. */
  readonly prefix: string
  readonly detail: string
  readonly whole: string
  readonly forwarded: boolean
}

const RENDERED: Readonly<Record<Outcome, Readonly<Record<Reason, Rendered>>>> = renderAll()

/** The Cache-Status field's value (RFC 9211) for a response. */
export function cacheStatus(facts: CacheStatusFacts): string {
  const rendered = RENDERED[facts.outcome][facts.reason]
  if (!rendered.forwarded) return rendered.whole
  let value = rendered.prefix
  if (facts.originStatus !== undefined) value += `; fwd-status=${facts.originStatus}`
  if (facts.stored === true) value += '; stored'
  if (facts.collapsed === true || facts.outcome === 'coalesced') value += '; collapsed'
  return value + rendered.detail
}

function renderAll(): Record<Outcome, Record<Reason, Rendered>> {
  const all: Partial<Record<Outcome, Record<Reason, Rendered>>> = {}
  for (const outcome of OUTCOME_NAMES) {
    const row: Partial<Record<Reason, Rendered>> = {}
    for (const reason of Object.keys(REASONS) as Reason[]) row[reason] = render(outcome, reason)
    all[outcome] = row as Record<Reason, Rendered>
  }
  return all as Record<Outcome, Record<Reason, Rendered>>
}

function render(outcome: Outcome, reason: Reason): Rendered {
  const kind = forwardKind(outcome, reason)
  const word = outcome === 'disk' && reason === 'fresh' ? 'disk' : SELF_EVIDENT.has(reason) ? undefined : reason
  const detail = word === undefined ? '' : `; detail=${word}`
  if (kind === 'own') return { prefix: CACHE_NAME, detail, whole: `${CACHE_NAME}; detail=${reason}`, forwarded: false }
  const prefix = kind === 'hit' ? `${CACHE_NAME}; hit` : `${CACHE_NAME}; fwd=${kind}`
  return { prefix, detail, whole: prefix + detail, forwarded: kind !== 'hit' }
}

function forwardKind(outcome: Outcome, reason: Reason): 'hit' | 'own' | Forward {
  const kind = KIND_OF[outcome]
  if (kind !== 'by-reason') return kind
  const forward = FORWARD_OF[reason]
  // What was fetched or shared went forward, whatever the reason word of the first decision was.
  const wentForward = outcome === 'miss' || outcome === 'coalesced' || outcome === 'pass'
  return wentForward && (forward === 'hit' || forward === 'own') ? 'miss' : forward
}
