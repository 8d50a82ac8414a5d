import { assert } from '../../base/assert.ts'
import { syncPath } from './disk-files.ts'
import { SEGMENTS_MIN } from './disk-geometry.ts'
import { segmentPath } from './segment-loader.ts'
import type { ShardContext } from './shard-context.ts'
import type { ReadySegment } from './segment-writer.ts'

/** Segments that can be written at once: one for new records, one for what a segment that is emptied gives back. */
const READY_WANTED = 2

/** So many where nothing has to go for it: what arrives in a burst need not wait for files to be made. */
const READY_WITH_ROOM = 4

export interface PoolHost {
  /** Empties a segment and clears its first page; rejects where it could not. */
  evacuate(segment: number): Promise<void>
  /** A number that no other process will draw. */
  salt(): number
}

export interface PoolLimits {
  /** Segments that the cap has room for. */
  readonly segmentsMax: number
  /** Free bytes that are left to others. */
  readonly reserveFreeBytes: number
}

/**
 * The segments of a shard as a ring: made while there is room, filled, sealed, emptied in the order in which they were filled,
 * filled again. It decides when the log gives something up, and never has more files than the cap allows. Owner thread only.
 */
export class SegmentPool {
  readonly #context: ShardContext
  readonly #host: PoolHost
  readonly #limits: PoolLimits
  /** Sealed or open, oldest first. */
  readonly #log: number[] = []
  readonly #absent: number[] = []
  /** Emptied on disk, their files there. */
  readonly #free: number[] = []
  /** Emptied, but pinned by readers that found their record just before. */
  readonly #draining: number[] = []
  readonly #ready: { readonly segment: number; readonly fd: number }[] = []
  readonly #allocatedBytes: Float64Array
  /** Taken, and not written to the end yet. */
  readonly #unfinished = new Set<number>()
  readonly #written = new Set<number>()
  #lastSequence = 0
  #segmentsMax: number
  #isEvacuating = false
  #maintaining: Promise<void> | undefined
  /** What changes files happens one after another. */
  #tail: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(context: ShardContext, host: PoolHost, limits: PoolLimits) {
    this.#context = context
    this.#host = host
    this.#limits = limits
    this.#segmentsMax = limits.segmentsMax
    this.#allocatedBytes = new Float64Array(context.table.segmentCount)
  }

  /** Segments whose files are there. */
  get segments(): number {
    return this.#context.table.segmentCount - this.#absent.length
  }

  get segmentsMax(): number {
    return this.#segmentsMax
  }

  get allocatedBytes(): number {
    return this.#allocatedBytes.reduce((sum, bytes) => sum + bytes, 0)
  }

  /** Records can be added without giving any up. */
  get hasRoom(): boolean {
    return this.#ready.length + this.#free.length + this.#draining.length + Math.max(0, this.#segmentsMax - this.segments) > READY_WANTED
  }

  /** What the open segment still has room for belongs to what an emptied segment gives back. */
  get isReserved(): boolean {
    return this.#isEvacuating && this.#ready.length === 0
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Of the oldest segment whose records are still on disk. */
  get oldestSequence(): number {
    const [oldest] = this.#log
    return oldest === undefined ? this.#lastSequence + 1 : this.#context.table.sequenceOf(oldest)
  }

  /** What was found at the start: segments with records in the order of their sequences, and those that are empty. */
  adopt(found: { readonly withRecords: readonly number[]; readonly empty: readonly number[]; readonly lastSequence: number }): void {
    const present = new Set([...found.withRecords, ...found.empty])
    this.#log.splice(0, Infinity, ...found.withRecords)
    this.#free.splice(0, Infinity, ...found.empty)
    this.#draining.length = 0
    this.#absent.length = 0
    for (let segment = this.#context.table.segmentCount - 1; segment >= 0; segment--) if (!present.has(segment)) this.#absent.push(segment)
    this.#lastSequence = found.lastSequence
    this.#segmentsMax = this.#limits.segmentsMax
  }

  /** The next segment to write; undefined where none is ready, or only the one that is kept for what an emptied segment gives back. */
  take(forCopy: boolean): ReadySegment | undefined {
    if (!forCopy && this.#ready.length < READY_WANTED) return undefined
    const next = this.#ready.shift()
    if (next === undefined) return undefined
    const { segment, fd } = next
    this.#lastSequence++
    const life = { shard: this.#context.shard, segment, sequence: this.#lastSequence, salt: this.#host.salt() }
    this.#context.table.beginLife(segment, { ...life, writtenTo: 0 })
    this.#log.push(segment)
    this.#unfinished.add(segment)
    this.#written.add(segment)
    return { life, fd }
  }

  /** Makes everything that was written since the start survive a power cut. */
  async sync(): Promise<void> {
    const { files, directory } = this.#context
    for (const segment of this.#written) await syncPath(files, segmentPath(directory, segment))
    await syncPath(files, directory)
  }

  /** Nothing more is written to it. */
  async finished(segment: number): Promise<void> {
    this.#unfinished.delete(segment)
    await this.#measure(segment)
  }

  /** Makes segments ready, reclaiming the oldest if need be. One at a time; rejects where the disk refuses. */
  async maintain(): Promise<void> {
    this.#maintaining ??= this.#inTurn(async () => this.#maintain()).finally(() => {
      this.#maintaining = undefined
    })
    return this.#maintaining
  }

  /** Gives up room: from now on at most `segmentsMax` files. */
  async shrink(segmentsMax: number): Promise<void> {
    this.#segmentsMax = Math.min(this.#limits.segmentsMax, segmentsMax)
    await this.#inTurn(async () => this.#removeSurplus())
  }

  /** Lets it have all of its cap again. */
  allowGrowth(): void {
    this.#segmentsMax = this.#limits.segmentsMax
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#tail
    for (const { fd, segment } of this.#ready.splice(0)) {
      await this.#context.files.close(fd).catch(() => undefined)
      this.#free.push(segment)
    }
    this.#isClosed = false
  }

  async #maintain(): Promise<void> {
    this.#reap()
    await this.#removeSurplus()
    let reclaimed = 0
    while (this.#ready.length < READY_WITH_ROOM && !this.#isClosed) {
      const free = this.#free.pop() ?? (await this.#create())
      if (free !== undefined) await this.#prepare(free)
      else if (this.#ready.length >= READY_WANTED) return
      else if (reclaimed > READY_WANTED || !(await this.#reclaim())) return
      else reclaimed++
    }
  }

  async #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(task)
    this.#tail = done.catch(() => undefined)
    return done
  }

  /** Until it fits, or nothing can be removed now. */
  async #removeSurplus(): Promise<void> {
    for (let more = true; more && this.segments > this.#segmentsMax;) more = await this.#removeOne()
  }

  #reap(): void {
    for (let i = this.#draining.length - 1; i >= 0; i--) {
      const segment = this.#draining[i]
      if (segment === undefined || this.#context.table.isPinned(segment)) continue
      this.#draining.splice(i, 1)
      this.#free.push(segment)
    }
  }

  async #prepare(segment: number): Promise<void> {
    const { files, directory, geometry } = this.#context
    try {
      const fd = await files.open(segmentPath(directory, segment), 'create')
      this.#ready.push({ segment, fd })
      await files.setLength(fd, geometry.segmentBytes)
    } catch (error) {
      if (this.#ready.at(-1)?.segment !== segment) this.#free.push(segment)
      throw error
    }
  }

  /** A new file, where cap and file system have room for it. */
  async #create(): Promise<number | undefined> {
    const { files, directory, geometry, table } = this.#context
    const at = this.#absent.findLastIndex((segment) => !table.isPinned(segment))
    if (at < 0 || this.segments >= this.#segmentsMax) return undefined
    const { availableBytes } = await files.space(directory)
    const isFirst = this.segments < SEGMENTS_MIN
    if (!isFirst && availableBytes - geometry.segmentBytes < this.#limits.reserveFreeBytes) return undefined
    const segment = this.#absent.splice(at, 1)[0]
    assert(segment !== undefined, 'found just before')
    table.fileChanged(segment)
    return segment
  }

  async #reclaim(): Promise<boolean> {
    const [oldest] = this.#log
    if (oldest === undefined || this.#unfinished.has(oldest)) return false
    this.#isEvacuating = true
    try {
      await this.#host.evacuate(oldest)
    } finally {
      this.#isEvacuating = false
    }
    this.#log.shift()
    if (this.#context.table.isPinned(oldest)) this.#draining.push(oldest)
    else this.#free.push(oldest)
    return true
  }

  /** Deletes a file: a free one, else the oldest with all its records. */
  async #removeOne(): Promise<boolean> {
    const { files, directory, table, index, counters } = this.#context
    this.#reap()
    const ready = this.#free.length === 0 ? this.#ready.pop() : undefined
    if (ready !== undefined) await files.close(ready.fd).catch(() => undefined)
    const segment = this.#free.pop() ?? ready?.segment ?? this.#log[0]
    if (segment === undefined || this.#unfinished.has(segment)) return false
    await files.remove(segmentPath(directory, segment))
    if (this.#log[0] === segment) {
      this.#log.shift()
      counters.evictedRecords += index.clearRange(table.locationOf(segment, 0), table.locationOf(segment + 1, 0))
    }
    table.fileChanged(segment)
    this.#allocatedBytes[segment] = 0
    this.#written.delete(segment)
    this.#absent.push(segment)
    return true
  }

  async #measure(segment: number): Promise<void> {
    const facts = await this.#context.files.facts(segmentPath(this.#context.directory, segment)).catch(() => undefined)
    if (facts !== undefined) this.#allocatedBytes[segment] = facts.allocatedBytes
  }
}
