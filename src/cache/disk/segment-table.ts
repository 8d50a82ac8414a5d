// hot path
import { assert } from '../../base/assert.ts'
import type { DiskGeometry } from './disk-geometry.ts'

const SEGMENT_WORDS = 8
const PINS = 0
const SEQUENCE = 1
const SALT = 2
/** Bytes from the segment's begin that are on disk: what lies beyond is still in a buffer of the owner. */
const WRITTEN = 3
/** Counts the files that had this number: a descriptor of an older one is of no use. */
const FILE = 4

/** Of the whole shard, before the segments. */
const HEADER_WORDS = 8
const READING = 0
const PROVEN_FROM = 1

export type Reading = 'nothing' | 'sample' | 'all'
const READINGS: readonly Reading[] = ['nothing', 'sample', 'all']

/**
 * What all threads know of the segments of a shard: pins, and which life a segment is in. A location names a record by one
 * 32-bit number: its place in granules, counted over all segments, plus one, so that 0 is free for "none".
 */
export class SegmentTable {
  readonly memory: SharedArrayBuffer
  readonly segmentCount: number
  readonly #granuleBytes: number
  readonly #granulesPerSegment: number
  readonly #words: Int32Array

  constructor(geometry: DiskGeometry, memory: SharedArrayBuffer) {
    this.memory = memory
    this.#granuleBytes = geometry.granuleBytes
    this.#granulesPerSegment = geometry.segmentBytes / geometry.granuleBytes
    this.#words = new Int32Array(memory)
    this.segmentCount = (this.#words.length - HEADER_WORDS) / SEGMENT_WORDS
  }

  static allocate(segmentCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer((HEADER_WORDS + segmentCount * SEGMENT_WORDS) * 4)
  }

  /** How much of what is found may be read: all, a sample (the disk is slow: to see when that is over), or nothing. */
  get reading(): Reading {
    return READINGS[Atomics.load(this.#words, READING)] ?? 'nothing'
  }

  setReading(reading: Reading): void {
    Atomics.store(this.#words, READING, READINGS.indexOf(reading))
  }

  /** Heads in segments of older sequences may have been invalidated by what a power cut took away. */
  get provenFrom(): number {
    return Atomics.load(this.#words, PROVEN_FROM) >>> 0
  }

  setProvenFrom(sequence: number): void {
    Atomics.store(this.#words, PROVEN_FROM, sequence | 0)
  }

  segmentOf(location: number): number {
    return Math.floor((location - 1) / this.#granulesPerSegment)
  }

  /** Byte offset of a record within its segment. */
  offsetOf(location: number): number {
    return ((location - 1) % this.#granulesPerSegment) * this.#granuleBytes
  }

  locationOf(segment: number, offset: number): number {
    return segment * this.#granulesPerSegment + offset / this.#granuleBytes + 1
  }

  pin(segment: number): void {
    Atomics.add(this.#words, this.#word(segment, PINS), 1)
  }

  unpin(segment: number): void {
    const before = Atomics.sub(this.#words, this.#word(segment, PINS), 1)
    assert(before > 0, 'a segment is unpinned as often as it was pinned')
  }

  isPinned(segment: number): boolean {
    return Atomics.load(this.#words, this.#word(segment, PINS)) !== 0
  }

  /** All pins of all segments: a gauge. */
  pinCount(): number {
    let count = 0
    for (let segment = 0; segment < this.segmentCount; segment++) count += Atomics.load(this.#words, this.#word(segment, PINS))
    return count
  }

  sequenceOf(segment: number): number {
    return Atomics.load(this.#words, this.#word(segment, SEQUENCE)) >>> 0
  }

  saltOf(segment: number): number {
    return Atomics.load(this.#words, this.#word(segment, SALT)) >>> 0
  }

  writtenTo(segment: number): number {
    return Atomics.load(this.#words, this.#word(segment, WRITTEN))
  }

  fileOf(segment: number): number {
    return Atomics.load(this.#words, this.#word(segment, FILE))
  }

  /** Owner only, while no slot of the index names the segment and nobody has it pinned. */
  beginLife(segment: number, life: { readonly sequence: number; readonly salt: number; readonly writtenTo: number }): void {
    assert(!this.isPinned(segment), 'a segment begins a new life when its last reader is gone')
    Atomics.store(this.#words, this.#word(segment, SEQUENCE), life.sequence | 0)
    Atomics.store(this.#words, this.#word(segment, SALT), life.salt | 0)
    Atomics.store(this.#words, this.#word(segment, WRITTEN), life.writtenTo)
  }

  /** Owner only. */
  setWrittenTo(segment: number, offset: number): void {
    Atomics.store(this.#words, this.#word(segment, WRITTEN), offset)
  }

  /** Owner only: the file of this number is another one from now on. */
  fileChanged(segment: number): void {
    Atomics.add(this.#words, this.#word(segment, FILE), 1)
  }

  #word(segment: number, field: number): number {
    assert(segment >= 0 && segment < this.segmentCount, 'segment within the table')
    return HEADER_WORDS + segment * SEGMENT_WORDS + field
  }
}
