import { assert } from '../base/assert.ts'
import type { Arena } from './arena.ts'
import type { EvictionPolicy, LogName } from './policy.ts'

/** Segments in the order they were begun; the last one is open for appending. */
interface Log {
  readonly segments: number[]
}

/** Segments emptied for one insertion at most: the policy keeps less with every attempt. */
const RECLAIMS_PER_INSERT_MAX = 4

/** Moves what is to be kept out of a segment, by `allocateCopy`, and forgets the rest. */
export type Evacuate = (segment: number, usedBytes: number, log: LogName, attempt: number) => void

/**
 * Where new records go: two rings of segments, appended at one end and reclaimed at the other. One free segment is always
 * kept back, so that what a reclaimed segment gives to the main log has a place. Owner thread only.
 */
export class SegmentLogs {
  readonly #arena: Arena
  readonly #policy: EvictionPolicy
  readonly #evacuate: Evacuate
  readonly #logs: Readonly<Record<LogName, Log>> = { small: { segments: [] }, main: { segments: [] } }
  readonly #free: number[] = []
  /** Emptied, but pinned by readers that found their record just before. */
  readonly #draining: number[] = []
  /** Bytes appended to each segment. */
  readonly #usedBytes: Int32Array

  constructor(arena: Arena, policy: EvictionPolicy, evacuate: Evacuate) {
    this.#arena = arena
    this.#policy = policy
    this.#evacuate = evacuate
    this.#usedBytes = new Int32Array(arena.segmentCount)
    for (let segment = arena.segmentCount - 1; segment >= 0; segment--) this.#free.push(segment)
  }

  /** Bytes that can pass through the cache before something of theirs is reclaimed. */
  get passageBytes(): number {
    return Math.max(this.#policy.smallTargetBytes, this.#free.length * this.#arena.segmentBytes)
  }

  /** A place for a new record, reclaiming segments if need be; undefined while everything is pinned. */
  allocate(log: LogName, bytes: number): number | undefined {
    assert(bytes <= this.#arena.segmentBytes, 'a record fits a segment')
    const place = this.#append(log, bytes)
    if (place !== undefined) return place
    for (let attempt = 0; attempt < RECLAIMS_PER_INSERT_MAX && this.#freeCount() < 2; attempt++) {
      if (!this.#reclaim(attempt)) break
    }
    // Reclaiming may have opened a new main segment that has room.
    const opened = this.#append(log, bytes)
    if (opened !== undefined) return opened
    if (this.#freeCount() < 2) return undefined
    return this.#open(log, bytes)
  }

  /** A place in the main log for a record that outlives its segment; may use the segment kept back. */
  allocateCopy(bytes: number): number | undefined {
    return this.#append('main', bytes) ?? this.#open('main', bytes)
  }

  #append(log: LogName, bytes: number): number | undefined {
    const segment = this.#logs[log].segments.at(-1)
    if (segment === undefined) return undefined
    const used = this.#usedBytes[segment] ?? 0
    if (used + bytes > this.#arena.segmentBytes) return undefined
    this.#usedBytes[segment] = used + bytes
    return this.#arena.locationOf(segment, used)
  }

  #open(log: LogName, bytes: number): number | undefined {
    const segment = this.#free.pop()
    if (segment === undefined) return undefined
    assert(!this.#arena.isPinned(segment), 'a free segment has no pins')
    this.#usedBytes[segment] = 0
    this.#logs[log].segments.push(segment)
    return this.#append(log, bytes)
  }

  #freeCount(): number {
    for (let i = this.#draining.length - 1; i >= 0; i--) {
      const segment = this.#draining[i]
      if (segment === undefined || this.#arena.isPinned(segment)) continue
      this.#draining.splice(i, 1)
      this.#free.push(segment)
    }
    return this.#free.length
  }

  #reclaim(attempt: number): boolean {
    const { small, main } = this.#logs
    const { segmentBytes } = this.#arena
    const first = this.#policy.victim({ smallBytes: small.segments.length * segmentBytes, mainBytes: main.segments.length * segmentBytes })
    for (const log of [first, first === 'small' ? 'main' : 'small'] as const) {
      const segment = this.#oldestUnpinned(log)
      if (segment === undefined) continue
      this.#evacuate(segment, this.#usedBytes[segment] ?? 0, log, attempt)
      this.#usedBytes[segment] = 0
      if (this.#arena.isPinned(segment)) this.#draining.push(segment)
      else this.#free.push(segment)
      return true
    }
    return false
  }

  /** Takes the oldest unpinned segment out of a log. */
  #oldestUnpinned(log: LogName): number | undefined {
    const { segments } = this.#logs[log]
    const at = segments.findIndex((segment) => !this.#arena.isPinned(segment))
    return at < 0 ? undefined : segments.splice(at, 1)[0]
  }
}
