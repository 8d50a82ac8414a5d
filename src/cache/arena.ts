import { assert } from '../base/assert.ts'
import { GRANULE_BYTES, type CacheLayout } from './layout.ts'

/** The shared memory of an arena: every thread makes its own views of the same buffers. */
export interface ArenaMemory {
  readonly records: SharedArrayBuffer
  readonly pins: SharedArrayBuffer
}

/** Three views of one segment's bytes. */
export interface SegmentView {
  readonly bytes: Buffer
  readonly words: Int32Array
  readonly doubles: Float64Array
}

/**
 * The memory that records live in: one shared buffer cut into equal segments, each with a count of its pins. A pinned segment
 * is not reused. A location names a record by one 32-bit number: its place in granules plus one, so that 0 is free for "none".
 */
export class Arena {
  readonly memory: ArenaMemory
  readonly segmentBytes: number
  readonly segmentCount: number
  readonly #granulesPerSegment: number
  readonly #pins: Int32Array
  readonly #views: SegmentView[] = []

  constructor(layout: CacheLayout, memory?: ArenaMemory) {
    this.segmentBytes = layout.segmentBytes
    this.segmentCount = layout.segmentCount
    this.#granulesPerSegment = layout.segmentBytes / GRANULE_BYTES
    this.memory = memory ?? {
      records: new SharedArrayBuffer(layout.segmentBytes * layout.segmentCount),
      pins: new SharedArrayBuffer(layout.segmentCount * 4),
    }
    this.#pins = new Int32Array(this.memory.pins)
    // Windows, because one view of the whole buffer would be longer than a typed array may be.
    for (let segment = 0; segment < this.segmentCount; segment++) {
      const { records } = this.memory
      const start = segment * this.segmentBytes
      this.#views.push({
        bytes: Buffer.from(records, start, this.segmentBytes),
        words: new Int32Array(records, start, this.segmentBytes / 4),
        doubles: new Float64Array(records, start, this.segmentBytes / 8),
      })
    }
  }

  view(segment: number): SegmentView {
    const view = this.#views[segment]
    assert(view !== undefined, 'segment within the arena')
    return view
  }

  segmentOf(location: number): number {
    return Math.floor((location - 1) / this.#granulesPerSegment)
  }

  /** Byte offset of a record within its segment. */
  offsetOf(location: number): number {
    return ((location - 1) % this.#granulesPerSegment) * GRANULE_BYTES
  }

  locationOf(segment: number, offset: number): number {
    return segment * this.#granulesPerSegment + offset / GRANULE_BYTES + 1
  }

  pin(segment: number): void {
    Atomics.add(this.#pins, segment, 1)
  }

  /** Gives a pin back; true where it was the last one. */
  unpin(segment: number): boolean {
    const before = Atomics.sub(this.#pins, segment, 1)
    assert(before > 0, 'a segment is unpinned as often as it was pinned')
    return before === 1
  }

  isPinned(segment: number): boolean {
    return Atomics.load(this.#pins, segment) !== 0
  }

  /** All pins of all segments: a gauge. */
  pinCount(): number {
    let count = 0
    for (let segment = 0; segment < this.segmentCount; segment++) count += Atomics.load(this.#pins, segment)
    return count
  }
}
