/** What bytes outside the cache are held for. */
export const HELD_FOR = ['request-body', 'pipeline', 'response', 'copy'] as const

export type HeldFor = (typeof HELD_FOR)[number]

/** Copies are a favour to slow clients: they leave this share of the budget to what has to go through. */
const COPIES_SHARE = 0.75

/**
 * Bytes on their way that are not in the cache: who holds some says so here. Most of them are on the way already when they are
 * counted, so the limit is not a wall: once it is reached, nothing more is asked for, and whoever holds bytes without need is cut.
 */
export class MemoryBudget {
  readonly limitBytes: number
  readonly #used: Record<HeldFor, number> = { 'request-body': 0, pipeline: 0, response: 0, copy: 0 }
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Nothing more should be asked for. */
  get isSpent(): boolean {
    return this.#usedBytes >= this.limitBytes
  }

  usedFor(what: HeldFor): number {
    return this.#used[what]
  }

  /** Counts bytes that are there in any case; `give` them when they are not. */
  take(what: HeldFor, bytes: number): void {
    this.#used[what] += bytes
    this.#usedBytes += bytes
  }

  /** Counts a copy that is to be made, or says no. */
  tryTakeCopy(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes * COPIES_SHARE) return false
    this.take('copy', bytes)
    return true
  }

  give(what: HeldFor, bytes: number): void {
    this.take(what, -bytes)
  }
}
