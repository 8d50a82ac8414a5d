/** Each power of two is divided into this many steps, so a recorded value is off by less than one part in this many. */
const STEPS = 128
const STEP_BITS = 7
/** Values are whole nanoseconds below 2^44 (about five hours). */
const POWERS = 44
const VALUE_MAX = 2 ** POWERS - 1

/**
 * Latencies counted in logarithmic steps, after HdrHistogram: constant memory, less than 0.8 % error at every size, no sampling. Values
 * are microseconds, kept as nanoseconds.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array((POWERS - STEP_BITS + 1) * STEPS)
  #count = 0
  #maxUs = 0

  get count(): number {
    return this.#count
  }

  get maxUs(): number {
    return this.#maxUs
  }

  record(us: number): void {
    const ns = Math.min(VALUE_MAX, Math.max(0, Math.round(us * 1000)))
    this.#counts[slotOf(ns)]!++
    this.#count++
    if (us > this.#maxUs) this.#maxUs = us
  }

  /** The value that this share of the recorded ones does not exceed, microseconds; 0 where nothing was recorded. */
  quantileUs(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#count))
    let seen = 0
    for (let slot = 0; slot < this.#counts.length; slot++) {
      seen += this.#counts[slot]!
      if (seen >= wanted) return Math.min(this.#maxUs, highestOf(slot) / 1000)
    }
    return 0
  }
}

/** Below 128 ns every nanosecond has a slot; above, every 128th part of a power of two. */
function slotOf(ns: number): number {
  if (ns < STEPS) return ns
  // The logarithm may be off by one just below a power of two.
  const guess = Math.floor(Math.log2(ns))
  const power = 2 ** guess > ns ? guess - 1 : guess
  return (power - STEP_BITS + 1) * STEPS + Math.floor(ns / 2 ** (power - STEP_BITS)) - STEPS
}

function highestOf(slot: number): number {
  if (slot < STEPS) return slot
  const power = Math.floor(slot / STEPS) + STEP_BITS - 1
  return ((slot % STEPS) + STEPS + 1) * 2 ** (power - STEP_BITS) - 1
}
