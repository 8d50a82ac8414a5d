import type { Clock } from '../base/clock.ts'
import type { AdoptedRun, CachedHead, FetchAsk, FetchRange, HeadInfo, ObjectVersion, ReadOptions, VersionReader } from './api.ts'
import { BLOCK_BYTES } from './block.ts'
import { ByteBudget } from './byte-budget.ts'
import { DiskTier } from './disk-tier.ts'
import type { FillContext } from './fill-context.ts'
import { FillRoom } from './fill-room.ts'
import { FillRun } from './fill-run.ts'
import type { Generations } from './generations.ts'
import { isVersionOf, validatedAtOf } from './record.ts'
import type { RecordFinder } from './record-finder.ts'
import { ServedReads } from './served-reads.ts'
import type { SegmentPool } from './segment-pool.ts'
import { YieldQuestion } from './yield-question.ts'
import type { CacheMessage } from './message.ts'
import type { ErrorCodec } from './foreign-error.ts'
import { RecordStore, type StoreCounters } from './record-store.ts'
import { FETCH_RUN_BYTES } from './run.ts'
import { RunTable } from './run-table.ts'
import { S3Fifo } from './s3-fifo.ts'
import { SequentialReads } from './sequential-reads.ts'
import type { CacheShare } from './share.ts'
import { RangeReader } from './version-reader.ts'
import { fitsOneRecord } from './whole-object.ts'

const ABANDONED_BYTES_MAX = 64 * 1024 * 1024
const OVERFLOW_BYTES_MAX = 16 * 1024 * 1024
/** Longer than a reader of any use takes nothing; a request to the origin costs less than a connection that others wait for. */
const PAUSE_MS_MAX = 5000

/** Limits of all owners together. */
export interface FillLimits {
  /** Longest origin request for missing blocks. */
  readonly fetchRunBytes?: number
  /** A run whose readers take nothing for that long gives up its connection to the origin. */
  readonly pauseMsMax?: number
  /** What may still arrive of runs that nobody reads any more, all together. */
  readonly abandonedBytesMax?: number
  /** Memory outside the arena for blocks that arrive while all of it is pinned. */
  readonly overflowBytesMax?: number
}

export interface PartOptions extends FillLimits {
  readonly share: CacheShare
  readonly owner: number
  readonly finder: RecordFinder
  readonly generations: Generations
  readonly pool: SegmentPool
  readonly post: (worker: number, message: CacheMessage) => void
  readonly fetcher: (ask: FetchAsk) => FetchRange
  readonly errors: ErrorCodec
  readonly clock: Clock
}

/** What an owner alone does for its objects: fill, store, forget. */
export class OwnedPart {
  readonly store: RecordStore
  readonly served: ServedReads
  readonly disk: DiskTier
  readonly #sequences = new SequentialReads()
  readonly #question: YieldQuestion
  readonly #generations: Generations
  readonly #runs: RunTable
  readonly #room: FillRoom
  readonly #context: FillContext
  readonly #fetcher: (ask: FetchAsk) => FetchRange
  #closed = false

