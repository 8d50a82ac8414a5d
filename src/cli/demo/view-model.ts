import type { LinkConfig, PricesConfig } from '../../config/config.ts'
import type { MetricName } from '../../signals/catalog.ts'
import { summarize, takeSnapshot, type Snapshot, type Summary } from '../../signals/summary.ts'
import type { DemoCredentials, LoadProgress } from './load-protocol.ts'
import { SHOWN_OUTCOMES, type OutcomeFigures, type TrafficFigures, type ViewState } from './view-state.ts'

/** What does not change while a demo runs. */
export interface ViewSubject {
  readonly durationMs: number | undefined
  readonly endpoint: string
  readonly adminUrl: string
  readonly region: string
  readonly credentials: DemoCredentials
  readonly prices: PricesConfig
  readonly memoryBudgetBytes: number
  readonly keys: boolean
}

/** What is true at the moment of a snapshot besides the server's own counts. */
export interface Surroundings {
  readonly rssBytes: number
  readonly link: LinkConfig
  readonly load: LoadProgress
  readonly paused: boolean
}

/** What `recent` figures look back on. */
const RECENT_MS = 10_000
const HISTORY_LENGTH = 120
const SECONDS_PER_HOUR = 3600
const BYTES_PER_GIB = 1024 ** 3

/** Turns snapshots of counts that only grow into what the view shows: totals, the last ten seconds, and a history. */
export class ViewModel {
  readonly #subject: ViewSubject
  readonly #history: number[] = []
  readonly #beginning = takeSnapshot([], 0)
  /** Those of the last ten seconds and the one before them, oldest first. */
  #snapshots: Snapshot[] = [this.#beginning]

  constructor(subject: ViewSubject) {
    this.#subject = subject
  }

  /** Gives the view of this moment. `snapshot.takenAtMs` counts from the start of the demo. */
  take(snapshot: Snapshot, surroundings: Surroundings): ViewState {
    this.#remember(snapshot)
    const oldest = this.#snapshots[0] ?? this.#beginning
    const total = summarize(this.#beginning, snapshot)
    const recent = summarize(oldest, snapshot)
    const { durationMs, prices, ...subject } = this.#subject
    return {
      ...subject,
      ...surroundings,
      elapsedMs: snapshot.takenAtMs,
      leftMs: durationMs === undefined ? undefined : Math.max(0, durationMs - snapshot.takenAtMs),
      total: traffic(total, this.#beginning, snapshot),
      recent: traffic(recent, oldest, snapshot),
      recentMs: recent.elapsedSeconds * 1000,
      history: [...this.#history],
      savedBytes: total.bytesSaved,
      savedDollars: total.dollarsSaved,
      directDollars: (total.bytesSent / BYTES_PER_GIB) * prices.egressPerGiB + (total.requests / 1000) * prices.getPerThousand,
      savedDollarsPerHour: recent.elapsedSeconds === 0 ? 0 : (recent.dollarsSaved / recent.elapsedSeconds) * SECONDS_PER_HOUR,
      outcomes: SHOWN_OUTCOMES.map((name) => outcome(name, recent, total)),
      memoryBytes: total.cache?.liveBytes ?? 0,
    }
  }

  #remember(snapshot: Snapshot): void {
    const ratio = summarize(this.#snapshots.at(-1) ?? this.#beginning, snapshot).hitRatioByRequests
    if (ratio !== undefined) this.#history.push(ratio)
    if (this.#history.length > HISTORY_LENGTH) this.#history.shift()
    this.#snapshots.push(snapshot)
    const firstRecent = this.#snapshots.findIndex((each) => each.takenAtMs > snapshot.takenAtMs - RECENT_MS)
    this.#snapshots = this.#snapshots.slice(Math.max(0, firstRecent - 1))
  }
}

function traffic(summary: Summary, previous: Snapshot, current: Snapshot): TrafficFigures {
  return {
    requests: summary.requests,
    hitRatio: summary.hitRatioByRequests,
    byteHitRatio: summary.hitRatioByBytes,
    clientBytes: summary.bytesSent,
    originBytes: sumOf(current, 'originReceivedBytes') - sumOf(previous, 'originReceivedBytes'),
  }
}

function sumOf(snapshot: Snapshot, name: MetricName): number {
  return (snapshot.readings.get(name) ?? []).reduce((sum, series) => sum + series.value, 0)
}

/** Times of the last ten seconds, so that a change of the link shows; where nothing ended this way in them, of the whole run. */
function outcome(name: OutcomeFigures['name'], recent: Summary, total: Summary): OutcomeFigures {
  const [ofRecent, ofTotal] = [recent, total].map((summary) => summary.outcomes.find((each) => each.outcome === name))
  const ttfb = ofRecent?.ttfb ?? ofTotal?.ttfb
  return { name, requests: ofTotal?.requests ?? 0, p50Ms: ttfb?.p50Ms, p99Ms: ttfb?.p99Ms }
}
