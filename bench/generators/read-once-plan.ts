/** Every request once, by some connections side by side. */
export interface ReadOncePlan {
  readonly host: string
  readonly port: number
  readonly requests: readonly string[] | NumberedRequests
  readonly bodyBytes: number
  readonly connections: number
}

/** Requests that differ by a number in the target: a million of them need no file. */
interface NumberedRequests {
  readonly before: string
  readonly after: string
  readonly count: number
}

export interface ReadOnceResult {
  readonly requests: number
  readonly seconds: number
  /** Of response bodies. */
  readonly bytes: number
  readonly errors: number
  /** From writing the request to the first byte of its answer. */
  readonly firstByteP50Us: number
  readonly firstByteP99Us: number
}
