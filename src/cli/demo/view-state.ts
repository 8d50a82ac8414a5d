import type { LinkConfig } from '../../config/config.ts'
import type { DemoCredentials, LoadProgress } from './load-protocol.ts'

/** What happened over some stretch of time. */
export interface TrafficFigures {
  readonly requests: number
  /** Share of object reads that were answered without a request to the origin, 0 to 1; undefined without reads. */
  readonly hitRatio: number | undefined
  /** Share of body bytes that came from memory or from another request's fetch; undefined without bytes. */
  readonly byteHitRatio: number | undefined
  /** Body bytes that clients were sent, and those that the origin sent. */
  readonly clientBytes: number
  readonly originBytes: number
}

/** The outcomes whose times are set side by side; the others stand in the metrics. */
export const SHOWN_OUTCOMES = ['memory', 'disk', 'coalesced', 'miss'] as const

export interface OutcomeFigures {
  readonly name: (typeof SHOWN_OUTCOMES)[number]
  /** Since the start. */
  readonly requests: number
  /** Time to first byte. Undefined without requests. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

/** Everything that the live view shows, at one moment. */
export interface ViewState {
  readonly elapsedMs: number
  /** How long the demo still runs; undefined: until it is told to stop. */
  readonly leftMs: number | undefined
  /** `http://host:port` of the S3 and of the admin listener. */
  readonly endpoint: string
  readonly adminUrl: string
  readonly region: string
  readonly credentials: DemoCredentials
  readonly total: TrafficFigures
  readonly recent: TrafficFigures
  /** The time that `recent` stands for. */
  readonly recentMs: number
  /** Hit ratios by requests, one per view interval, the latest last. */
  readonly history: readonly number[]
  readonly savedBytes: number
  readonly savedDollars: number
  /** What the same reads would have cost at the origin. */
  readonly directDollars: number
  readonly savedDollarsPerHour: number
  readonly outcomes: readonly OutcomeFigures[]
  readonly memoryBytes: number
  readonly memoryBudgetBytes: number
  readonly rssBytes: number
  readonly link: LinkConfig
  readonly load: LoadProgress
  readonly paused: boolean
  /** Whether keys change something: standard input is a terminal. */
  readonly keys: boolean
}
