import type { SegmentPool } from './segment-pool.ts'

/**
 * An owner's question to another for a segment: one at a time, and not again to who had none to give, until something was
 * unpinned somewhere.
 */
export class YieldQuestion {
  readonly #pool: SegmentPool
  readonly #owner: number
  readonly #post: (owner: number) => void
  readonly #refused = new Set<number>()
  #asked: number | undefined
  /** Something was unpinned after the question was asked: a refusal may be outdated. */
  #outdated = false

  constructor(pool: SegmentPool, owner: number, post: (owner: number) => void) {
    this.#pool = pool
    this.#owner = owner
    this.#post = post
  }

  /** Asks whoever has the oldest segment; with `mine`, only if that is clearly older than this one. */
  ask(mine: number | undefined): void {
    if (this.#pool.owners === 1 || this.#asked !== undefined) return
    const other = this.#pool.oldestOther(this.#owner, mine, this.#refused)
    if (other === undefined) return
    this.#asked = other
    this.#outdated = false
    this.#post(other)
  }

  answered(given: boolean): void {
    if (given) this.#refused.clear()
    else if (this.#asked !== undefined && !this.#outdated) this.#refused.add(this.#asked)
    this.#asked = undefined
  }

  unpinned(): void {
    if (this.#asked === undefined && this.#refused.size === 0) return
    this.#refused.clear()
    this.#outdated = true
  }
}
