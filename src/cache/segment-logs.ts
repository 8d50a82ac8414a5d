import { assert } from '../base/assert.ts'
import type { Arena } from './arena.ts'
import type { EvictionPolicy, LogName } from './policy.ts'
import type { SegmentPool } from './segment-pool.ts'

/** Segments in the order they were begun; the last one is open for appending. */
interface Log {
  readonly segments: number[]
}

/** Segments emptied for one insertion at most: the policy keeps less with every attempt. */
const RECLAIMS_PER_INSERT_MAX = 4

export interface SegmentLogsOptions {
  readonly arena: Arena
  readonly pool: SegmentPool
  readonly owner: number
  readonly policy: EvictionPolicy
  /** Moves what is to be kept out of a segment, by `allocateCopy`, and forgets the rest. */
  readonly evacuate: (segment: number, usedBytes: number, log: LogName, attempt: number) => void
}

/**
 * Where an owner's new records go: two rings of segments, appended at one end and reclaimed at the other. Segments come from
 * the pool of all owners. One, the spare, is always kept back, so that what a reclaimed segment gives to the main log has a
 * place. Owner thread only.
 *
 * A segment that was just taken may have pins for a moment: readers that found a slot of before, and are about to see that
 * it names something else now. They use no byte of it.
 */
export class SegmentLogs {
  /** Called when a segment went to the pool: others may wait for it. */
  onGiven: () => void = () => undefined
  /** Called when there is no room but what others have: `mine` is the sequence number of the oldest segment here, if that one can be reclaimed. */
  onWanting: (mine: number | undefined) => void = () => undefined
  readonly #arena: Arena
  readonly #pool: SegmentPool
  readonly #owner: number
  readonly #policy: EvictionPolicy
  readonly #evacuate: SegmentLogsOptions['evacuate']
  readonly #logs: Readonly<Record<LogName, Log>> = { small: { segments: [] }, main: { segments: [] } }
  #spare: number | undefined
  /** Empty, for the insertion at hand. */
  #ready: number | undefined
  /** Emptied, but pinned by readers that found their record just before. */
  readonly #draining: number[] = []
  /** Bytes appended to each segment, and when it was begun. */
  readonly #usedBytes: Int32Array
  readonly #sequences: Int32Array

  constructor(options: SegmentLogsOptions) {
    this.#arena = options.arena
    this.#pool = options.pool
    this.#owner = options.owner
    this.#policy = options.policy
    this.#evacuate = options.evacuate
    this.#usedBytes = new Int32Array(this.#arena.segmentCount)
    this.#sequences = new Int32Array(this.#arena.segmentCount)
  }

