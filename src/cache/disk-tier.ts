import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { ObjectVersion } from './api.ts'
import type { DiskReader } from './disk/disk-reader.ts'
import type { DiskShard } from './disk/disk-shard.ts'
import type { DiskShardStats } from './disk/shard-api.ts'
import type { Generations } from './generations.ts'
import { HeadRecall, type Recalled } from './head-recall.ts'
import { offerCommitted, offerDropped } from './offer-to-disk.ts'
import { isHead, keyOf } from './record.ts'
import type { FoundRecord } from './record-finder.ts'
import type { RecordStore } from './record-store.ts'

/** The shard of one part of the key space. */
export interface PartShard {
  readonly part: number
  readonly shard: DiskShard
}

/** The blocks of one version, as far as they are on disk. */
export interface BlocksOnDisk {
  has(blockNo: number): boolean
  /** Fills `target` with a whole block; false: it could not be had. */
  read(blockNo: number, target: Uint8Array): Promise<boolean>
}

/** Counts since the disk was attached, beside those of its shards. */
export interface TierCounters {
  /** Records that were read for clients. */
  hits: number
  hitBytes: number
  /** Heads that memory did not have, and the disk neither. */
  misses: number
  /** Found, but not to be had: damaged, unreadable, outdated meanwhile, or no room in memory. */
  failures: number
}

export interface DiskTierParts {
  readonly store: RecordStore
  readonly generations: Generations
  readonly clock: Clock
}

/**
 * An owner's disk below its memory. What is committed in memory is offered to the disk at once; what memory misses is looked for there
 * before the origin is asked, and comes back into memory. Nothing here is on the path of a hit.
 *
 * What keeps both in step: a head on disk says what the one in memory says, but for its time. Whenever a head is committed in memory, the
 * disk takes it too or forgets its own; whenever one is removed there, it is removed here.
 */
export class DiskTier {
  readonly counters: TierCounters = { hits: 0, hitBytes: 0, misses: 0, failures: 0 }
  readonly #store: RecordStore
  readonly #heads: HeadRecall
  /** By part of the key space. */
  readonly #shards: (DiskShard | undefined)[] = []
  /** Tombstones on their way to the disk: who invalidates the same object again may not be told before they are there. */
  readonly #burials = new Map<string, Promise<void>>()
  /** Objects that are being written, and by how many. */
  readonly #keptOff = new Map<string, number>()
  /** Blocks on their way into memory that is lent to the reads. */
  #reading = 0
  #idle: (() => void) | undefined
  #isClosed = false

  constructor(parts: DiskTierParts) {
    this.#store = parts.store
    this.#heads = new HeadRecall({ ...parts, counters: this.counters })
  }

  /** From now on these are the disk of their parts. */
  attach(shards: readonly PartShard[]): void {
    const store = this.#store
    for (const { part, shard } of shards) this.#shards[part] = shard
    store.onCommitted = (found) => this.#offer(found, offerCommitted)
    store.onDropped = (found) => this.#offer(found, offerDropped)
    store.onHeadRemoved = (key) => void this.remove(key)
  }

  get isAttached(): boolean {
    return this.#shards.length > 0
  }

  /** Reads that are under way: a gauge of held things. */
  get reading(): number {
    return this.#reading + this.#heads.reading
  }

  /**
   * Brings the head of an object from disk into memory, with its body where both are one record. Undefined: it is not on disk. One read
   * for all who ask at the same time.
   */
  recall(key: string): Promise<Recalled> | undefined {
    const shard = this.#shardOf(key)
    return shard === undefined || this.#isClosed ? undefined : this.#heads.recall(shard.reader, key)
  }

  /** The body of an unproven head that the origin just confirmed; undefined where there is none. */
  takeConfirmed(version: ObjectVersion): Uint8Array | undefined {
    return this.#heads.takeConfirmed(version)
  }

  /** Undefined where there is no disk. */
  blocksOf(version: ObjectVersion): BlocksOnDisk | undefined {
    const reader = this.#isClosed ? undefined : this.#shardOf(version.key)?.reader
    if (reader === undefined) return undefined
    const name = reader.versionHash(version)
    return {
      has: (blockNo) => reader.has(reader.blockHash(name, blockNo)),
      read: async (blockNo, target) => this.#readBlock(reader, { version, blockNo }, target),
    }
  }

  /** Forgets the head of `key` at once. The promise resolves when that survives the end of this process; undefined: nothing of it was there. */
  remove(key: string): Promise<void> | undefined {
    this.#heads.forget(key)
    const begun = this.#shardOf(key)?.remove(key)
    const before = this.#burials.get(key)
    if (begun === undefined) return before
    const buried = before === undefined ? begun : Promise.all([before, begun]).then(() => undefined)
    this.#burials.set(key, buried)
    void buried.then(() => this.#burials.get(key) === buried && this.#burials.delete(key))
    return buried
  }

  /** A write of the object begins or ends: while there is one, no head of it goes to disk. */
  keepOff(key: string, begins: boolean): void {
    const writes = (this.#keptOff.get(key) ?? 0) + (begins ? 1 : -1)
    assert(writes >= 0, 'a write ends once')
    if (writes === 0) this.#keptOff.delete(key)
    else this.#keptOff.set(key, writes)
  }

  /** A disk whose reads take longer than this is no help. */
  set slowAboveMs(limitMs: number) {
    for (const shard of this.#present()) shard.slowAboveMs = limitMs
  }

  /** To be called once a second. */
  async tick(): Promise<void> {
    await Promise.all(this.#present().map(async (shard) => shard.tick()))
  }

  /** Of each shard. */
  stats(): DiskShardStats[] {
    return this.#present().map((shard) => shard.stats())
  }

  /** Writes everything and closes. True: nothing was lost, and all of it would survive a power cut. */
  async close(): Promise<boolean> {
    this.#isClosed = true
    await this.#heads.close()
    if (this.#reading > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    const sound = await Promise.all(this.#present().map(async (shard) => shard.close()))
    return sound.every((one) => one)
  }

  #present(): DiskShard[] {
    return this.#shards.filter((shard) => shard !== undefined)
  }

  #shardOf(key: string): DiskShard | undefined {
    return this.#shards.length === 0 ? undefined : this.#shards[this.#store.finder.partOf(key)]
  }

  #offer(found: FoundRecord, offer: (shard: DiskShard, found: FoundRecord) => 'fine' | 'outdated'): void {
    const key = keyOf(found.view, found.offset)
    const shard = this.#isClosed ? undefined : this.#shardOf(key)
    if (shard === undefined) return
    const isKeptOff = isHead(found.view, found.offset) && this.#keptOff.has(key)
    if (isKeptOff || offer(shard, found) === 'outdated') void this.remove(key)
  }

  async #readBlock(
    reader: DiskReader,
    block: { readonly version: ObjectVersion; readonly blockNo: number },
    target: Uint8Array,
  ): Promise<boolean> {
    const found = reader.find(reader.blockHash(reader.versionHash(block.version), block.blockNo), true)
    if (found === undefined) return false
    this.#reading++
    try {
      const isRead = await reader.readBlock(found, { ...block, from: 0, to: target.length }, target)
      if (isRead) {
        this.counters.hits++
        this.counters.hitBytes += target.length
      } else this.counters.failures++
      return isRead
    } finally {
      reader.release(found)
      this.#reading--
      if (this.#reading === 0) this.#idle?.()
    }
  }
}
