import type { HttpLimits } from './limits.ts'

/** Watches one direction of a body while the client is the one to act; whoever uses it drops it when that is over. */
export class RateGuard {
  readonly #windowMs: number
  readonly #windowBytes: number
  #startMs: number | undefined = undefined
  #startBytes = 0

  constructor(limits: Pick<HttpLimits, 'bodyRateBytesPerSecond' | 'bodyRateWindowMs'>) {
    this.#windowMs = limits.bodyRateWindowMs
    this.#windowBytes = (limits.bodyRateBytesPerSecond * limits.bodyRateWindowMs) / 1000
  }

  /** True when a whole window moved fewer bytes than the minimum. `bytes` is a counter that only grows. */
  isSlow(nowMs: number, bytes: number): boolean {
    if (this.#startMs === undefined || nowMs - this.#startMs >= this.#windowMs) {
      const slow = this.#startMs !== undefined && bytes - this.#startBytes < this.#windowBytes
      this.#startMs = nowMs
      this.#startBytes = bytes
      return slow
    }
    return false
  }
}
