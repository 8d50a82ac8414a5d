/** GETs that begin at fixed times, whether earlier ones were answered or not. */
export interface OpenLoopPlan {
  readonly host: string
  readonly port: number
  /** Whole requests as they go on the wire. */
  readonly requests: readonly string[]
  readonly bodyBytes: number
  readonly connections: number
  readonly requestsPerSecond: number
  /** What counts; before it the same load runs uncounted for `warmUpSeconds`. */
  readonly seconds: number
  readonly warmUpSeconds: number
}

/** What an open loop saw. Latency counts from the time at which a request was meant to be sent. */
export interface OpenLoopResult {
  readonly requests: number
  readonly errors: number
  /** Requests answered per second of the counted time. */
  readonly answeredPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  /** The generator's own lateness: from when a request was due and a connection free, until it was written. */
  readonly lateP50Us: number
  readonly lateP99Us: number
  readonly lateMaxUs: number
  /** Requests that were due when no connection was free: the wait is the server's, and in the latency. */
  readonly waited: number
}
