import { GRANULE_BYTES } from './layout.ts'
import type { NameHash } from './name-hash.ts'

const BUCKET_ENTRIES = 4

/**
 * Names of records that were dropped lately, as hashes in a table of fixed size. Age is counted in bytes dropped since, so
 * that "lately" means the same for small and large objects. A full bucket forgets its oldest name.
 */
export class GhostList {
  readonly #prints: Int32Array
  readonly #droppedAt: Int32Array
  readonly #buckets: number
  /** Names older than this many bytes of droppings are forgotten. */
  windowBytes: number
  /** Granules dropped so far, modulo 2^32. */
  #dropped = 0

  /** `entries` is a multiple of 4. */
  constructor(entries: number, windowBytes = 0) {
    this.#prints = new Int32Array(entries)
    this.#droppedAt = new Int32Array(entries)
    this.#buckets = entries / BUCKET_ENTRIES
    this.windowBytes = windowBytes
  }

  add(name: NameHash, bytes: number): void {
    const first = this.#firstOf(name)
    let entry = first
    let oldest = -1
    for (let i = first; i < first + BUCKET_ENTRIES; i++) {
      const age = this.#prints[i] === 0 ? Infinity : this.#ageGranules(i)
      if (age > oldest) {
        oldest = age
        entry = i
      }
    }
    this.#prints[entry] = printOf(name)
    this.#droppedAt[entry] = this.#dropped | 0
    this.#dropped = (this.#dropped + Math.ceil(bytes / GRANULE_BYTES)) >>> 0
  }

  /** How many bytes were dropped since this name was, and forgets it; undefined where it is not known. */
  take(name: NameHash): number | undefined {
    const print = printOf(name)
    const first = this.#firstOf(name)
    for (let i = first; i < first + BUCKET_ENTRIES; i++) {
      if (this.#prints[i] !== print) continue
      this.#prints[i] = 0
      const ageBytes = this.#ageGranules(i) * GRANULE_BYTES
      return ageBytes <= this.windowBytes ? ageBytes : undefined
    }
    return undefined
  }

  #firstOf(name: NameHash): number {
    return Math.floor(((name.lo >>> 0) / 0x1_0000_0000) * this.#buckets) * BUCKET_ENTRIES
  }

  #ageGranules(entry: number): number {
    return (this.#dropped - (this.#droppedAt[entry] ?? 0)) >>> 0
  }
}

/** Never 0: that marks a free entry. */
function printOf(name: NameHash): number {
  return name.hi === 0 ? 1 : name.hi
}
