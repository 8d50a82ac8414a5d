import type { NameHash } from '../name-hash.ts'
import { Burials } from './burials.ts'
import { DiskAdmission } from './disk-admission.ts'
import { codeOf } from './disk-files.ts'
import { segmentsWithin } from './disk-geometry.ts'
import { DiskHealth } from './disk-health.ts'
import { DiskReader } from './disk-reader.ts'
import { diskRecordBytes, type DiskRecord } from './disk-record.ts'
import { evacuate, type EvacuationHost } from './evacuate.ts'
import { segmentPath } from './segment-loader.ts'
import { SegmentPool } from './segment-pool.ts'
import { SegmentWriter } from './segment-writer.ts'
import type { DiskShardOptions, DiskShardStats, PutResult } from './shard-api.ts'
import type { ShardContext } from './shard-context.ts'
import { contextFor, findSegments, restoreIndex, writeMissingFooter, type FoundSegments } from './shard-loader.ts'
import { SpaceKeeper } from './space-keeper.ts'
import { TombstoneLog, type LogPosition } from './tombstone-log.ts'

/** Of what is emptied at most this share lives on, over time: nothing is written more than twice as often as it would be without. */
const COPIED_SHARE_MAX = 0.5

/** What was not used of that share is kept for segments that are hot as a whole, up to so many. */
const COPY_BURST_SEGMENTS = 8

/**
 * One shard of the disk tier: an append-only log in segments, the index to it, and what keeps it within its cap. Everything here is
 * for the owner thread; other threads read with a `DiskReader` over the same shared memory. No call throws or rejects because
 * of the disk: a failure is a miss, a refusal, a count, and a state.
 */
