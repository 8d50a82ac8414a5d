import type { CacheLayout } from './layout.ts'
import { NameHasher, nameFits } from './name-hash.ts'

/**
 * A counter for every key, in a hashed table: what was asked of the origin under one count may not be stored under another.
 * Keys that share a counter cost each other a discarded fill now and then, nothing else.
 */
export class Generations {
  readonly memory: SharedArrayBuffer
  readonly #counts: Int32Array
  readonly #hasher: NameHasher

  constructor(layout: CacheLayout, random: () => number) {
    this.memory = new SharedArrayBuffer(layout.generations * 4)
    this.#counts = new Int32Array(this.memory)
    this.#hasher = new NameHasher(random)
  }

  of(key: string): number {
    return Atomics.load(this.#counts, this.#place(key))
  }

  /** What was asked before this will not be stored any more. */
  advance(key: string): void {
    Atomics.add(this.#counts, this.#place(key), 1)
  }

  // Keys too long to be stored need no counter of their own.
  #place(key: string): number {
    if (!nameFits(key, '')) return 0
    this.#hasher.hashHead(key)
    return (this.#hasher.lo >>> 0) % this.#counts.length
  }
}
