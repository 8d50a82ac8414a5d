// hot path
import type { NameHash } from '../name-hash.ts'
import { ENTRY_WORDS } from './segment-format.ts'

const BUCKET_SLOTS = 8
const CANDIDATES = 2 * BUCKET_SLOTS
const BUCKET_BYTES = BUCKET_SLOTS * ENTRY_WORDS * 4

/** Before the buckets: how far the table has grown, and how many slots are used. */
const HEADER_BYTES = BUCKET_BYTES
const HEADER_WORDS = HEADER_BYTES / 4
const BASE_BUCKETS = 0
const SPLIT = 1
const USED = 2

const LO = 0
const HI = 1
const LOCATION = 2
const INFO = 3

/** Above the length and kind in a slot's last word: uses since it was written, and "its checksum was compared". */
const FREQUENCY_SHIFT = 20
const FREQUENCY_MASK = 3 << FREQUENCY_SHIFT
const FREQUENCY_MAX = 3
const VERIFIED_BIT = 1 << 22

const BUCKETS_AT_FIRST = 1024

/** Beyond this share of used slots the table grows by a bucket: 20 bytes of memory for a record. */
const LOAD_MAX = 0.8

/** Memory is added in steps of this. */
const GROW_STEP_BYTES = 1024 * 1024

/** So often may one record push another to its other bucket. */
const MOVES_MAX = 128

/** Beyond this share of used slots that would seldom end. */
const CROWDED_LOAD = 0.97

interface SlotContent {
  readonly hash: NameHash
  readonly location: number
  readonly info: number
}

/** What the index had to drop for want of room. */
export interface Displaced {
  readonly hash: NameHash
  readonly location: number
}

/**
 * Where records are on disk: a hash table in shared memory, two buckets of eight slots for every hash, that grows by linear
 * hashing, one bucket at a time. A slot is four words: hash (two), location (0: empty), and length, kind, frequency and
 * verified in one. One record per hash: on disk the hash is the name until the record itself was read.
 *
 * One thread writes. It empties a slot before it fills it anew, and stores the location last. Any thread reads: a reader pins the
 * segment, loads the location again (`locationAt`), and lets the record decide. While a slot moves to another bucket a
 * reader may not find it: a miss. Counts of use are exchanged atomically, so that they can never damage a length.
 */
