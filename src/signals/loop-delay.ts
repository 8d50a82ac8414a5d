/** How late the event loop ran its timers. */
export interface LoopDelay {
  readonly delayP50Seconds: number
  readonly delayP99Seconds: number
  readonly delayMaxSeconds: number
}

const RESOLUTION_MS = 20

/** Some ten seconds of samples; the oldest are overwritten where nobody reads. */
const SAMPLES_MAX = 512

/**
 * Measures the event loop of this thread by a timer of 20 ms: how much later than that it ran. The figures of each period are exact, from some fifty
 * samples; perf_hooks' histogram of the same holds 350 KiB for them, and forgets what follows each reset, so that two would be needed in every thread.
 */
export class LoopDelayMonitor {
  readonly #nowMs: () => number
  readonly #timer: NodeJS.Timeout
  #period = new Float64Array(SAMPLES_MAX)
  #periodCount = 0
  #before = new Float64Array(SAMPLES_MAX)
  #beforeCount = 0
  #firedMs: number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#firedMs = nowMs()
    this.#timer = setInterval(() => this.fired(), RESOLUTION_MS).unref()
  }

  /** The timer ran: takes one sample. */
  fired(): void {
    const nowMs = this.#nowMs()
    this.#period[this.#periodCount++ % SAMPLES_MAX] = Math.max(0, nowMs - this.#firedMs - RESOLUTION_MS)
    this.#firedMs = nowMs
  }

  /** The delays of the last two periods between calls; 0 without a sample. */
  read(): LoopDelay {
    const current = this.#period.subarray(0, Math.min(this.#periodCount, SAMPLES_MAX))
    const before = this.#before.subarray(0, Math.min(this.#beforeCount, SAMPLES_MAX))
    const sorted = new Float64Array(current.length + before.length)
    sorted.set(current)
    sorted.set(before, current.length)
    sorted.sort()
    const spare = this.#before
    this.#before = this.#period
    this.#beforeCount = this.#periodCount
    this.#period = spare
    this.#periodCount = 0
    return {
      delayP50Seconds: percentile(sorted, 0.5) / 1000,
      delayP99Seconds: percentile(sorted, 0.99) / 1000,
      delayMaxSeconds: (sorted.at(-1) ?? 0) / 1000,
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** Nearest rank: the smallest value that at least this share does not exceed. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
