import { assert } from '../base/assert.ts'
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
import { Generations } from './generations.ts'
import type { CacheMessage } from './message.ts'
import { OwnedPart, type FillLimits } from './owned-part.ts'
import { RecordFinder, type VerifyReads } from './record-finder.ts'
import { ZERO_COUNTERS } from './record-store.ts'
import type { CacheShare } from './share.ts'

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
  /** Absent where this worker owns nothing. */
  readonly #part: OwnedPart | undefined
  readonly #awaitedForgets = new Map<number, () => void>()
  #lastForget = 0

  constructor(options: CacheOptions) {
    const { share, worker, fetcher } = options
    this.#share = share
    this.#worker = worker
    this.#post = options.post
    this.#finder = new RecordFinder(share, worker, options.verifyReads ?? 'first')
    this.#generations = new Generations(share, this.#finder.hasher)
    const parts = { finder: this.#finder, generations: this.#generations }
    this.#part = worker < share.layout.owners ? new OwnedPart({ ...options, ...parts, owner: worker, fetcher }) : undefined
    this.#finder.onCorrupt = (owner, { lo, hi, location }) => {
      if (owner === worker) this.#part?.store.removeCorrupt({ lo, hi, location })
      else this.#post(owner, { kind: 'corrupt', lo, hi, location })
    }
  }

  /** The worker that stores, fills and forgets this object. */
  ownerOf(key: string): number {
    return this.#finder.ownerOf(key)
  }

  /** The head of an object, pinned, with the body of a small one; undefined where it is not here. Counts as a use. */
  lookupHead(key: string): CachedHead | undefined {
    const found = this.#finder.findHead(key, true)
    return found === undefined ? this.#part?.pendingHead(key) : new PinnedHead(this.#finder, found, key)
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
    return this.#ownPart(version.key).openReader(version, start, end, options)
  }

  /**
   * Forgets the object. What is on its way is read to the end by those who follow it, joined by nobody, and not stored.
   * `undefined`: done. Otherwise no worker finds the object any more when the promise is fulfilled; it never rejects.
   */
  invalidate(key: string): Promise<void> | undefined {
    this.#generations.advance(key)
    const owner = this.ownerOf(key)
    if (owner === this.#worker) {
      this.#part?.forget(key)
      return undefined
    }
    const id = ++this.#lastForget
    return new Promise((resolve) => {
      this.#awaitedForgets.set(id, resolve)
      this.#post(owner, { kind: 'invalidate', id, key })
    })
  }

  /** What another worker's cache posted to this one. */
  receive(from: number, message: CacheMessage): void {
    switch (message.kind) {
      case 'invalidate':
        this.#part?.forget(message.key)
        this.#post(from, { kind: 'invalidated', id: message.id })
        break
      case 'invalidated':
        this.#awaitedForgets.get(message.id)?.()
        this.#awaitedForgets.delete(message.id)
        break
      case 'corrupt':
        this.#part?.store.removeCorrupt(message)
        break
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
      foreignReaders: 0,
    }
  }

  /** Stops all fills; who waits for one is told. */
  async close(): Promise<void> {
    await this.#part?.close()
  }

  #ownPart(key: string): OwnedPart {
    assert(this.#part !== undefined && this.ownerOf(key) === this.#worker, 'objects are stored by their owner')
    return this.#part
  }
}

const NOTHING_HELD = { overflowBlocks: 0, flights: 0, fillsInProgress: 0 } as const