  constructor(options: PartOptions) {
    const { share, owner, finder, generations, pool, post, errors } = options
    const { owners } = share.layout
    this.store = new RecordStore(finder, { owner, pool, policy: new S3Fifo(share.layout) })
    this.disk = new DiskTier({ store: this.store, generations, clock: options.clock })
    this.served = new ServedReads({ arena: finder.arena, records: share.records, post, errors })
    this.#question = new YieldQuestion(pool, owner, (other) => post(other, { kind: 'yield' }))
    this.store.logs.onWanting = (mine) => this.#question.ask(mine)
    this.#generations = generations
    this.#fetcher = options.fetcher
    this.#runs = new RunTable(generations)
    const onWaiting = (waits: boolean): void => pool.setStarving(owner, waits)
    this.#room = new FillRoom(this.store, partOf(options.overflowBytesMax ?? OVERFLOW_BYTES_MAX, owners), onWaiting)
    this.#context = {
      store: this.store,
      room: this.#room,
      generations,
      runs: this.#runs,
      disk: this.disk,
      abandoned: new ByteBudget(partOf(options.abandonedBytesMax ?? ABANDONED_BYTES_MAX, owners)),
      fetchRunBytes: Math.max(BLOCK_BYTES, options.fetchRunBytes ?? FETCH_RUN_BYTES),
      pauseMsMax: options.pauseMsMax ?? PAUSE_MS_MAX,
    }
  }

  /** The head of an object that is being filled as one record. */
  pendingHead(key: string): CachedHead | undefined {
    return this.#runs.pendingHead(key)
  }

  putHead(info: HeadInfo, generation: number): boolean {
    if (this.#closed || generation !== this.#generations.of(info.key)) return false
    const body = this.disk.takeConfirmed(info)
    return this.store.putHead(info, body)
  }

  adopt(run: AdoptedRun): void {
    const { info, start, end, body, generation, ask } = run
    if (this.#closed || (start >= end && info.sizeBytes > 0)) {
      body.cancel(new Error('nothing to store'))
      this.putHead(info, generation)
      return
    }
    if (!fitsOneRecord(info)) this.putHead(info, generation)
    else if (generation === this.#generations.of(info.key)) this.#dropOlderVersion(info)
    void new FillRun(this.#context, { version: info, start, end, generation, fetch: this.#fetcher(ask), adopted: { info, body } })
  }

  openReader(version: ObjectVersion, start: number, end: number, options: ReadOptions): VersionReader {
    const { ask, generation, own } = options
    const object = this.disk.isAttached ? `${version.key}\0${version.etag}` : undefined
    const reader = new RangeReader(this.#context, {
      version: { key: version.key, etag: version.etag, sizeBytes: version.sizeBytes },
      start,
      end: Math.min(end, version.sizeBytes),
      fetch: this.#closed ? refuseFetch : this.#fetcher(ask),
      generation,
      own: own === true,
      ...(object === undefined ? {} : { onDiskRead: () => this.#sequences.missed(object, end) }),
    })
    const ahead = object === undefined ? undefined : this.#sequences.began(object, start, end)
    if (ahead !== undefined) reader.readAhead(ahead)
    return reader
  }

  /** Forgets an object whose generation was advanced. Undefined: done. Otherwise it is when the promise is fulfilled, whatever ends this process. */
  forget(key: string): Promise<void> | undefined {
    const forgotten = this.disk.remove(key)
    this.store.removeHead(key)
    this.#runs.invalidated(key)
    return forgotten
  }

  /** Something was unpinned somewhere, or given to the pool. */
  roomAgain(): void {
    this.#question.unpinned()
    this.#room.wakeAll()
  }

  /** The answer to this owner's question for a segment. */
  yielded(given: boolean): void {
    this.#question.answered(given)
    this.#room.wakeAll()
  }

  get counters(): StoreCounters {
    return this.store.counters
  }

  /** Gauges of held things. */
  held(): { readonly overflowBlocks: number; readonly flights: number; readonly fillsInProgress: number } {
    return {
      overflowBlocks: this.#room.overflowBlocks,
      flights: this.#runs.blocksInFlight(),
      fillsInProgress: this.#runs.runsInFlight() + this.disk.reading,
    }
  }

  /** False: something that was to be on disk is not, or would not survive a power cut. */
  async close(): Promise<boolean> {
    this.#closed = true
    await Promise.all(this.#runs.abortAll(new Error('the cache was closed')))
    return this.disk.close()
  }

  /** A small object's new head stands in the index only when its body is there: until then no older one may be found. */
  #dropOlderVersion(info: HeadInfo): void {
    const { finder } = this.store
    const found = finder.findHead(info.key, false)
    if (found === undefined) return
    const older = !isVersionOf(found.view, found.offset, info) && validatedAtOf(found.view, found.offset) <= info.validatedAtMs
    finder.unpin(found.segment)
    if (older) this.store.removeHead(info.key)
  }
}

/** One owner's part of a limit, but never too little for a block. */
function partOf(bytes: number, owners: number): number {
  return owners === 1 ? bytes : Math.max(BLOCK_BYTES, Math.floor(bytes / owners))
}

const refuseFetch: FetchRange = async () => {
  throw new Error('the cache was closed')
}
