import { assert } from '../base/assert.ts'
import { GRANULE_BYTES } from './layout.ts'
import type { CacheShare } from './share.ts'

/** Three views of one segment's bytes. */
export interface SegmentView {
  readonly bytes: Buffer
  readonly words: Int32Array
  readonly doubles: Float64Array
}

/**
 * The memory that records live in, as one worker sees it: one shared buffer cut into equal segments. A pinned segment is not
 * reused. Every worker counts its pins of a segment apart from the others', because a counter that all threads add to for
 * every hit would travel between their cores; who reclaims adds up. A location names a record by one 32-bit number: its place in granules plus one, so that 0 is free for "none".
 */
export class Arena {
  readonly segmentBytes: number
  readonly segmentCount: number
  readonly #granulesPerSegment: number
  readonly #pins: Int32Array
  readonly #stripeWords: number
  readonly #workers: number
  readonly #ownStripe: number
  readonly #views: SegmentView[] = []

  constructor(share: CacheShare, worker: number) {
    const { layout, records } = share
    this.segmentBytes = layout.segmentBytes
    this.segmentCount = layout.segmentCount
    this.#granulesPerSegment = layout.segmentBytes / GRANULE_BYTES
    this.#pins = new Int32Array(share.pins)
    this.#stripeWords = layout.pinStripeWords
    this.#workers = layout.workers
    this.#ownStripe = worker * layout.pinStripeWords
    // Windows, because one view of the whole buffer would be longer than a typed array may be.
    for (let segment = 0; segment < this.segmentCount; segment++) {
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
    Atomics.add(this.#pins, this.#ownStripe + segment, 1)
  }

  /** Pins a segment that this worker has pinned itself on behalf of another, which gives that pin back. */
  pinFor(worker: number, segment: number): void {
    Atomics.add(this.#pins, worker * this.#stripeWords + segment, 1)
  }

  /** Takes back a pin that the other worker was not told of. */
  unpinFor(worker: number, segment: number): void {
    const before = Atomics.sub(this.#pins, worker * this.#stripeWords + segment, 1)
    assert(before > 0, 'a segment is unpinned as often as it was pinned')
  }

  /** Gives a pin back; true where it was this worker's last one. */
  unpin(segment: number): boolean {
    const before = Atomics.sub(this.#pins, this.#ownStripe + segment, 1)
    assert(before > 0, 'a segment is unpinned as often as it was pinned')
    return before === 1
  }

  /** True where any worker has it pinned. */
  isPinned(segment: number): boolean {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (Atomics.load(this.#pins, worker * this.#stripeWords + segment) !== 0) return true
    }
    return false
  }

  /** True where at least so many segments have no pin. */
  hasUnpinned(count: number): boolean {
    let found = 0
    for (let segment = 0; segment < this.segmentCount && found < count; segment++) if (!this.isPinned(segment)) found++
    return found >= count
  }

  /** All pins of all segments by all workers: a gauge. */
  pinCount(): number {
    let count = 0
    for (let at = 0; at < this.#pins.length; at++) count += Atomics.load(this.#pins, at)
    return count
  }
}
