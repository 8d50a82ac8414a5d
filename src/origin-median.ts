import type { Clock } from './base/clock.ts'
import type { Origin } from './origin/origin.ts'

/** Answers that are looked at together. */
const WAITS = 128

/** Fewer say nothing. */
const WAITS_MIN = 8

/** How long origins took to answer, lately: what anything that is asked in their place has to beat. */
export class OriginMedian {
  readonly #waitsMs = new Float64Array(WAITS)
  #count = 0

  saw(waitedMs: number): void {
    this.#waitsMs[this.#count % WAITS] = waitedMs
    this.#count++
  }

  /** Undefined before there were enough answers. */
  get medianMs(): number | undefined {
    const seen = Math.min(WAITS, this.#count)
    return seen < WAITS_MIN ? undefined : this.#waitsMs.slice(0, seen).toSorted()[seen >> 1]
  }
}

/** The origin with its answers timed. */
export function timed(origin: Origin, median: OriginMedian, clock: Clock): Origin {
  return {
    name: origin.name,
    send: async (request) => {
      const askedMs = clock.monotonicMs()
      const response = await origin.send(request)
      median.saw(clock.monotonicMs() - askedMs)
      return response
    },
    close: async () => origin.close(),
  }
}
