import { type NameHash, type NameHasher, nameFits } from './name-hash.ts'
import type { CacheShare } from './share.ts'

/**
 * A counter for every key, in a hashed table that all threads share: what was asked of the origin under one count may not be stored under another.
 * Keys that share a counter cost each other a discarded fill now and then, nothing else.
 */
export class Generations {
  readonly #counts: Int32Array
  readonly #hasher: NameHasher

  constructor(share: CacheShare, hasher: NameHasher) {
    this.#counts = new Int32Array(share.generations)
    this.#hasher = hasher
  }

  of(key: string): number {
    return Atomics.load(this.#counts, this.#place(key))
  }

  /** The same for a key of which only the hash of its head's name is at hand. */
  ofHash({ lo }: NameHash): number {
    return Atomics.load(this.#counts, this.#placeOf(lo))
  }

  /** What was asked before this will not be stored any more. */
  advance(key: string): void {
    Atomics.add(this.#counts, this.#place(key), 1)
  }

  // Keys too long to be stored need no counter of their own.
  #place(key: string): number {
    if (!nameFits(key, '')) return 0
    this.#hasher.hashHead(key)
    return this.#placeOf(this.#hasher.lo)
  }

  #placeOf(hashLo: number): number {
    return (hashLo >>> 0) % this.#counts.length
  }
}
