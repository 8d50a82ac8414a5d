// hot path: runs once per request.
import type { Clock } from '../base/clock.ts'
import { BucketSeries } from './bucket-series.ts'
import { ByteCounters } from './byte-counters.ts'
import { OPERATION_CLASS_NAMES, operationClass, READ_RESULTS, STATUS_CLASSES, statusClass, type OperationClass } from './labels.ts'
import type { Log } from './log.ts'
import type { RequestRecord } from './record.ts'
import type { Counter, Histogram, RegistryWriter } from './registry-writer.ts'
import { savingsOf, type Prices } from './savings.ts'
import { OUTCOME_NAMES, REASONS, type Outcome, type Reason } from './vocabulary.ts'

/** What a Settler writes to and counts with. */
export interface SettlerParts {
  readonly writer: RegistryWriter
  readonly log: Log
  readonly prices: Prices
  readonly clock: Clock
}

/** Series of one outcome. */
interface OutcomeSeries {
  readonly duration: Histogram
  readonly ttfb: Histogram
  readonly requests: Readonly<Record<OperationClass, Readonly<Record<string, Counter>>>>
}

/** Turns finished records into metrics and log lines. The only place where signals about requests are emitted. */
export class Settler {
  readonly #clock: Clock
  readonly #log: Log
  readonly #prices: Prices
  readonly #outcomes: Readonly<Record<Outcome, OutcomeSeries>>
  readonly #decisions: Readonly<Record<Reason, Counter>>
  readonly #refused: Readonly<Record<Reason, Counter>>
  readonly #bytes: ByteCounters
  readonly #received: Counter
  readonly #reads: Readonly<Record<'hit' | 'miss', Counter>>
  readonly #saved: { readonly bytes: Counter; readonly requests: Counter; readonly dollars: Counter }
  readonly #buckets: BucketSeries

  constructor(parts: SettlerParts) {
    const { writer } = parts
    this.#clock = parts.clock
    this.#log = parts.log
    this.#prices = parts.prices
    this.#outcomes = recordOf(OUTCOME_NAMES, (outcome) => outcomeSeries(writer, outcome))
    this.#decisions = recordOf(Object.keys(REASONS) as Reason[], (reason) => writer.counter('decisions', { reason }))
    this.#refused = recordOf(Object.keys(REASONS) as Reason[], (reason) => writer.counter('refused', { reason }))
    this.#bytes = new ByteCounters((source) => writer.counter('responseBytes', { source }))
    this.#received = writer.counter('receivedBytes', {})
    this.#reads = recordOf(READ_RESULTS, (result) => writer.counter('objectReads', { result }))
    this.#saved = {
      bytes: writer.counter('bytesSaved', {}),
      requests: writer.counter('originRequestsSaved', {}),
      dollars: writer.counter('dollarsSaved', {}),
    }
    this.#buckets = new BucketSeries(writer)
  }

  /** To be called once per record, when the response is complete or lost. */
  settle(record: RequestRecord): void {
    const durationMs = Math.max(0, this.#clock.monotonicMs() - record.startedMs)
    const series = this.#outcomes[record.outcome]
    series.requests[operationClass(record.operation)][statusClass(record.status)]?.add(1)
    series.duration.observe(durationMs / 1000)
    if (record.ttfbMs !== undefined) series.ttfb.observe(record.ttfbMs / 1000)
    this.#decisions[record.reason].add(1)
    if (record.outcome === 'refused') this.#refused[record.reason].add(1)
    this.#bytes.count(record)
    if (record.bytesReceived > 0) this.#received.add(record.bytesReceived)
    const savings = savingsOf(record, this.#prices)
    if (savings.read !== undefined) this.#reads[savings.read].add(1)
    if (savings.bytes > 0) this.#saved.bytes.add(savings.bytes)
    if (savings.originRequests > 0) this.#saved.requests.add(savings.originRequests)
    if (savings.dollars > 0) this.#saved.dollars.add(savings.dollars)
    if (record.bucket !== undefined) this.#buckets.count(record, savings)
    this.#log.request(record, durationMs)
  }
}

function outcomeSeries(writer: RegistryWriter, outcome: Outcome): OutcomeSeries {
  return {
    duration: writer.histogram('duration', { outcome }),
    ttfb: writer.histogram('ttfb', { outcome }),
    requests: recordOf(OPERATION_CLASS_NAMES, (operation) =>
      recordOf(STATUS_CLASSES, (status) => writer.counter('requests', { operation, outcome, status })),
    ),
  }
}

function recordOf<K extends string, V>(keys: readonly K[], valueOf: (key: K) => V): Readonly<Record<K, V>> {
  const record: Partial<Record<K, V>> = {}
  for (const key of keys) record[key] = valueOf(key)
  return record as Record<K, V>
}
