import { dirname } from 'node:path'
import type { Clock } from './base/clock.ts'
import { formatByteSize } from './base/byte-size.ts'
import { LEASE_MS } from './cache/disk/directory-lock.ts'
import { DiskDirectory, type OpenedDirectory } from './cache/disk/disk-directory.ts'
import type { DiskFiles } from './cache/disk/disk-files.ts'
import { DISK_BYTES_MIN } from './cache/disk/disk-geometry.ts'
import { EpochLog, type Epochs } from './cache/disk/epoch-log.ts'
import type { Processes } from './cache/disk/process-identity.ts'
import { diskKeyBytes } from './config/resolve-disk.ts'
import type { DiskConfig } from './config/config.ts'
import type { WorkerDiskStart } from './worker-disk.ts'

/** A holder of which it cannot be said whether it lives is asked about until its lease is over for certain. */
const LOCK_WAIT_MS = LEASE_MS + 2_000
const LOCK_RETRY_MS = 500

/** How often the lock is looked after. */
const LOOK_EVERY_MS = 1_000

const DEFAULT_SHARE_OF_FREE = 0.5
const DEFAULT_RESERVE_SHARE = 0.05
const DEFAULT_RESERVE_BYTES_MAX = 10 * 1024 ** 3
const MIB = 1024 * 1024

/** What workers read of the directory's state: 1 while it is ours. */
const IS_OURS = 0

export interface DiskKeeperParts {
  readonly files: DiskFiles
  readonly processes: Processes
  readonly clock: Clock
  readonly random: () => number
}

/** The disk cache of this process, or why there is none now though one was asked for. */
export type OpenedDisk = { readonly kind: 'open'; readonly keeper: DiskKeeper } | { readonly kind: 'sick'; readonly why: string }

/** The supervisor's part of the disk cache: it holds the directory, and knows what its parts have in common. */
export class DiskKeeper {
  /** What workers are started with. */
  readonly start: WorkerDiskStart
  /** Epochs of earlier sessions. */
  readonly epochs: Epochs
  readonly #directory: DiskDirectory
  readonly #flags: Int32Array
  readonly #timer: NodeJS.Timeout
  #isSpoiled = false

  private constructor(directory: DiskDirectory, start: WorkerDiskStart, epochs: Epochs) {
    this.#directory = directory
    this.start = start
    this.epochs = epochs
    this.#flags = new Int32Array(start.flags)
    Atomics.store(this.#flags, IS_OURS, 1)
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  /** Rejects where the directory cannot be ours: it holds something else, another process has it, its key or its size is wrong. */
  static async open(config: DiskConfig, workers: number, parts: DiskKeeperParts): Promise<OpenedDisk> {
    const { files } = parts
    const limits = await limitsFor(config, files)
    if (limits.capBytes < DISK_BYTES_MIN) {
      throw new Error(
        `Cannot open disk cache "${config.directory}": ${formatByteSize(limits.capBytes)} are too little: wanted at least ${formatByteSize(DISK_BYTES_MIN)}; see disk.max`,
      )
    }
    const key = config.key === undefined ? undefined : diskKeyBytes(config.key)
    const options = { ...parts, directory: config.directory, capBytes: limits.capBytes, shards: workers, key, sightings: new Map() }
    const opened = await openPatiently(async () => DiskDirectory.open(options), parts.clock)
    if (opened.kind === 'sick') return opened
    if (opened.kind !== 'open') throw new Error(opened.why)
    const { directory } = opened
    try {
      return { kind: 'open', keeper: await DiskKeeper.#adopt(directory, { config, limits, files }) }
    } catch (error) {
      await directory.close(false)
      return {
        kind: 'sick',
        why: `Cannot open disk cache "${config.directory}": ${error instanceof Error ? error.message : String(error)}`,
      }
    }
  }

  static async #adopt(
    directory: DiskDirectory,
    by: { readonly config: DiskConfig; readonly limits: Limits; readonly files: DiskFiles },
  ): Promise<DiskKeeper> {
    const { config, limits, files } = by
    const found = await EpochLog.read(files, directory.path, directory.checksumSeed)
    const log = await EpochLog.begin(files, directory.path, { epochs: found.epochs, seed: directory.checksumSeed })
    // Without its epochs a directory that was used before may hold buckets that were forgotten.
    const isUnproven = directory.isUnproven || (!found.complete && directory.lastSession !== 'none')
    const start: WorkerDiskStart = {
      directory: directory.path,
      figures: {
        ...limits,
        geometry: directory.geometry,
        dailyWriteBytes: config.dailyWriteBytes ?? limits.capBytes,
        checksumSeed: directory.checksumSeed,
        nameSeed: directory.nameSeed,
      },
      indexBytesMax: config.indexBytes,
      key: config.key,
      uuid: directory.superblock.uuid,
      isUnproven,
      flags: new SharedArrayBuffer(4),
      epochLog: log.share,
    }
    return new DiskKeeper(directory, start, found.epochs)
  }

  /** An invalidation could not be written: if this process ended now, nothing on disk would be proven. */
  async spoil(): Promise<void> {
    this.#isSpoiled = true
    await this.#directory.spoil()
  }

  /** Ends the session. `sound`: all shards are closed, and all that they wrote is synced. */
  async close(sound: boolean): Promise<void> {
    clearInterval(this.#timer)
    await this.#directory.close(sound && !this.#isSpoiled)
  }

  /** Leaves everything as a process does that is killed: what was written is there, and nobody said that this is all. */
  abandon(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    Atomics.store(this.#flags, IS_OURS, (await this.#directory.isOurs()) ? 1 : 0)
  }
}

interface Limits {
  readonly capBytes: number
  readonly reserveFreeBytes: number
}

async function limitsFor({ directory, maxBytes, reserveBytes }: DiskConfig, files: DiskFiles): Promise<Limits> {
  const space = await files.space(directory).catch(async () => files.space(dirname(directory)).catch(() => undefined))
  const { totalBytes = 0, availableBytes = 0 } = space ?? {}
  const ownBytes = maxBytes === undefined ? await allocatedBytes(files, directory) : 0
  const capBytes = maxBytes ?? Math.floor(((availableBytes + ownBytes) * DEFAULT_SHARE_OF_FREE) / MIB) * MIB
  const reserveFreeBytes = reserveBytes ?? Math.min(DEFAULT_RESERVE_BYTES_MAX, Math.floor(totalBytes * DEFAULT_RESERVE_SHARE))
  return { capBytes, reserveFreeBytes }
}

/** Of a directory and the directories in it; what cannot be read counts nothing. */
async function allocatedBytes(files: DiskFiles, directory: string, depth = 1): Promise<number> {
  let sum = 0
  for (const name of await files.list(directory).catch(() => [])) {
    const path = `${directory}/${name}`
    sum += (await files.facts(path).catch(() => undefined))?.allocatedBytes ?? 0
    if (depth > 0) sum += await allocatedBytes(files, path, depth - 1)
  }
  return sum
}

/** Asks again while it cannot be said whether whoever holds the directory lives. */
async function openPatiently(open: () => Promise<OpenedDirectory>, clock: Clock): Promise<OpenedDirectory> {
  const untilMs = clock.monotonicMs() + LOCK_WAIT_MS
  for (;;) {
    const opened = await open()
    if (opened.kind !== 'waiting' || clock.monotonicMs() >= untilMs) return opened
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS))
  }
}
