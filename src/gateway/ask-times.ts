import type { Clock } from '../base/clock.ts'

/** Far below what any age is measured in, and exact in a double that counts milliseconds since 1970. */
const STEP_MS = 0.001

/**
 * When questions to origins were asked, by the wall clock, no two at the same time: of two answers about an object the one that was
 * asked for later is kept. The whole milliseconds are the clock's.
 */
export class AskTimes {
  readonly #clock: Clock
  #lastMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  next(): number {
    const nowMs = this.#clock.nowMs()
    // A clock that was set back begins a new order: ages count more than the order of what was asked around that moment.
    this.#lastMs = nowMs === Math.floor(this.#lastMs) ? this.#lastMs + STEP_MS : nowMs
    return this.#lastMs
  }
}
