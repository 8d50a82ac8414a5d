import type { Clock } from './base/clock.ts'
import type { Cache } from './cache/cache.ts'
import { shardPath } from './cache/disk/disk-directory.ts'
import type { DiskFiles } from './cache/disk/disk-files.ts'
import { DiskShard } from './cache/disk/disk-shard.ts'
import { EpochLog, type EpochLogShare } from './cache/disk/epoch-log.ts'
import { DirectoryCipher } from './cache/disk/record-cipher.ts'
import type { DirectoryFigures } from './cache/disk/shard-api.ts'
import type { PartShard } from './cache/disk-tier.ts'
import { diskKeyBytes } from './config/resolve-disk.ts'

/** What a worker needs to know of the disk cache: plain values and shared memory. */
export interface WorkerDiskStart {
  readonly directory: string
  readonly figures: DirectoryFigures
  /** Of all shards together. */
  readonly indexBytesMax: number
  readonly key: string | undefined
  readonly uuid: string
  readonly isUnproven: boolean
  /** One word: 1 while the directory is this process's. */
  readonly flags: SharedArrayBuffer
  readonly epochLog: EpochLogShare
}

export interface WorkerDiskParts {
  readonly files: DiskFiles
  /** What has to be closed after everything that reads. */
  readonly reader?: { close(): Promise<void> } | undefined
  readonly clock: Clock
  readonly random: () => number
  /** This worker's number, and how many of the workers own parts. */
  readonly worker: number
  readonly owners: number
  /** Called when an invalidation is known to this process alone. */
  readonly onUnwritten: () => void
  /** Told of a shard that could not be opened: its part has no disk. */
  readonly onFault: (what: string, error: unknown) => void
  readonly readTook: (tookMs: number) => void
  /** Median wait for an origin's answer, lately; undefined while nothing is known. */
  readonly originMedianMs: () => number | undefined
}

const TICK_MS = 1_000

/** A disk below this helps whatever the origin does: its bytes cost nothing, and on a busy machine reads wait for threads as long as that. */
const SLOW_MS_MIN = 100

/** One worker's part of the disk cache: the shards of what it owns, and the clock that they run by. */
export class WorkerDisk {
  /** Parts of the key space that have no disk because theirs could not be opened. */
  unusableShards = 0
  readonly #start: WorkerDiskStart
  readonly #parts: WorkerDiskParts
  readonly #epochLog: EpochLog
  #timer: NodeJS.Timeout | undefined

  constructor(start: WorkerDiskStart, parts: WorkerDiskParts) {
    this.#start = start
    this.#parts = parts
    this.#epochLog = new EpochLog(parts.files, start.epochLog)
  }

  get capBytes(): number {
    return this.#start.figures.capBytes
  }

  /** Puts this worker's shards below its cache. Never rejects. */
  async attach(cache: Cache): Promise<void> {
    const { worker, owners } = this.#parts
    const parts: number[] = []
    for (let part = worker; worker < owners && part < this.#start.figures.geometry.shards; part += owners) parts.push(part)
    const shards = await Promise.all(parts.map(async (part) => this.#open(part)))
    cache.disk?.attach(shards.filter((shard) => shard !== undefined))
    this.#timer = setInterval(() => void this.#tick(cache), TICK_MS)
  }

  /** Keeps an epoch across restarts, or sees to it that nothing on disk is believed then. Never rejects. */
  readonly keepEpoch = async (place: number, epoch: number): Promise<void> => {
    try {
      await this.#epochLog.append(place, epoch)
    } catch (error) {
      this.#parts.onFault('a forgotten bucket could not be noted on disk', error)
      this.#parts.onUnwritten()
    }
  }

  /** To be called before the cache is closed, which closes the shards. */
  stop(): void {
    clearInterval(this.#timer)
  }

  async close(): Promise<void> {
    await this.#epochLog.close().catch(() => undefined)
    await this.#parts.reader?.close()
  }

  async #tick(cache: Cache): Promise<void> {
    const medianMs = this.#parts.originMedianMs()
    const { disk } = cache
    if (disk === undefined) return
    disk.slowAboveMs = medianMs === undefined ? Infinity : Math.max(SLOW_MS_MIN, medianMs)
    await disk.tick()
  }

  async #open(part: number): Promise<PartShard | undefined> {
    const { directory, figures, key, uuid, flags, indexBytesMax, isUnproven } = this.#start
    const { files, clock, random, onUnwritten, readTook } = this.#parts
    const ours = new Int32Array(flags)
    try {
      const shard = await DiskShard.open({
        ...figures,
        files,
        clock,
        random,
        onUnwritten,
        readTook,
        directory: shardPath(directory, part),
        shard: part,
        indexBytesMax: Math.floor(indexBytesMax / figures.geometry.shards),
        cipher: key === undefined ? undefined : new DirectoryCipher(diskKeyBytes(key), uuid),
        unproven: isUnproven,
        isOurs: async () => Atomics.load(ours, 0) === 1,
      })
      return { part, shard }
    } catch (error) {
      this.unusableShards++
      this.#parts.onFault(`shard ${part} of the disk cache could not be opened`, error)
      return undefined
    }
  }
}
