import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock, type Clock } from '../../../base/clock.ts'
import { seededRandom } from '../../../base/random.ts'
import { nodeDiskFiles, type DiskFiles } from '../disk-files.ts'
import { DiskDirectory, shardPath, type DirectoryOptions } from '../disk-directory.ts'
import { DiskShard } from '../disk-shard.ts'
import type { DiskRecord } from '../disk-record.ts'
import type { ProcessIdentity, Processes } from '../process-identity.ts'

const MiB = 1024 * 1024

/** For tests: a cap for the smallest geometry with one shard. */
export const SMALL_CAP_BYTES = 24 * MiB

/** For tests: processes that live until they are said to be dead. */
export class ScriptedProcesses implements Processes {
  readonly dead = new Set<number>()
  readonly #self: ProcessIdentity

  constructor(pid: number, bootId = 'boot-1', host = 'host') {
    this.#self = { pid, bootId, host, startTicks: String(pid), pidNamespace: 'ns' }
  }

  async self(): Promise<ProcessIdentity> {
    return this.#self
  }

  async liveness(of: ProcessIdentity): Promise<'alive' | 'dead' | 'unknown'> {
    if (of.bootId !== this.#self.bootId || of.host !== this.#self.host) return 'unknown'
    return of.pid === this.#self.pid && !this.dead.has(of.pid) ? 'alive' : 'dead'
  }
}

/** For tests: a directory of one's own, removed afterwards. */
export async function withDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const parent = await mkdtemp(join(tmpdir(), 'hotbucket-disk-'))
  try {
    return await run(join(parent, 'cache'))
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}

export interface SessionOptions {
  readonly files?: DiskFiles
  readonly capBytes?: number
  readonly dailyWriteBytes?: number
  readonly reserveFreeBytes?: number
  readonly indexBytesMax?: number
  readonly key?: Uint8Array
  readonly clock?: Clock
  readonly pid?: number
  readonly bootId?: string
  readonly seed?: number
}

/** For tests: one process's use of a directory with one shard. */
export interface DiskSession {
  readonly directory: DiskDirectory
  readonly shard: DiskShard
  /** Ends it as a process that was told to end does. */
  readonly close: () => Promise<void>
}

let nextPid = 1000

/** For tests: opens directory and shard as a process of its own would; whoever held it before counts as dead. */
export async function openSession(path: string, options: SessionOptions = {}): Promise<DiskSession> {
  const { files = nodeDiskFiles, capBytes = SMALL_CAP_BYTES, clock = new ManualClock(1_700_000_000_000) } = options
  const random = seededRandom(options.seed ?? nextPid)
  const directoryOptions: DirectoryOptions = {
    files,
    directory: path,
    capBytes,
    shards: 1,
    key: options.key,
    processes: new ScriptedProcesses(options.pid ?? nextPid++, options.bootId),
    clock,
    random,
    sightings: new Map(),
  }
  const opened = await DiskDirectory.open(directoryOptions)
  if (opened.kind !== 'open') throw new Error(opened.why)
  const { directory } = opened
  const shard = await DiskShard.open({
    files,
    directory: shardPath(path, 0),
    shard: 0,
    geometry: directory.geometry,
    capBytes,
    reserveFreeBytes: options.reserveFreeBytes ?? 0,
    indexBytesMax: options.indexBytesMax ?? 16 * MiB,
    dailyWriteBytes: options.dailyWriteBytes ?? 1e15,
    checksumSeed: directory.checksumSeed,
    nameSeed: directory.nameSeed,
    cipher: directory.cipher(),
    unproven: directory.isUnproven,
    clock,
    random,
    isOurs: async () => directory.isOurs(),
    onUnwritten: () => void directory.spoil(),
  })
  return {
    directory,
    shard,
    close: async () => directory.close(await shard.close()),
  }
}

/** For tests: a body that follows from its seed, so that a foreign byte shows. Cheap: whole caches are compared with it. */
export function bodyOf(seed: number, bytes: number): Buffer {
  const words = new Int32Array(Math.ceil(bytes / 4))
  let mixed = Math.imul(seed + 1, 0x9e3779b1)
  for (let i = 0; i < words.length; i++) {
    mixed = (Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) + 0x7f4a7c15) | 0
    words[i] = mixed
  }
  return Buffer.from(words.buffer, 0, bytes)
}

/** For tests: a head with its whole body. */
export function headRecord(key: string, etag: string, body: Uint8Array, validatedAtMs = 1000): DiskRecord {
  return { key, etag, sizeBytes: body.length, blockNo: undefined, meta: `x-meta: ${key}\r\n`, validatedAtMs, body }
}

/** For tests: what the shard has for a key. */
export async function readHeadOf(shard: DiskShard, key: string): Promise<(DiskRecord & { readonly proven: boolean }) | undefined> {
  const hash = shard.reader.headHash(key)
  const found = hash === undefined ? undefined : shard.reader.find(hash, true)
  if (found === undefined) return undefined
  try {
    return await shard.reader.readHead(found, key)
  } finally {
    shard.reader.release(found)
  }
}
