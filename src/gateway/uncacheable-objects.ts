import type { Clock } from '../base/clock.ts'

/** How long an object is taken for uncacheable without asking again. */
const REMEMBERED_MS = 60_000
/** More are forgotten in the order in which they came. */
const OBJECTS_MAX = 10_000

/**
 * Objects that an origin answered without a strong ETag or a length: reads of them pass at once, side by side, instead of waiting for
 * each other's questions and asking twice (what Varnish calls hit-for-miss).
 */
export class UncacheableObjects {
  readonly #clock: Clock
  /** Cache key to the monotonic time at which it is forgotten, oldest first. */
  readonly #until = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(cacheKey: string): boolean {
    const until = this.#until.get(cacheKey)
    if (until === undefined) return false
    if (this.#clock.monotonicMs() < until) return true
    this.#until.delete(cacheKey)
    return false
  }

  add(cacheKey: string): void {
    this.#until.delete(cacheKey)
    if (this.#until.size >= OBJECTS_MAX) {
      for (const oldest of this.#until.keys()) {
        this.#until.delete(oldest)
        break
      }
    }
    this.#until.set(cacheKey, this.#clock.monotonicMs() + REMEMBERED_MS)
  }

  forget(cacheKey: string): void {
    this.#until.delete(cacheKey)
  }
}
