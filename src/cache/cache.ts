import type { ByteSource } from '../base/byte-source.ts'
import type { CachedHead, CacheLimits, CacheStats, FetchRange, HeadInfo, ObjectVersion, VersionReader } from './api.ts'
import { BLOCK_BYTES } from './block.ts'
import { ByteBudget } from './byte-budget.ts'
import { PinnedHead } from './cached-head.ts'
import type { FillContext } from './fill-context.ts'
import { FillRoom } from './fill-room.ts'
import { FillRun } from './fill-run.ts'
import { Generations } from './generations.ts'
import { layoutFor, type CacheLayout } from './layout.ts'
import { etagIs, isVersionOf, setValidatedAt, validatedAtOf } from './record.ts'
import { RecordStore, type VerifyReads } from './record-store.ts'
import { fitsOneRecord } from './whole-object.ts'
import { FETCH_RUN_BYTES } from './run.ts'
import { RunTable } from './run-table.ts'
import { S3Fifo } from './s3-fifo.ts'
import { RangeReader } from './version-reader.ts'

const ABANDONED_BYTES_MAX = 64 * 1024 * 1024
const OVERFLOW_BYTES_MAX = 16 * 1024 * 1024

export interface CacheOptions extends CacheLimits {
  /** Longest origin request for missing blocks. */
  readonly fetchRunBytes?: number
  /** What may still arrive of runs that nobody reads any more, all together. */
  readonly abandonedBytesMax?: number
  /** Memory outside the arena for blocks that arrive while all of it is pinned. */
  readonly overflowBytesMax?: number
  /** Seeds the hashes. */
  readonly random?: () => number
  readonly verifyReads?: VerifyReads
}

/** An origin's answer that carries bytes [start, end) of a version. */
export interface AdoptedRun {
  readonly info: HeadInfo
  readonly start: number
  readonly end: number
  readonly body: ByteSource
  /** `Cache.generation(key)` from before the origin was asked. */
  readonly generation: number
  readonly fetch: FetchRange
}

export interface ReadOptions {
  readonly fetch: FetchRange
  /** `Cache.generation(key)` from before the version was looked up or asked for. */
  readonly generation: number
  /** The caller's own request was adopted: its pieces count as "origin". */
  readonly own?: boolean
}

/** The memory cache: heads and blocks of object versions, filled once for all who read them. */
export class Cache {
  readonly #layout: CacheLayout
  readonly #store: RecordStore
  readonly #generations: Generations
  readonly #runs: RunTable
  readonly #room: FillRoom
  readonly #context: FillContext
  #closed = false

  constructor(options: CacheOptions) {
    const random = options.random ?? Math.random
    this.#layout = layoutFor(options.memoryBytes)
    this.#store = new RecordStore(this.#layout, new S3Fifo(this.#layout), { random, verifyReads: options.verifyReads ?? 'first' })
    this.#generations = new Generations(this.#layout, random)
    this.#runs = new RunTable(this.#generations)
    this.#room = new FillRoom(this.#store, options.overflowBytesMax ?? OVERFLOW_BYTES_MAX)
    this.#context = {
      store: this.#store,
      room: this.#room,
      generations: this.#generations,
      runs: this.#runs,
      abandoned: new ByteBudget(options.abandonedBytesMax ?? ABANDONED_BYTES_MAX),
      fetchRunBytes: Math.max(BLOCK_BYTES, options.fetchRunBytes ?? FETCH_RUN_BYTES),
    }
  }

  /** The head of an object, pinned, with the body of a small one; undefined where it is not here. Counts as a use. */
  lookupHead(key: string): CachedHead | undefined {
    const found = this.#store.findHead(key, true)
    return found === undefined ? this.#runs.pendingHead(key) : new PinnedHead(this.#store, found, key)
  }

  /** Take it before asking the origin: what was asked under an older one is not stored. */
  generation(key: string): number {
    return this.#generations.of(key)
  }

  /** The origin confirmed this version at `validatedAtMs`. False where its head is not here any more. */
  confirm(key: string, etag: string, validatedAtMs: number): boolean {
    const found = this.#store.findHead(key, false)
    if (found === undefined) return this.#runs.confirmPending(key, etag, validatedAtMs)
    const { view, offset, segment } = found
    const same = etagIs(view, offset, etag)
    if (same) setValidatedAt(view, offset, Math.max(validatedAtMs, validatedAtOf(view, offset)))
    this.#store.unpin(segment)
    return same
  }

  /** Stores a head learned without its body. False where it was not stored: outdated by an invalidation or a later answer, or no room. */
  putHead(info: HeadInfo, generation: number): boolean {
    return !this.#closed && generation === this.#generations.of(info.key) && this.#store.putHead(info)
  }

  /**
   * Takes over the body of an origin's answer. Its blocks are in flight from now on, its head is known; the body is read in
   * the background. `fetch` brings the part of the first block that the answer does not carry, and the rest if it breaks off.
   */
  adopt(run: AdoptedRun): void {
    const { info, start, end, body, generation, fetch } = run
    if (this.#closed || (start >= end && info.sizeBytes > 0)) {
      body.cancel(new Error('nothing to store'))
      this.putHead(info, generation)
      return
    }
    if (!fitsOneRecord(info)) this.putHead(info, generation)
    else if (generation === this.#generations.of(info.key)) this.#dropOlderVersion(info)
    void new FillRun(this.#context, { version: info, start, end, generation, fetch, adopted: { info, body } })
  }

  /** Reads bytes [start, end) of a version. */
  openReader(version: ObjectVersion, start: number, end: number, options: ReadOptions): VersionReader {
    const { fetch, generation, own } = options
    return new RangeReader(this.#context, {
      version: { key: version.key, etag: version.etag, sizeBytes: version.sizeBytes },
      start,
      end: Math.min(end, version.sizeBytes),
      fetch: this.#closed ? refuseFetch : fetch,
      generation,
      own: own === true,
    })
  }

  /** Forgets the object. What is on its way is read to the end by those who follow it, joined by nobody, and not stored. */
  invalidate(key: string): void {
    this.#generations.advance(key)
    this.#store.removeHead(key)
    this.#runs.invalidated(key)
  }

  stats(): CacheStats {
    const { counters, arena } = this.#store
    return {
      memoryBytes: this.#layout.memoryBytes,
      ...counters,
      segments: this.#layout.segmentCount,
      pins: arena.pinCount() + this.#room.overflowBlocks,
      flights: this.#runs.blocksInFlight(),
      fillsInProgress: this.#runs.runsInFlight(),
      indexBytes: this.#layout.indexBytes,
    }
  }

  /** Stops all fills; who waits for one is told. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#runs.abortAll(new Error('the cache was closed')))
  }

  /** A small object's new head stands in the index only when its body is there: until then no older one may be found. */
  #dropOlderVersion(info: HeadInfo): void {
    const found = this.#store.findHead(info.key, false)
    if (found === undefined) return
    const older = !isVersionOf(found.view, found.offset, info) && validatedAtOf(found.view, found.offset) <= info.validatedAtMs
    this.#store.unpin(found.segment)
    if (older) this.#store.removeHead(info.key)
  }
}

const refuseFetch: FetchRange = async () => {
  throw new Error('the cache was closed')
}
