/** A closed loop of GETs: every connection asks for the next object as soon as it has the last one. */
export interface LoadPlan {
  readonly generator: LoadGenerator
  readonly host: string
  readonly port: number
  /** Over TLS; the certificate is not looked at. Only `wrk` can. */
  readonly tls: boolean
  /** Whole requests as they go on the wire; each connection walks through them in turn. */
  readonly requests: readonly string[]
  /** What every response body must measure. */
  readonly bodyBytes: number
  readonly connections: number
  /** Threads of the generator. Only `wrk` has more than one. */
  readonly threads: number
  readonly seconds: number
}

/**
 * `wrk` for responses up to a MiB: nothing that is at hand costs less per response, and it copies into a buffer that stays in the core's
 * first cache. It reads 8 KiB at a time, so larger bodies are read by `bulk-reader`, which takes 256 KiB at a time (and costs more per
 * request).
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
  /** How many of which kind, for a person; absent where the generator does not tell them apart. */
  readonly errorKinds?: string
  readonly p50Us: number
  readonly p99Us: number
}
