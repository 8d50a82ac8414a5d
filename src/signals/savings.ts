import type { RequestRecord } from './record.ts'
import type { Outcome, Reason } from './vocabulary.ts'

/** What origins charge, US dollars. */
export interface Prices {
  readonly egressPerGiB: number
  readonly getPerThousand: number
}

/** What one request spared the origin, compared with the client asking it directly. */
export interface Savings {
  /** As `readResult` has it. */
  readonly read: 'hit' | 'miss' | undefined
  readonly bytes: number
  readonly originRequests: 0 | 1
  readonly dollars: number
}

const BYTES_PER_GIB = 1024 ** 3

/** Outcomes that answer a read of an object. */
const ANSWERED: ReadonlySet<Outcome> = new Set<Outcome>([
  'memory',
  'disk',
  'coalesced',
  'miss',
  'revalidated',
  'stale',
  'not-modified',
  'pass',
])

/** Errors that the origin would have given, for the price of a request, and that the cache can give too. */
const KNOWN_ERRORS: ReadonlySet<Reason> = new Set<Reason>(['condition', 'range-not-satisfiable'])

/** Whether an answered read of an object asked the origin; undefined for everything else. */
function readResult(record: RequestRecord): 'hit' | 'miss' | undefined {
  if (record.operation !== 'GetObject' && record.operation !== 'HeadObject') return undefined
  if (!ANSWERED.has(record.outcome) && !(record.outcome === 'refused' && KNOWN_ERRORS.has(record.reason))) return undefined
  return record.originRequests === 0 ? 'hit' : 'miss'
}

/**
 * Saved are the bytes that came from memory, from disk or from another request's fetch, as far as they were sent, and the request where a
 * read of an object was answered without one. A read that asked the origin to confirm a version saves its bytes, not its request.
 */
export function savingsOf(record: RequestRecord, prices: Prices): Savings {
  const read = readResult(record)
  const bytes = Math.min(record.bytesFromMemory + record.bytesFromDisk + record.bytesCoalesced, record.bytesSent)
  const originRequests = read === 'hit' ? 1 : 0
  const dollars = (bytes / BYTES_PER_GIB) * prices.egressPerGiB + (originRequests / 1000) * prices.getPerThousand
  return { read, bytes, originRequests, dollars }
}
