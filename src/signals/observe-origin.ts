import type { ByteSource } from '../base/byte-source.ts'
import type { Clock } from '../base/clock.ts'
import { ORIGIN_FAILURES, STATUS_CLASSES, statusClass, type OriginFailureLabel, type StatusClass } from './labels.ts'
import type { Counter, Gauge, Histogram, RegistryWriter } from './registry-writer.ts'

/** What is counted of an origin's answer. */
interface Answer {
  readonly status: number
  readonly body: ByteSource
}

export interface OriginObservation {
  /** The origin's name in the configuration; becomes a label. */
  readonly origin: string
  readonly writer: RegistryWriter
  readonly clock: Clock
}

/**
 * Wraps an origin's `send` so that every request to it is counted: status, time to the response head, body bytes, failures by
 * kind, and what is under way. Sees requests that no client request stands for, too: read-ahead, background revalidation,
 * fetches that outlived their client.
 */
export function observeSend<Request, Response extends Answer>(
  send: (request: Request) => Promise<Response>,
  observation: OriginObservation,
): (request: Request) => Promise<Response> {
  const series = new OriginSeries(observation)
  const { clock } = observation
  return async (request) => {
    const sentAtMs = clock.monotonicMs()
    series.begin()
    try {
      const response = await send(request)
      series.answered(response.status, (clock.monotonicMs() - sentAtMs) / 1000)
      return { ...response, body: new ObservedBody(response.body, series) }
    } catch (error) {
      series.failed(error)
      series.end()
      throw error
    }
  }
}

/** The series of one origin, and how many of its answers are not complete. */
class OriginSeries {
  readonly #requests: ReadonlyMap<StatusClass, Counter>
  readonly #failures: ReadonlyMap<string, Counter>
  readonly #received: Counter
  readonly #ttfb: Histogram
  readonly #inFlight: Gauge
  #open = 0

  constructor({ origin, writer }: OriginObservation) {
    this.#requests = new Map(STATUS_CLASSES.map((status) => [status, writer.counter('originRequests', { origin, status })]))
    this.#failures = new Map(ORIGIN_FAILURES.map((kind) => [kind, writer.counter('originFailures', { origin, kind })]))
    this.#received = writer.counter('originReceivedBytes', { origin })
    this.#ttfb = writer.histogram('originTtfb', { origin })
    this.#inFlight = writer.gauge('originInFlight', { origin })
    this.#inFlight.set(0)
  }

  begin(): void {
    this.#inFlight.set(++this.#open)
  }

  end(): void {
    this.#inFlight.set(--this.#open)
  }

  answered(status: number, ttfbSeconds: number): void {
    this.#requests.get(statusClass(status))?.add(1)
    this.#ttfb.observe(ttfbSeconds)
  }

  received(bytes: number): void {
    this.#received.add(bytes)
  }

  failed(error: unknown): void {
    const other: OriginFailureLabel = 'other'
    const kind = error instanceof Error && 'kind' in error && typeof error.kind === 'string' ? error.kind : other
    const counter = this.#failures.get(kind) ?? this.#failures.get(other)
    counter?.add(1)
  }
}

/** A body whose bytes, end and failure are counted. */
class ObservedBody implements ByteSource {
  readonly length: number | undefined
  readonly #body: ByteSource
  readonly #series: OriginSeries
  #ended = false

  constructor(body: ByteSource, series: OriginSeries) {
    this.length = body.length
    this.#body = body
    this.#series = series
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const chunk = await this.#body.read()
      if (chunk === undefined) this.#end()
      else this.#series.received(chunk.length)
      return chunk
    } catch (error) {
      if (!this.#ended) this.#series.failed(error)
      this.#end()
      throw error
    }
  }

  cancel(reason: Error): void {
    this.#end()
    this.#body.cancel(reason)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#series.end()
  }
}