export class DiskIndex {
  readonly memory: SharedArrayBuffer
  #words: Int32Array
  #nextVictim = 0

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#words = new Int32Array(memory, 0, memory.byteLength / 4)
  }

  /** Memory for an index of at most `maxBytes`, with room for so many records at once. */
  static allocate(maxBytes: number, records: number): SharedArrayBuffer {
    const bucketsMax = bucketsIn(maxBytes)
    const wanted = Math.min(bucketsMax, Math.max(BUCKETS_AT_FIRST, Math.ceil(records / BUCKET_SLOTS / LOAD_MAX)))
    const base = 2 ** Math.floor(Math.log2(wanted))
    const limitBytes = HEADER_BYTES + bucketsMax * BUCKET_BYTES
    const memory = new SharedArrayBuffer(HEADER_BYTES + wanted * BUCKET_BYTES, { maxByteLength: limitBytes })
    const words = new Int32Array(memory, 0, HEADER_WORDS)
    words[BASE_BUCKETS] = base
    words[SPLIT] = wanted - base
    return memory
  }

  get entries(): number {
    return Atomics.load(this.#words, USED)
  }

  get bytes(): number {
    return this.memory.byteLength
  }

  /** The slot with this hash, or undefined. */
  find(hash: NameHash): number | undefined {
    for (let c = 0; c < CANDIDATES; c += BUCKET_SLOTS) {
      const first = this.#bucketOf(c === 0 ? hash.lo : hash.hi) * BUCKET_SLOTS
      const words = this.#wordsUpTo(first + BUCKET_SLOTS)
      for (let slot = first; slot < first + BUCKET_SLOTS; slot++) {
        const word = HEADER_WORDS + slot * ENTRY_WORDS
        if (words[word + LO] === hash.lo && words[word + HI] === hash.hi && Atomics.load(words, word + LOCATION) !== 0) return slot
      }
    }
    return undefined
  }

  /** The location in a slot; 0 where it is empty. */
  locationAt(slot: number): number {
    return Atomics.load(this.#words, HEADER_WORDS + slot * ENTRY_WORDS + LOCATION) >>> 0
  }

  /** Length and kind (`infoGranules`, `infoIsHead`), with what else stands above them. */
  infoAt(slot: number): number {
    return Atomics.load(this.#words, HEADER_WORDS + slot * ENTRY_WORDS + INFO)
  }

  frequencyAt(slot: number): number {
    return (this.infoAt(slot) & FREQUENCY_MASK) >>> FREQUENCY_SHIFT
  }

  isVerified(info: number): boolean {
    return (info & VERIFIED_BIT) !== 0
  }

  /** Counts a use of what was seen with `info`. */
  touch(slot: number, info: number): void {
    if ((info & FREQUENCY_MASK) >>> FREQUENCY_SHIFT >= FREQUENCY_MAX) return
    Atomics.compareExchange(this.#words, HEADER_WORDS + slot * ENTRY_WORDS + INFO, info, info + (1 << FREQUENCY_SHIFT))
  }

  /** Remembers that the record at `location`, its segment pinned by the caller, was whole. */
  markVerified(hash: NameHash, location: number): void {
    const slot = this.slotOf(hash, location)
    if (slot === undefined) return
    const info = this.infoAt(slot)
    if (this.locationAt(slot) === location)
      Atomics.compareExchange(this.#words, HEADER_WORDS + slot * ENTRY_WORDS + INFO, info, info | VERIFIED_BIT)
  }

  /** The slot that names exactly this location, or undefined. */
  slotOf(hash: NameHash, location: number): number | undefined {
    const slot = this.find(hash)
    return slot !== undefined && this.locationAt(slot) === location ? slot : undefined
  }

  /** Owner only. Names a record, in place of one of the same hash. Returns what had to go for it. */
  put(hash: NameHash, location: number, info: number): Displaced | undefined {
    this.#growAsNeeded()
    const first = this.#bucketOf(hash.lo) * BUCKET_SLOTS
    const second = this.#bucketOf(hash.hi) * BUCKET_SLOTS
    const inFirst = this.#scan(first, hash)
    const present = inFirst < 0 ? inFirst : this.#scan(second, hash)
    if (inFirst < 0 || present < 0) {
      this.#fill(~(inFirst < 0 ? inFirst : present), hash, location, info)
      return undefined
    }
    const isRoom = Math.min(inFirst, present) < BUCKET_SLOTS
    const slot = isRoom ? this.#emptySlotIn(present < inFirst ? second : first) : undefined
    if (slot === undefined) return this.#putAnyway({ hash, location, info }, first, second)
    this.#fill(slot, hash, location, info)
    this.#addUsed(1)
    return undefined
  }

  /** Owner only. Points a slot to a copy of its record, with this frequency. */
  relocate(slot: number, location: number, frequency: number): void {
    const info = this.infoAt(slot) & ~(FREQUENCY_MASK | VERIFIED_BIT)
    const hash = this.#hashAt(slot)
    this.#fill(slot, hash, location, info | (frequency << FREQUENCY_SHIFT))
  }

  /** Owner only. */
  clear(slot: number): void {
    Atomics.store(this.#words, HEADER_WORDS + slot * ENTRY_WORDS + LOCATION, 0)
    this.#addUsed(-1)
  }

  /** Owner only. Forgets every record whose location is in [from, to), and returns how many: for when a segment's own list is lost. */
  clearRange(from: number, to: number): number {
    const words = this.#words
    let cleared = 0
    for (let word = HEADER_WORDS + LOCATION; word < words.length; word += ENTRY_WORDS) {
      const location = (words[word] ?? 0) >>> 0
      if (location === 0 || location < from || location >= to) continue
      Atomics.store(words, word, 0)
      cleared++
    }
    this.#addUsed(-cleared)
    return cleared
  }

  get #slots(): number {
    return ((this.#words[BASE_BUCKETS] ?? 0) + (this.#words[SPLIT] ?? 0)) * BUCKET_SLOTS
  }

  #bucketOf(half: number): number {
    const base = this.#words[BASE_BUCKETS] ?? 0
    const bucket = half & (base - 1)
    return bucket < Atomics.load(this.#words, SPLIT) ? half & (2 * base - 1) : bucket
  }

  /** The table may have grown beyond the view that this thread has of it. */
  #wordsUpTo(slot: number): Int32Array {
    if (HEADER_WORDS + slot * ENTRY_WORDS > this.#words.length) this.#words = new Int32Array(this.memory, 0, this.memory.byteLength / 4)
    return this.#words
  }

  #hashAt(slot: number): NameHash {
    const word = HEADER_WORDS + slot * ENTRY_WORDS
    return { lo: this.#words[word + LO] ?? 0, hi: this.#words[word + HI] ?? 0 }
  }

  #fill(slot: number, hash: NameHash, location: number, info: number): void {
    const word = HEADER_WORDS + slot * ENTRY_WORDS
    Atomics.store(this.#words, word + LOCATION, 0)
    this.#words[word + LO] = hash.lo
    this.#words[word + HI] = hash.hi
    Atomics.store(this.#words, word + INFO, info)
    Atomics.store(this.#words, word + LOCATION, location | 0)
  }

  #addUsed(delta: number): void {
    Atomics.add(this.#words, USED, delta)
  }

  /** ~slot (negative) of the record with this hash in a bucket; where it is not there, how many slots are used. */
  #scan(first: number, hash: NameHash): number {
    const words = this.#words
    const { lo, hi } = hash
    let used = 0
    let word = HEADER_WORDS + first * ENTRY_WORDS
    for (let slot = first; slot < first + BUCKET_SLOTS; slot++, word += ENTRY_WORDS) {
      if (words[word + LOCATION] === 0) continue
      if (words[word + LO] === lo && words[word + HI] === hi) return ~slot
      used++
    }
    return used
  }

  #emptySlotIn(first: number): number | undefined {
    for (let slot = first; slot < first + BUCKET_SLOTS; slot++) {
      if (this.#words[HEADER_WORDS + slot * ENTRY_WORDS + LOCATION] === 0) return slot
    }
    return undefined
  }

  /** Both buckets are full: records move to their other buckets, one pushing the next, as long as that is likely to end. */
  #putAnyway(record: SlotContent, first: number, second: number): Displaced | undefined {
    this.#addUsed(1)
    let homeless = record
    const isNearlyFull = this.entries > this.#slots * CROWDED_LOAD
    let bucket = first
    for (let moves = 0; moves < MOVES_MAX && !isNearlyFull; moves++) {
      const slot = bucket + (this.#nextVictim++ % BUCKET_SLOTS)
      const pushed = { hash: this.#hashAt(slot), location: this.locationAt(slot), info: this.infoAt(slot) }
      this.#fill(slot, homeless.hash, homeless.location, homeless.info)
      homeless = pushed
      const other = this.#bucketOf(homeless.hash.lo) * BUCKET_SLOTS
      bucket = other === bucket ? this.#bucketOf(homeless.hash.hi) * BUCKET_SLOTS : other
      const empty = this.#emptySlotIn(bucket)
      if (empty === undefined) continue
      this.#fill(empty, homeless.hash, homeless.location, homeless.info)
      return undefined
    }
    if (homeless === record) {
      const slot = this.#coldestSlot(first, second)
      homeless = { hash: this.#hashAt(slot), location: this.locationAt(slot), info: 0 }
      this.#fill(slot, record.hash, record.location, record.info)
    }
    this.#addUsed(-1)
    return homeless
  }

  #coldestSlot(first: number, second: number): number {
    let coldest = first
    for (const bucket of [first, second]) {
      for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) if (this.frequencyAt(slot) < this.frequencyAt(coldest)) coldest = slot
    }
    return coldest
  }

  /** Splits buckets while too many slots are used; two for an insertion keep up with any rate. */
  #growAsNeeded(): void {
    for (let i = 0; i < 2; i++) {
      const base = this.#words[BASE_BUCKETS] ?? 0
      const split = this.#words[SPLIT] ?? 0
      if (this.entries + 1 <= this.#slots * LOAD_MAX || !this.#hasMemoryFor(base + split + 1)) return
      this.#split(base, split)
    }
  }

  #hasMemoryFor(buckets: number): boolean {
    const bytes = HEADER_BYTES + buckets * BUCKET_BYTES
    if (bytes > this.memory.maxByteLength) return false
    if (bytes > this.memory.byteLength) {
      this.memory.grow(Math.min(this.memory.maxByteLength, this.memory.byteLength + GROW_STEP_BYTES))
      this.#words = new Int32Array(this.memory, 0, this.memory.byteLength / 4)
    }
    return true
  }

  /** Copies what belongs to the new bucket, makes it known, then empties the old slots: a reader finds it in one of both. */
  #split(base: number, split: number): void {
    const words = this.#words
    const from = HEADER_WORDS + split * BUCKET_SLOTS * ENTRY_WORDS
    const to = HEADER_WORDS + (base + split) * BUCKET_SLOTS * ENTRY_WORDS
    const end = from + BUCKET_SLOTS * ENTRY_WORDS
    const moved = (word: number): boolean => {
      const halves = [words[word + LO] ?? 0, words[word + HI] ?? 0]
      const inOld = halves.some((half) => (half & (2 * base - 1)) === split)
      return words[word + LOCATION] !== 0 && !inOld
    }
    // A half whose bucket was another one may name this bucket only by what it will be after the split.
    for (let word = from; word < end; word += ENTRY_WORDS) {
      if (moved(word)) words.copyWithin(to + (word - from), word, word + ENTRY_WORDS)
    }
    const isWhole = split + 1 === base
    if (isWhole) {
      // Both views of the halfway state name the same buckets.
      words[BASE_BUCKETS] = 2 * base
      Atomics.store(words, SPLIT, 0)
    } else Atomics.store(words, SPLIT, split + 1)
    for (let word = from; word < end; word += ENTRY_WORDS) if (moved(word)) Atomics.store(words, word + LOCATION, 0)
  }
}

function bucketsIn(bytes: number): number {
  return Math.max(BUCKETS_AT_FIRST, Math.floor((bytes - HEADER_BYTES) / BUCKET_BYTES))
}
