import type { CacheShare } from './share.ts'

/** Words of the shared table: three counters on a cache line, a line for each owner, then one bit for each free segment. */
const LINE_WORDS = 16
const FREE = 0
const SEQUENCE = 1
const STARVING = 2

const HELD = 0
const OLDEST = 1
const IS_STARVING = 2

/** Bytes of the shared table. */
export function poolBytes(segments: number, owners: number): number {
  return (LINE_WORDS * (1 + owners) + Math.ceil(segments / 32)) * 4
}

/** All segments are free in the beginning. */
export function fillPool(memory: SharedArrayBuffer, segments: number, owners: number): void {
  const words = new Int32Array(memory)
  const bitmap = LINE_WORDS * (1 + owners)
  for (let segment = 0; segment < segments; segment++)
    words[bitmap + (segment >> 5)] = (words[bitmap + (segment >> 5)] ?? 0) | (1 << (segment & 31))
  words[FREE] = segments
}

/**
 * The segments that no owner has, and what owners let each other know: how many segments they have, how old the oldest is,
 * and who waits for room. One pool for all, so that a load on few owners may use all of the memory. All of it lock-free; a
 * segment that is free belongs to nobody, and so does one bit. Figures of others may be outdated when they are used: that
 * costs a decision, never a byte.
 */
export class SegmentPool {
  readonly owners: number
  readonly #words: Int32Array
  readonly #bitmap: number
  readonly #bitmapWords: number
  /** An owner is asked to give a segment away where its oldest was begun so many segments before the asker's. */
  readonly #margin: number

  constructor(share: CacheShare) {
    const { owners, segmentCount } = share.layout
    this.owners = owners
    this.#words = new Int32Array(share.pool)
    this.#bitmap = LINE_WORDS * (1 + owners)
    this.#bitmapWords = Math.ceil(segmentCount / 32)
    this.#margin = Math.max(2, segmentCount >> 4)
  }

  get freeCount(): number {
    return Atomics.load(this.#words, FREE)
  }

  take(): number | undefined {
    if (this.freeCount <= 0) return undefined
    for (let at = 0; at < this.#bitmapWords; at++) {
      for (let word = Atomics.load(this.#words, this.#bitmap + at); word !== 0; word = Atomics.load(this.#words, this.#bitmap + at)) {
        const bit = 31 - Math.clz32(word & -word)
        if (Atomics.compareExchange(this.#words, this.#bitmap + at, word, word & ~(1 << bit)) !== word) continue
        Atomics.sub(this.#words, FREE, 1)
        return at * 32 + bit
      }
    }
    return undefined
  }

  give(segment: number): void {
    Atomics.or(this.#words, this.#bitmap + (segment >> 5), 1 << (segment & 31))
    Atomics.add(this.#words, FREE, 1)
  }

  /** The number of a segment that is begun now: they order all segments of all owners by age. */
  nextSequence(): number {
    return Atomics.add(this.#words, SEQUENCE, 1)
  }

  /** Lets the others know what an owner has. `oldest` is the sequence number of its oldest segment, undefined where it has none. */
  publish(owner: number, held: number, oldest: number | undefined): void {
    const line = LINE_WORDS * (1 + owner)
    Atomics.store(this.#words, line + OLDEST, oldest ?? Atomics.load(this.#words, SEQUENCE))
    Atomics.store(this.#words, line + HELD, held)
  }

  heldBy(owner: number): number {
    return Atomics.load(this.#words, LINE_WORDS * (1 + owner) + HELD)
  }

  /**
   * The other owner with the oldest segment. With `mine`, the sequence number of the caller's oldest, only where that one is
   * clearly older; then eviction is roughly that of one log for all.
   */
  oldestOther(owner: number, mine: number | undefined, except: ReadonlySet<number>): number | undefined {
    const now = Atomics.load(this.#words, SEQUENCE)
    let oldest: number | undefined
    let greatestAge = mine === undefined ? -1 : ((now - mine) | 0) + this.#margin
    for (let other = 0; other < this.owners; other++) {
      if (other === owner || except.has(other) || this.heldBy(other) === 0) continue
      const age = (now - Atomics.load(this.#words, LINE_WORDS * (1 + other) + OLDEST)) | 0
      if (age <= greatestAge) continue
      greatestAge = age
      oldest = other
    }
    return oldest
  }

  /** The owner has fills that wait for room: whoever makes some takes note of it by `takeStarving`. */
  setStarving(owner: number, starving: boolean): void {
    const before = Atomics.exchange(this.#words, LINE_WORDS * (1 + owner) + IS_STARVING, starving ? 1 : 0)
    if (before !== (starving ? 1 : 0)) Atomics.add(this.#words, STARVING, starving ? 1 : -1)
  }

  get someStarve(): boolean {
    return Atomics.load(this.#words, STARVING) > 0
  }

  /** True once for every `setStarving`: the caller tells the owner that there may be room. */
  takeStarving(owner: number): boolean {
    if (Atomics.compareExchange(this.#words, LINE_WORDS * (1 + owner) + IS_STARVING, 1, 0) !== 1) return false
    Atomics.sub(this.#words, STARVING, 1)
    return true
  }
}
