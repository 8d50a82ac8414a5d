import type { Clock } from '../../base/clock.ts'

/** What a load may use at most. */
export interface PaceLimits {
  readonly readsPerSecond: number | undefined
  readonly bytesPerSecond: number
}

/**
 * Says when the next read may begin. Two clocks run ahead of real time: one by a fixed step for each read that begins, one by
 * the time that the bytes received would take at the limit. The later one decides.
 */
export class Pacer {
  readonly #limits: PaceLimits
  readonly #clock: Clock
  #nextReadMs: number
  #bytesPaidMs: number

  constructor(limits: PaceLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#nextReadMs = clock.monotonicMs()
    this.#bytesPaidMs = this.#nextReadMs
  }

  /** Claims the next start; gives how long to wait for it, milliseconds. */
  claim(): number {
    const nowMs = this.#clock.monotonicMs()
    const { readsPerSecond } = this.#limits
    const startMs = Math.max(this.#nextReadMs, nowMs - BACKLOG_MS_MAX)
    this.#nextReadMs = readsPerSecond === undefined ? nowMs : startMs + 1000 / readsPerSecond
    return Math.max(0, startMs - nowMs, this.#bytesPaidMs - nowMs)
  }

  /** Tells of body bytes that arrived. */
  received(bytes: number): void {
    const nowMs = this.#clock.monotonicMs()
    this.#bytesPaidMs = Math.max(this.#bytesPaidMs, nowMs - BACKLOG_MS_MAX) + (bytes * 1000) / this.#limits.bytesPerSecond
  }
}

/** Starts that were missed because every connection was busy are made up for within this, and forgotten beyond it. */
const BACKLOG_MS_MAX = 500
