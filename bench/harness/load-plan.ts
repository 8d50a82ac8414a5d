/** A closed loop of GETs: every connection asks for the next object as soon as it has the last one. */
export interface LoadPlan {
  readonly generator: LoadGenerator
  readonly host: string
  readonly port: number
  /** Whole requests as they go on the wire; each connection walks through them in turn. */
  readonly requests: readonly string[]
  /** What every response body must measure. */
  readonly bodyBytes: number
  readonly connections: number
  readonly seconds: number
  /** The core that the generator is bound to. */
  readonly cpu: number
  /** Directory for the script that tells the generator what to do. */
  readonly workDirectory: string
}

/**
 * `wrk` for responses up to a MiB. It reads 8 KiB at a time, so for larger bodies it uses up its core long before nginx does; those
 * are read by `bulk-reader`, which takes 256 KiB at a time (and costs more per request, so it would be the limit for small ones).
 */
export type LoadGenerator = 'wrk' | 'bulk-reader'

/** What one run of a load generator counted. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** All bytes received, heads included. */
  readonly bytes: number
  /** Connections that failed or broke, answers that were no 200 or of the wrong length, timeouts. */
  readonly errors: number
  readonly p50Us: number
  readonly p99Us: number
}
