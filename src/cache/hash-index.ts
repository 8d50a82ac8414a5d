// hot path
import { BUCKET_SLOTS, SLOT_BYTES } from './layout.ts'
import type { NameHash } from './name-hash.ts'
import type { CacheShare } from './share.ts'

/** A record may stand in any slot of two buckets. */
const CANDIDATES = 2 * BUCKET_SLOTS

/** Uses beyond this do not count: S3-FIFO needs to know "again" and "often", not how often. */
const FREQUENCY_MAX = 3

const SLOT_WORDS = SLOT_BYTES / 4
const LO = 0
const HI = 1
const LOCATION = 2
const FREQUENCY = 3

/**
 * Where the records of one owner are: a hash table of fixed size in shared memory, two buckets of eight slots for every hash. A slot is four
 * words: hash (two), location (0: empty) and frequency.
 *
 * One thread, the owner, writes. It fills in hash and frequency first and publishes the slot by storing the location last; it empties a
 * slot by storing location 0 first. Any thread reads: a location that was seen together with a matching hash may be of a slot
 * that changed hands in between, so a reader pins the segment, loads the location again (`locationAt`), and lets the name
 * that is stored in the record decide. A lost or misplaced count of `touch` costs a decision of the eviction, never a byte.
 */
export class HashIndex {
  readonly #words: Int32Array
  readonly #bucketCount: number

  constructor(share: CacheShare, owner: number) {
    this.#bucketCount = share.layout.bucketCount
    const bytes = this.#bucketCount * BUCKET_SLOTS * SLOT_BYTES
    this.#words = new Int32Array(share.index, owner * bytes, bytes / 4)
  }

  /** The first candidate at or after `candidate` (0 to 15) whose hash matches, or undefined. */
  probe(hash: NameHash, candidate: number): number | undefined {
    const words = this.#words
    for (let c = candidate; c < CANDIDATES; c++) {
      const word = this.slotAt(hash, c) * SLOT_WORDS
      if (words[word + LO] === hash.lo && words[word + HI] === hash.hi && Atomics.load(words, word + LOCATION) !== 0) return c
    }
    return undefined
  }

  /** The slot number of a candidate. */
  slotAt(hash: NameHash, candidate: number): number {
    const half = candidate < BUCKET_SLOTS ? hash.lo : hash.hi
    const bucket = Math.floor(((half >>> 0) / 0x1_0000_0000) * this.#bucketCount)
    return bucket * BUCKET_SLOTS + (candidate % BUCKET_SLOTS)
  }

  /** The location in a slot; 0 where it is empty. */
  locationAt(slot: number): number {
    return Atomics.load(this.#words, slot * SLOT_WORDS + LOCATION) >>> 0
  }

  frequencyAt(slot: number): number {
    return this.#words[slot * SLOT_WORDS + FREQUENCY] ?? 0
  }

  /** Counts a use. */
  touch(slot: number): void {
    const word = slot * SLOT_WORDS + FREQUENCY
    const frequency = this.#words[word] ?? 0
    if (frequency < FREQUENCY_MAX) this.#words[word] = frequency + 1
  }

  /** Owner only. The slot that names exactly this location, or undefined where the record is not reachable any more. */
  slotOf(hash: NameHash, location: number): number | undefined {
    for (let c = this.probe(hash, 0); c !== undefined; c = this.probe(hash, c + 1)) {
      const slot = this.slotAt(hash, c)
      if (this.locationAt(slot) === location) return slot
    }
    return undefined
  }

  /** Owner only. The slot that an insertion would take: an empty one in the emptier bucket, else the coldest of both. */
  roomFor(hash: NameHash): number {
    let slot = this.slotAt(hash, 0)
    let coldest = Infinity
    for (let first = 0; first < CANDIDATES; first += BUCKET_SLOTS) {
      let used = 0
      let empty: number | undefined
      for (let c = first; c < first + BUCKET_SLOTS; c++) {
        const candidate = this.slotAt(hash, c)
        if (this.locationAt(candidate) === 0) {
          empty ??= candidate
          continue
        }
        used++
        const rank = BUCKET_SLOTS + Math.max(0, this.frequencyAt(candidate))
        if (rank < coldest) {
          coldest = rank
          slot = candidate
        }
      }
      // An empty slot ranks by how full its bucket is, and so before every occupied one.
      if (empty !== undefined && used < coldest) {
        coldest = used
        slot = empty
      }
    }
    return slot
  }

  /** Owner only. Publishes a record in an empty slot. */
  publish(slot: number, hash: NameHash, location: number): void {
    const word = slot * SLOT_WORDS
    this.#words[word + LO] = hash.lo
    this.#words[word + HI] = hash.hi
    this.#words[word + FREQUENCY] = 0
    Atomics.store(this.#words, word + LOCATION, location | 0)
  }

  /** Owner only. Points the slot to another record of the same name, in one step. */
  relocate(slot: number, location: number): void {
    Atomics.store(this.#words, slot * SLOT_WORDS + LOCATION, location | 0)
  }

  /** Owner only. */
  setFrequency(slot: number, frequency: number): void {
    this.#words[slot * SLOT_WORDS + FREQUENCY] = frequency
  }

  /** Owner only. */
  clear(slot: number): void {
    const word = slot * SLOT_WORDS
    Atomics.store(this.#words, word + LOCATION, 0)
    this.#words[word + FREQUENCY] = 0
  }
}