export class DiskShard {
  readonly reader: DiskReader
  readonly context: ShardContext
  readonly #options: DiskShardOptions
  readonly #health: DiskHealth
  readonly #admission: DiskAdmission
  readonly #writer: SegmentWriter
  readonly #pool: SegmentPool
  readonly #space: SpaceKeeper
  readonly #burials: Burials
  /** False where something may be on disk that the index does not know: then every invalidation gets a tombstone. */
  #isComplete = true
  #isCopying = false
  /** New records let it go first: otherwise they would take every buffer that comes back. */
  #copyIsWaiting = false
  #copyBudgetBytes: number
  #ticking: Promise<void> | undefined
  readonly #put: Record<PutResult, number> = {
    stored: 0,
    present: 0,
    'not-admitted': 0,
    'too-large': 0,
    busy: 0,
    'no-room': 0,
    'not-latin1': 0,
    unavailable: 0,
  }

  private constructor(options: DiskShardOptions, context: ShardContext) {
    const { clock } = options
    this.#options = options
    this.context = context
    this.#health = new DiskHealth(() => clock.monotonicMs())
    this.#copyBudgetBytes = COPY_BURST_SEGMENTS * options.geometry.segmentBytes
    const segmentsMax = segmentsWithin(options.geometry, options.capBytes)
    this.#admission = new DiskAdmission({
      capacityBytes: segmentsMax * options.geometry.segmentBytes,
      dailyBytes: options.dailyWriteBytes / options.geometry.shards,
      monotonicMs: () => clock.monotonicMs(),
    })
    this.#pool = new SegmentPool(
      context,
      {
        salt: () => (options.random() * 0x1_0000_0000) >>> 0,
        evacuate: async (segment) => this.#evacuate(segment),
      },
      { segmentsMax, reserveFreeBytes: options.reserveFreeBytes },
    )
    this.#space = new SpaceKeeper(context, this.#pool, {
      reserveFreeBytes: options.reserveFreeBytes,
      monotonicMs: () => clock.monotonicMs(),
    })
    this.#writer = new SegmentWriter(context, {
      nextSegment: () => this.#pool.take(this.#isCopying),
      finished: (segment) => void this.#pool.finished(segment),
      writeFailed: (error) => this.#writeFailed(error),
    })
    this.reader = new DiskReader({
      context,
      seed: options.nameSeed,
      monotonicMs: () => clock.monotonicMs(),
      pending: (segment, offset, length) => this.#writer.pending(segment, offset, length),
      observer: {
        damaged: (hash, location) => this.dropDamaged(hash, location),
        failed: (code) => this.readFailed(code),
        took: (bytes, tookMs) => {
          context.counters.readRecords++
          context.counters.readBytes += bytes
          this.#health.readTook(tookMs)
          options.readTook?.(tookMs)
          this.#applyState()
        },
      },
    })
    this.#burials = new Burials(this.#newTombstones(), {
      isWritable: () => this.#isWritable,
      makeRoom: async () => this.#space.makeRoom(),
      failed: (error) => this.#writeFailed(error),
      onWaiting: options.onUnwritten,
      unproven: () => ({ hash: undefined, before: { sequence: this.#pool.lastSequence + 1, offset: 0 } }),
    })
  }

  /** Opens a shard: what is whole is found again. Rejects where its directory cannot be made or read. */
  static async open(options: DiskShardOptions): Promise<DiskShard> {
    const { files, directory, shard, geometry, checksumSeed } = options
    await files.makeDirectory(directory).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    const site = { files, directory, shard, geometry, format: { granuleBytes: geometry.granuleBytes, checksumSeed } }
    const found = await findSegments(site)
    const context = contextFor(site, found, options)
    const opened = new DiskShard(options, context)
    await opened.#adopt(found, options.unproven)
    return opened
  }

  /** Whether invalidations are all on disk: otherwise the session may not be called clean. */
  get isDurable(): boolean {
    return this.#burials.waiting === 0
  }

  /** What the disk has to beat: a higher 99th percentile of its reads makes it step aside. */
  set slowAboveMs(limitMs: number) {
    this.#health.slowAboveMs = limitMs
  }

  /** Takes a copy of a record, or says why not. Never waits. */
  put(record: DiskRecord): PutResult {
    const result = this.#tryPut(record)
    this.#put[result]++
    return result
  }

  /**
   * Forgets the head of `key` at once. The promise resolves when that survives the end of this process (or cannot be had, which
   * is then said by state and stats); undefined: nothing of it was on disk.
   */
  remove(key: string): Promise<void> | undefined {
    const hash = this.reader.headHash(key)
    if (hash === undefined) return undefined
    const slot = this.context.index.find(hash)
    if (slot !== undefined) this.context.index.clear(slot)
    else if (this.#isComplete) return undefined
    return this.#burials.bury({ hash, before: this.#position() })
  }

  /** Writes what is still in memory. Resolves when it is on disk or lost. */
  async flush(): Promise<void> {
    await this.#writer.flush()
  }

  /** Once a second: writes what waited long enough, reclaims, looks after the disk, comes back after trouble. */
  async tick(): Promise<void> {
    this.#ticking ??= this.#tick().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  stats(): DiskShardStats {
    const { index, table, counters } = this.context
    return {
      ...counters,
      state: this.#health.state,
      trouble: this.#health.trouble,
      entries: index.entries,
      indexBytes: index.bytes,
      bufferBytes: this.#writer.bufferBytes,
      segments: this.#pool.segments,
      segmentsMax: this.#pool.segmentsMax,
      allocatedBytes: this.#pool.allocatedBytes,
      tombstones: this.#burials.log.entries,
      put: { ...this.#put },
      pins: table.pinCount(),
      descriptors: this.reader.descriptors,
    }
  }

  /** A record turned out to be damaged, here or in another thread. */
  dropDamaged(hash: NameHash, location: number): void {
    const { index, counters } = this.context
    counters.damagedRecords++
    const slot = index.slotOf(hash, location)
    if (slot === undefined) return
    index.clear(slot)
    this.#isComplete = false
  }

  /** A read failed, here or in another thread. */
  readFailed(code: string): void {
    this.context.counters.readErrors++
    this.#health.readFailed(code)
    this.#applyState()
  }

  /** Writes everything, seals, and closes. True: nothing was lost, and all of it would survive a power cut. */
  async close(): Promise<boolean> {
    await this.#ticking
    await this.#writer.seal()
    await this.#pool.close()
    if (!this.isDurable) await this.#burials.retry()
    const isSynced = await Promise.all([this.#pool.sync(), this.#burials.log.sync()]).then(
      () => true,
      () => false,
    )
    this.#health.closed()
    this.#applyState()
    await this.#burials.log.close()
    this.reader.close()
    return isSynced && this.isDurable
  }

  #tryPut(record: DiskRecord): PutResult {
    if (!this.#isWritable) return 'unavailable'
    const { index, format, counters } = this.context
    const bytes = diskRecordBytes(record, format)
    const hash = bytes === undefined ? undefined : this.#hashOf(record)
    if (hash === undefined || bytes === undefined) return 'too-large'
    // Blocks are named by their version: the same name is the same bytes.
    if (record.blockNo !== undefined && index.find(hash) !== undefined) return 'present'
    if (!this.#admission.admits(hash, bytes, this.#pool.hasRoom)) return 'not-admitted'
    if (this.#copyIsWaiting) return 'busy'
    if (this.#pool.isReserved) return 'no-room'
    const appended = this.#writer.append(record, hash)
    void this.#maintain()
    if (typeof appended === 'string') return appended
    const displaced = index.put(hash, appended.location, appended.info)
    if (displaced !== undefined) {
      counters.displacedRecords++
      this.#isComplete = false
    }
    counters.insertedRecords++
    counters.insertedBytes += bytes
    return 'stored'
  }

  #hashOf(record: DiskRecord): NameHash | undefined {
    if (record.blockNo === undefined) return this.reader.headHash(record.key)
    return this.reader.blockHash(this.reader.versionHash(record), record.blockNo)
  }

  async #evacuate(segment: number): Promise<void> {
    const host: EvacuationHost = {
      append: (record, hash) => {
        this.#isCopying = true
        const appended = this.#writer.append(record, hash)
        this.#isCopying = false
        this.#copyIsWaiting = appended === 'busy'
        return appended
      },
      drained: async () => this.#writer.flush(),
      dropped: (hash, bytes) => this.#admission.dropped(hash, bytes),
    }
    const { segmentBytes } = this.context.geometry
    this.#copyBudgetBytes = Math.min(COPY_BURST_SEGMENTS * segmentBytes, this.#copyBudgetBytes + COPIED_SHARE_MAX * segmentBytes)
    const { reinsertedBytes } = this.context.counters
    try {
      await evacuate(this.context, segment, { host, keepBytesMax: Math.min(this.#copyBudgetBytes, segmentBytes) })
    } finally {
      this.#copyIsWaiting = false
      this.#copyBudgetBytes -= this.context.counters.reinsertedBytes - reinsertedBytes
    }
  }

  async #maintain(): Promise<void> {
    if (!this.#isWritable) return
    try {
      await this.#space.check()
      await this.#pool.maintain()
    } catch (error) {
      this.#writeFailed(error)
    }
  }

  /** Everything that was appended is before this. */
  #position(): LogPosition {
    return this.#writer.position ?? { sequence: this.#pool.lastSequence + 1, offset: 0 }
  }

  get #isWritable(): boolean {
    const { state } = this.#health
    return state === 'on' || state === 'degraded'
  }

  #writeFailed(error: unknown): void {
    this.context.counters.writeErrors++
    // What was in the write may have been the only place of something that was replaced by it.
    this.#isComplete = false
    this.#health.writeFailed(codeOf(error))
    if (this.#health.trouble === 'no-space') this.#space.wasFull()
    this.#applyState()
  }

  #applyState(): void {
    const { state, trouble } = this.#health
    const reading = state === 'off' ? 'nothing' : trouble === 'slow' ? 'sample' : 'all'
    if (this.context.table.reading !== reading) this.context.table.setReading(reading)
  }

  async #tick(): Promise<void> {
    if (this.#health.trouble !== 'closed') {
      if (!(await this.#options.isOurs())) this.#health.vanished()
      if (this.#health.isRetryDue) await this.#comeBack()
      if (this.#isWritable) {
        await this.#writer.flush()
        await this.#maintain()
      }
    }
    this.#applyState()
  }

  async #comeBack(): Promise<void> {
    try {
      if (await this.#tryToComeBack()) this.#health.recovered()
      else this.#health.retryFailed()
    } catch {
      this.#health.retryFailed()
    }
  }

  async #tryToComeBack(): Promise<boolean> {
    switch (this.#health.trouble) {
      case 'none':
      case 'closed':
      case 'slow':
        // Slowness ends when its samples are quick again.
        return false
      case 'no-space':
        await this.#space.makeRoom()
        return this.#burials.retry()
      case 'write-errors':
      case 'read-only-file-system':
        await this.#writer.abandon()
        return this.#burials.retry()
      case 'read-errors':
      case 'vanished':
        return this.#reopen()
    }
  }

  /** Begins anew with what is on disk now. */
  async #reopen(): Promise<boolean> {
    const { index, table } = this.context
    if (!(await this.#options.isOurs())) return false
    await this.#writer.abandon()
    await this.#pool.close()
    await this.#burials.log.close()
    this.reader.close()
    // Reads that began before are still under way: the next try will find them gone.
    if (table.pinCount() > 0) return false
    const found = await findSegments(this.context)
    const beyond = found.withRecords.filter(({ life }) => life.segment >= table.segmentCount)
    if (beyond.length > 0) return false
    index.clearRange(1, 2 ** 32)
    for (let segment = 0; segment < table.segmentCount; segment++) table.fileChanged(segment)
    this.#burials.log = this.#newTombstones()
    await this.#adopt(found, false)
    return this.#burials.retry()
  }

  async #adopt(found: FoundSegments, unproven: boolean): Promise<void> {
    const { table, counters, files, directory } = this.context
    const restored = await restoreIndex(this.context, found, this.#burials.log)
    const { lastSequence } = restored
    counters.displacedRecords += restored.displaced
    counters.damagedSegments += found.damaged.length
    this.#isComplete = restored.displaced === 0 && found.damaged.length === 0
    this.#pool.adopt({ withRecords: found.withRecords.map(({ life }) => life.segment), empty: found.empty, lastSequence })
    if ((unproven || !restored.tombstonesComplete) && found.withRecords.length > 0) {
      table.setProvenFrom(lastSequence + 1)
      await this.#burials.bury({ hash: undefined, before: { sequence: lastSequence + 1, offset: 0 } })
    }
    try {
      for (const { segment } of found.damaged) await files.remove(segmentPath(directory, segment))
      for (const segment of found.withRecords) if (segment.from === 'scan') await writeMissingFooter(this.context, segment)
    } catch (error) {
      this.#writeFailed(error)
    }
    await this.#maintain()
    this.#applyState()
  }

  #newTombstones(): TombstoneLog {
    const { files, directory, checksumSeed } = this.#options
    return new TombstoneLog({ files, directory, seed: checksumSeed, oldestSequence: () => this.#pool.oldestSequence })
  }
}
