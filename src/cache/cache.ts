import { assert } from '../base/assert.ts'
import { systemClock, type Clock } from '../base/clock.ts'
import type {
  AdoptedRun,
  CachedHead,
  CacheStats,
  FetchAsk,
  FetchRange,
  HeadInfo,
  ObjectVersion,
  ReadOptions,
  VersionReader,
} from './api.ts'
import { PinnedHead } from './cached-head.ts'
import { MESSAGE_ONLY, type ErrorCodec } from './foreign-error.ts'
import { Generations } from './generations.ts'
import { isAboutRead, type CacheMessage, type OwnerMessage, type ReadMessage } from './message.ts'
import { nameFits } from './name-hash.ts'
import { OwnedPart, type FillLimits } from './owned-part.ts'
import { RecordFinder, type VerifyReads } from './record-finder.ts'
import { ZERO_COUNTERS } from './record-store.ts'
import { RemoteReader, RemoteReads } from './remote-reader.ts'
import { SegmentPool } from './segment-pool.ts'
import type { CacheShare } from './share.ts'
import type { DiskTier } from './disk-tier.ts'
import type { Recalled } from './head-recall.ts'

export interface CacheOptions extends FillLimits {
  /** Made once for all workers. */
  readonly share: CacheShare
  /** This worker's number, from 0. */
  readonly worker: number
  /** Brings a message to another worker's `receive`, in order. */
  readonly post: (worker: number, message: CacheMessage) => void
  /** Called for this worker's own objects only. */
  readonly fetcher: (ask: FetchAsk) => FetchRange
  readonly verifyReads?: VerifyReads
  /** Called when a record found no room: see `isPinnedFull`. */
  readonly onFull?: () => void
  /** How `fetcher`'s failures get to readers in other workers. */
  readonly errors?: ErrorCodec
  readonly clock?: Clock
}

/**
 * One worker's face of the memory cache: heads and blocks of object versions, filled once for all who read them. Any worker
 * looks up and reads any object; what is to be stored goes to the object's owner (`ownerOf`).
 */
export class Cache {
  readonly #share: CacheShare
  readonly #worker: number
  readonly #post: (worker: number, message: CacheMessage) => void
  readonly #finder: RecordFinder
  readonly #generations: Generations
  readonly #pool: SegmentPool
  readonly #remote: RemoteReads
  /** Absent where this worker owns nothing. */
  readonly #part: OwnedPart | undefined
  readonly #awaitedForgets = new Map<number, () => void>()
  #lastForget = 0

