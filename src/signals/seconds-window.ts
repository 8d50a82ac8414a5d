import type { LoopDelay } from './loop-delay.ts'

/** What was measured in one second of one thread. */
export interface MeasuredSecond extends LoopDelay {
  readonly gcSeconds: number
  readonly wallSeconds: number
}

/** The last seconds taken together. */
export interface WindowFigures {
  /** Median of the medians. */
  readonly delayP50Seconds: number
  /** The worst second's 99th percentile. */
  readonly delayP99Seconds: number
  readonly delayMaxSeconds: number
  /** Undefined while no time has passed. */
  readonly gcRatio: number | undefined
}

/** Samples that the window holds; at one a second a scrape every 15 s misses no peak. */
export const WINDOW_SAMPLES = 15

/** A sliding window over measured seconds. */
export class SecondsWindow {
  readonly #seconds: MeasuredSecond[] = []

  push(second: MeasuredSecond): WindowFigures {
    this.#seconds.push(second)
    if (this.#seconds.length > WINDOW_SAMPLES) this.#seconds.shift()
    const medians = this.#seconds.map(({ delayP50Seconds }) => delayP50Seconds).sort((a, b) => a - b)
    const sum = (valueOf: (second: MeasuredSecond) => number): number => this.#seconds.reduce((total, one) => total + valueOf(one), 0)
    const wallSeconds = sum((one) => one.wallSeconds)
    return {
      delayP50Seconds: medians[Math.floor(medians.length / 2)] ?? 0,
      delayP99Seconds: Math.max(...this.#seconds.map((one) => one.delayP99Seconds)),
      delayMaxSeconds: Math.max(...this.#seconds.map((one) => one.delayMaxSeconds)),
      gcRatio: wallSeconds > 0 ? Math.min(1, sum((one) => one.gcSeconds) / wallSeconds) : undefined,
    }
  }
}