  /** Bytes that can pass through this part of the cache before something of theirs is reclaimed. */
  get passageBytes(): number {
    const free = (this.#spare === undefined ? 0 : 1) + this.#pool.freeCount / this.#pool.owners
    return Math.max(this.#policy.smallTargetBytes, free * this.#arena.segmentBytes)
  }

  /** Bytes of all segments that this part of the cache has or may take, pinned or not. */
  get capacityBytes(): number {
    return (this.#heldCount() + this.#pool.freeCount / this.#pool.owners) * this.#arena.segmentBytes
  }

  /** A place for a new record, reclaiming segments if need be; undefined while everything is pinned. */
  allocate(log: LogName, bytes: number): number | undefined {
    assert(bytes <= this.#arena.segmentBytes, 'a record fits a segment')
    const place = this.#append(log, bytes)
    if (place !== undefined) return place
    this.#makeReady(true)
    // Reclaiming may have opened a new main segment that has room.
    const opened = this.#append(log, bytes) ?? (this.#ready === undefined ? undefined : this.#open(log, bytes, this.#ready))
    this.#giveBack()
    return opened
  }

  /** A place in the main log for a record that outlives its segment; may use the spare. */
  allocateCopy(bytes: number): number | undefined {
    const place = this.#append('main', bytes)
    if (place !== undefined) return place
    const segment = this.#spare ?? this.#pool.take()
    this.#spare = undefined
    return segment === undefined ? undefined : this.#open('main', bytes, segment)
  }

  /** Another owner needs room more than this one: gives a segment to the pool. False where everything is pinned. */
  yieldSegment(): boolean {
    this.#makeReady(false)
    const given = this.#ready !== undefined
    this.#giveBack()
    return given
  }

  /** Sees to it that the spare and one more segment are at hand. */
  #makeReady(mayAsk: boolean): void {
    for (let attempt = 0; attempt < RECLAIMS_PER_INSERT_MAX && !this.#takeReady(); attempt++) {
      if (mayAsk && attempt === 0) this.onWanting(this.#oldestSequence())
      if (this.#reclaim(attempt)) continue
      if (mayAsk) this.onWanting(undefined)
      break
    }
    this.#takeReady()
  }

  #takeReady(): boolean {
    for (let i = this.#draining.length - 1; i >= 0; i--) {
      const segment = this.#draining[i]
      if (segment === undefined || this.#arena.isPinned(segment)) continue
      this.#draining.splice(i, 1)
      this.#put(segment)
    }
    this.#spare ??= this.#pool.take()
    if (this.#spare !== undefined) this.#ready ??= this.#pool.take()
    return this.#ready !== undefined
  }

  /** An empty segment is the spare, or for the insertion at hand, or everybody's. */
  #put(segment: number): void {
    if (this.#spare === undefined) this.#spare = segment
    else if (this.#ready === undefined) this.#ready = segment
    else this.#give(segment)
  }

  #give(segment: number): void {
    this.#pool.give(segment)
    this.onGiven()
  }

  #giveBack(): void {
    const segment = this.#ready
    this.#ready = undefined
    this.#publish()
    if (segment !== undefined) this.#give(segment)
  }

  #append(log: LogName, bytes: number): number | undefined {
    const segment = this.#logs[log].segments.at(-1)
    if (segment === undefined) return undefined
    const used = this.#usedBytes[segment] ?? 0
    if (used + bytes > this.#arena.segmentBytes) return undefined
    this.#usedBytes[segment] = used + bytes
    return this.#arena.locationOf(segment, used)
  }

  #open(log: LogName, bytes: number, segment: number): number | undefined {
    if (segment === this.#ready) this.#ready = undefined
    this.#usedBytes[segment] = 0
    this.#sequences[segment] = this.#pool.nextSequence()
    this.#logs[log].segments.push(segment)
    return this.#append(log, bytes)
  }

  #reclaim(attempt: number): boolean {
    const { small, main } = this.#logs
    const { segmentBytes } = this.#arena
    const victims = this.#policy.victims({
      smallBytes: small.segments.length * segmentBytes,
      mainBytes: main.segments.length * segmentBytes,
      capacityBytes: this.capacityBytes,
    })
    for (const log of victims) {
      const segment = this.#oldestUnpinned(log)
      if (segment === undefined) continue
      this.#evacuate(segment, this.#usedBytes[segment] ?? 0, log, attempt)
      this.#usedBytes[segment] = 0
      // Only now: a reader that pinned it before its slots changed may be using it.
      if (this.#arena.isPinned(segment)) this.#draining.push(segment)
      else this.#put(segment)
      return true
    }
    return false
  }

  /** Takes the oldest unpinned segment out of a log: one that is being filled is pinned, too. */
  #oldestUnpinned(log: LogName): number | undefined {
    const { segments } = this.#logs[log]
    const at = segments.findIndex((segment) => !this.#arena.isPinned(segment))
    return at < 0 ? undefined : segments.splice(at, 1)[0]
  }

  #heldCount(): number {
    const { small, main } = this.#logs
    const empty = (this.#spare === undefined ? 0 : 1) + (this.#ready === undefined ? 0 : 1)
    return small.segments.length + main.segments.length + this.#draining.length + empty
  }

  #oldestSequence(): number | undefined {
    const small = this.#sequenceOfFirst('small')
    const main = this.#sequenceOfFirst('main')
    if (small === undefined || main === undefined) return small ?? main
    return ((small - main) | 0) < 0 ? small : main
  }

  #sequenceOfFirst(log: LogName): number | undefined {
    const first = this.#logs[log].segments[0]
    return first === undefined ? undefined : this.#sequences[first]
  }

  #publish(): void {
    this.#pool.publish(this.#owner, this.#heldCount(), this.#oldestSequence())
  }
}