  constructor(options: CacheOptions) {
    const { share, worker, post, errors = MESSAGE_ONLY, clock = systemClock } = options
    this.#share = share
    this.#worker = worker
    this.#post = options.post
    this.#finder = new RecordFinder(share, worker, options.verifyReads ?? 'first')
    this.#generations = new Generations(share, this.#finder.hasher)
    this.#pool = new SegmentPool(share)
    this.#remote = new RemoteReads({ finder: this.#finder, post, errors })
    const parts = { finder: this.#finder, generations: this.#generations, pool: this.#pool, errors, clock }
    this.#part = worker < share.layout.owners ? new OwnedPart({ ...options, ...parts, owner: worker }) : undefined
    if (this.#part !== undefined && options.onFull !== undefined) this.#part.store.onFull = options.onFull
    this.#finder.onIdle = () => this.#roomAgain()
    if (this.#part !== undefined) this.#part.store.logs.onGiven = () => this.#feedOthers()
    this.#finder.onCorrupt = (owner, { lo, hi, location }) => {
      if (owner === worker) this.#part?.store.removeCorrupt({ lo, hi, location })
      else this.#post(owner, { kind: 'corrupt', lo, hi, location })
    }
  }

  /**
   * Readers in any of the workers have so much pinned that owners find no room: fills wait for some, or no owner would have a segment besides the one
   * that it keeps back. Whoever holds pieces and does not need them should let go of them.
   */
  get isPinnedFull(): boolean {
    return this.#pool.someStarve || !this.#finder.arena.hasUnpinned(this.#share.layout.owners * 2)
  }

  /** The worker that stores, fills and forgets this object. */
  ownerOf(key: string): number {
    return this.#finder.ownerOf(key)
  }

  /** The head of an object, pinned, with the body of a small one; undefined where it is not here. Counts as a use. */
  lookupHead(key: string): CachedHead | undefined {
    if (!nameFits(key, '')) return this.#part?.pendingHead(key)
    // Hashes the key for both.
    const generation = this.#generations.of(key)
    const found = this.#finder.findHashedHead(true)
    return found === undefined ? this.#part?.pendingHead(key) : new PinnedHead(this.#finder, found, { key, generation })
  }

  /** Owner only: looks for the head of an object on disk, which then is in memory or waits to be confirmed. Undefined: it is not there. */
  recall(key: string): Promise<Recalled> | undefined {
    return this.#ownPart(key).disk.recall(key)
  }

  /** The disk below what this worker owns; undefined where it owns nothing. */
  get disk(): DiskTier | undefined {
    return this.#part?.disk
  }

  /** Take it before asking the origin: what was asked under an older one is not stored. */
  generation(key: string): number {
    return this.#generations.of(key)
  }

  /** Owner only. Stores a head learned without its body. False where it was not stored: outdated by an invalidation or a later answer, or no room. */
  putHead(info: HeadInfo, generation: number): boolean {
    return this.#ownPart(info.key).putHead(info, generation)
  }

  /**
   * Owner only. Takes over the body of an origin's answer. Its blocks are in flight from now on, its head is known; the body is
   * read in the background. `ask` brings the part of the first block that the answer does not carry, and the rest if it breaks off.
   */
  adopt(run: AdoptedRun): void {
    this.#ownPart(run.info.key).adopt(run)
  }

  /** Reads bytes [start, end) of a version. */
  openReader(version: ObjectVersion, start: number, end: number, options: ReadOptions): VersionReader {
    if (this.ownerOf(version.key) !== this.#worker) return new RemoteReader(this.#remote, version, { start, end }, options)
    return this.#ownPart(version.key).openReader(version, start, end, options)
  }

  /**
   * Forgets the object. What is on its way is read to the end by those who follow it, joined by nobody, and not stored.
   * `undefined`: done. Otherwise no worker finds the object any more when the promise is fulfilled, nor does a later process that opens the same
   * disk; it never rejects.
   */
  invalidate(key: string): Promise<void> | undefined {
    this.#generations.advance(key)
    const owner = this.ownerOf(key)
    if (owner === this.#worker) return this.#part?.forget(key)
    const id = ++this.#lastForget
    return new Promise((resolve) => {
      this.#awaitedForgets.set(id, resolve)
      this.#post(owner, { kind: 'invalidate', id, key })
    })
  }

  /**
   * Until the function that it returns is called, no head of the object goes to disk. For a write that is under way: what is read meanwhile may be
   * outdated by it, and if the process ends before it can say so, nobody ever would.
   */
  keepOffDisk(key: string): () => void {
    if (!this.#share.hasDisk) return () => undefined
    this.#tellDisk(key, true)
    return () => this.#tellDisk(key, false)
  }

  #tellDisk(key: string, begins: boolean): void {
    const owner = this.ownerOf(key)
    if (owner === this.#worker) this.#part?.disk.keepOff(key, begins)
    else this.#post(owner, { kind: 'keep-off-disk', key, begins })
  }

  /** What another worker's cache posted to this one. */
  receive(from: number, message: CacheMessage): void {
    if (isAboutRead(message)) {
      this.#receiveRead(from, message)
      return
    }
    switch (message.kind) {
      case 'invalidate':
        this.#forgetFor(from, message)
        break
      case 'invalidated':
        this.#awaitedForgets.get(message.id)?.()
        this.#awaitedForgets.delete(message.id)
        break
      case 'keep-off-disk':
      case 'corrupt':
      case 'yield':
      case 'yielded':
      case 'room':
        if (this.#part !== undefined) this.#receiveAsOwner(this.#part, from, message)
    }
  }

  #receiveAsOwner(part: OwnedPart, from: number, message: Exclude<OwnerMessage, { kind: 'invalidate' | 'invalidated' }>): void {
    switch (message.kind) {
      case 'keep-off-disk':
        part.disk.keepOff(message.key, message.begins)
        break
      case 'corrupt':
        part.store.removeCorrupt(message)
        break
      case 'yield':
        this.#post(from, { kind: 'yielded', given: part.store.logs.yieldSegment() })
        break
      case 'yielded':
        part.yielded(message.given)
        break
      case 'room':
        part.roomAgain()
        break
    }
  }

  #forgetFor(from: number, { id, key }: { readonly id: number; readonly key: string }): void {
    const forgotten = this.#part?.forget(key)
    if (forgotten === undefined) this.#post(from, { kind: 'invalidated', id })
    else void forgotten.then(() => this.#post(from, { kind: 'invalidated', id }))
  }

  #receiveRead(from: number, message: ReadMessage): void {
    const { kind, id } = message
    const part = this.#part
    switch (kind) {
      case 'pieces':
        this.#remote.pieces(from, message)
        break
      case 'failed':
        this.#remote.failed(id, message.error)
        break
      case 'read':
        part?.served.open(from, message, part.openReader(message.version, message.start, message.end, message))
        break
      case 'taken':
        part?.served.taken(from, id, message.bytes)
        break
      case 'close':
        part?.served.close(from, id)
        break
      case 'returned':
        part?.served.returned(id)
        break
    }
  }

  /** This worker has no pin of some segment any more. */
  #roomAgain(): void {
    this.#part?.roomAgain()
    this.#feedOthers()
  }

  /** Wakes owners in other threads that wait for room. */
  #feedOthers(): void {
    if (!this.#pool.someStarve) return
    for (let owner = 0; owner < this.#pool.owners; owner++) {
      if (owner !== this.#worker && this.#pool.takeStarving(owner)) this.#post(owner, { kind: 'room' })
    }
  }

  stats(): CacheStats {
    const { layout } = this.#share
    const speaks = this.#worker === 0
    const { overflowBlocks, flights, fillsInProgress } = this.#part?.held() ?? NOTHING_HELD
    return {
      memoryBytes: speaks ? layout.memoryBytes : 0,
      segments: speaks ? layout.segmentCount : 0,
      indexBytes: speaks ? layout.indexBytes : 0,
      ...(this.#part?.counters ?? ZERO_COUNTERS),
      pins: (speaks ? this.#finder.arena.pinCount() : 0) + overflowBlocks,
      flights,
      fillsInProgress,
      foreignReaders: this.#part?.served.count ?? 0,
    }
  }

  /** Stops all fills; who waits for one is told. False: not all that was to be on disk is there to stay. */
  async close(): Promise<boolean> {
    return (await this.#part?.close()) ?? true
  }

  #ownPart(key: string): OwnedPart {
    assert(this.#part !== undefined && this.ownerOf(key) === this.#worker, 'objects are stored by their owner')
    return this.#part
  }
}

const NOTHING_HELD = { overflowBlocks: 0, flights: 0, fillsInProgress: 0 } as const
