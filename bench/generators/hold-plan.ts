/** Connections that are opened and then left alone. */
export interface HoldPlan {
  readonly host: string
  readonly port: number
  /** One per connection, in turn. */
  readonly requests: readonly string[]
  readonly bodyBytes: number
  readonly connections: number
  /** `idle`: the answer is read, and nothing more is asked. `stalled`: the request is sent, and nothing is ever read. */
  readonly kind: 'idle' | 'stalled'
  /** Stalled connections are closed and opened anew after this long. */
  readonly renewSeconds: number
}

/** What the process prints when all connections stand as they are meant to. */
export const HOLD_READY = 'holding'
