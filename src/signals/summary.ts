import { definitionOf, type MetricName } from './catalog.ts'
import { readRegistries, type Readings, type SeriesReading } from './registry-reader.ts'
import { OUTCOME_NAMES, type Outcome } from './vocabulary.ts'

/** All counts at one moment. */
export interface Snapshot {
  /** Monotonic milliseconds. */
  readonly takenAtMs: number
  readonly readings: Readings
}

/** Milliseconds; interpolated within histogram buckets, so as exact as those are narrow. */
interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

interface OutcomeSummary {
  readonly outcome: Outcome
  readonly requests: number
  /** Whole requests; undefined where none ended. */
  readonly duration: Latency | undefined
  /** To the first byte; undefined where none was sent. */
  readonly ttfb: Latency | undefined
}

/** What people want to know of a stretch of time. */
export interface Summary {
  readonly elapsedSeconds: number
  readonly requests: number
  readonly requestsPerSecond: number
  readonly bytesSent: number
  readonly bytesSentPerSecond: number
  /** Share of object reads that needed no request to the origin, 0 to 1; undefined: there were no reads. */
  readonly hitRatioByRequests: number | undefined
  /** Share of response body bytes that came from memory or from another's fetch; undefined: there were none. */
  readonly hitRatioByBytes: number | undefined
  readonly bytesSaved: number
  readonly originRequestsSaved: number
  readonly dollarsSaved: number
  /** Requests that the origin or hotbucket failed. */
  readonly failed: number
  readonly refused: number
  /** Every outcome, in the order of the vocabulary. */
  readonly outcomes: readonly OutcomeSummary[]
  /** As it is now; undefined before the cache was first sampled. */
  readonly cache: { readonly liveBytes: number; readonly memoryBytes: number; readonly entries: number } | undefined
}

export function takeSnapshot(registries: readonly SharedArrayBuffer[], takenAtMs: number): Snapshot {
  return { takenAtMs, readings: readRegistries(registries) }
}

/** Where bytes come from that no origin had to send. */
const HIT_SOURCES = ['memory', 'disk', 'coalesced'] as const

/** What happened between two snapshots. A snapshot of no registries, taken at the start, stands for the beginning. */
export function summarize(previous: Snapshot, current: Snapshot): Summary {
  const delta = new Delta(previous.readings, current.readings)
  const elapsedSeconds = Math.max(0, current.takenAtMs - previous.takenAtMs) / 1000
  const perSecond = (count: number): number => (elapsedSeconds > 0 ? count / elapsedSeconds : 0)
  const requests = delta.total('requests')
  const bytesSent = delta.total('responseBytes')
  const bytesHit = HIT_SOURCES.reduce((sum, source) => sum + delta.total('responseBytes', { source }), 0)
  const bytesOrigin = delta.total('responseBytes', { source: 'origin' })
  return {
    elapsedSeconds,
    requests,
    requestsPerSecond: perSecond(requests),
    bytesSent,
    bytesSentPerSecond: perSecond(bytesSent),
    hitRatioByRequests: ratio(delta.total('objectReads', { result: 'hit' }), delta.total('objectReads')),
    hitRatioByBytes: ratio(bytesHit, bytesHit + bytesOrigin),
    bytesSaved: delta.total('bytesSaved'),
    originRequestsSaved: delta.total('originRequestsSaved'),
    dollarsSaved: delta.total('dollarsSaved'),
    failed: delta.total('requests', { outcome: 'failed' }),
    refused: delta.total('requests', { outcome: 'refused' }),
    outcomes: OUTCOME_NAMES.map((outcome) => summarizeOutcome(delta, outcome)),
    cache: cacheNow(current.readings),
  }
}

function summarizeOutcome(delta: Delta, outcome: Outcome): OutcomeSummary {
  return {
    outcome,
    requests: delta.total('requests', { outcome }),
    duration: latency(delta, 'duration', outcome),
    ttfb: latency(delta, 'ttfb', outcome),
  }
}

function latency(delta: Delta, name: 'duration' | 'ttfb', outcome: Outcome): Latency | undefined {
  const counts = delta.counts(name, { outcome })
  const edges = definitionOf(name).edges
  const p50 = quantile(0.5, edges, counts)
  const p99 = quantile(0.99, edges, counts)
  return p50 === undefined || p99 === undefined ? undefined : { p50Ms: p50 * 1000, p99Ms: p99 * 1000 }
}

/**
 * The value below which the share `q` of observations lies, linear within its bucket, as PromQL's histogram_quantile has it:
 * from 0 in the first bucket, the highest edge for the bucket above all edges. Undefined without observations.
 */
export function quantile(q: number, edges: readonly number[], counts: readonly number[]): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total <= 0) return undefined
  const rank = q * total
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const upper = edges[bucket]
      if (upper === undefined) return edges.at(-1)
      const lower = edges[bucket - 1] ?? 0
      return lower + (upper - lower) * ((rank - below) / count)
    }
    below += count
  }
  return edges.at(-1)
}

function ratio(part: number, whole: number): number | undefined {
  return whole > 0 ? part / whole : undefined
}

function cacheNow(readings: Readings): Summary['cache'] {
  const value = (name: MetricName): number | undefined => readings.get(name)?.[0]?.value
  const liveBytes = value('cacheLiveBytes')
  const memoryBytes = value('cacheMemoryBytes')
  const entries = value('cacheEntries')
  return liveBytes === undefined || memoryBytes === undefined || entries === undefined ? undefined : { liveBytes, memoryBytes, entries }
}

/** The growth of counters between two readings. */
class Delta {
  readonly #previous: Readings
  readonly #current: Readings

  constructor(previous: Readings, current: Readings) {
    this.#previous = previous
    this.#current = current
  }

  /** Growth of all series that have these labels. */
  total(name: MetricName, labels: Readonly<Record<string, string>> = {}): number {
    const sum = (readings: Readings): number => matching(readings, name, labels).reduce((total, series) => total + series.value, 0)
    return Math.max(0, sum(this.#current) - sum(this.#previous))
  }

  /** Growth of a histogram's buckets, all matching series added. */
  counts(name: MetricName, labels: Readonly<Record<string, string>>): number[] {
    const sums = Array.from({ length: definitionOf(name).edges.length + 1 }, () => 0)
    const add = (readings: Readings, sign: 1 | -1): void => {
      for (const series of matching(readings, name, labels)) {
        for (const [bucket, count] of series.counts.entries()) sums[bucket] = (sums[bucket] ?? 0) + sign * count
      }
    }
    add(this.#current, 1)
    add(this.#previous, -1)
    return sums.map((count) => Math.max(0, count))
  }
}

function matching(readings: Readings, name: MetricName, labels: Readonly<Record<string, string>>): readonly SeriesReading[] {
  const wanted = Object.entries(labels)
  return (readings.get(name) ?? []).filter((series) => wanted.every(([label, value]) => series.labels[label] === value))
}
