import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { formatByteSize } from '../../base/byte-size.ts'
import { drawHash, type NameHash } from '../name-hash.ts'
import { DirectoryLock, isLockName, type LastSession, type LockParts } from './directory-lock.ts'
import { codeOf, type DiskFiles } from './disk-files.ts'
import { DISK_BYTES_MIN, diskBytesFor, geometryFor, type DiskGeometry } from './disk-geometry.ts'
import { EPOCH_FILE_NAMES } from './epoch-log.ts'
import type { ProcessIdentity, Processes } from './process-identity.ts'
import { DirectoryCipher } from './record-cipher.ts'
import { checksumSeedOf, readSuperblock, superblockPath, writeSuperblock, type Superblock } from './superblock.ts'

export interface DirectoryOptions {
  readonly files: DiskFiles
  readonly directory: string
  /** What all files in it may take, as the file system counts. */
  readonly capBytes: number
  /** For a new directory. One that is there keeps what it was made with. */
  readonly shards: number
  /** 32 bytes: encryption at rest. */
  readonly key: Uint8Array | undefined
  readonly processes: Processes
  readonly clock: Clock
  readonly random: () => number
  readonly sightings: LockParts['sightings']
}

/** A directory that is ours now, or what stands in the way. `waiting`: nothing yet, ask again. `sick`: the disk does not do what it is asked. */
export type OpenedDirectory =
  | { readonly kind: 'open'; readonly directory: DiskDirectory }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'sick'; readonly why: string }

/** What a disk says that is sick: another start may find it well. */
const SICK_CODES: ReadonlySet<string> = new Set(['EIO', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENODEV', 'ENXIO', 'ESTALE', 'ENOTCONN'])

/** What file systems and people leave in an empty directory. */
const HARMLESS_NAMES: ReadonlySet<string> = new Set(['lost+found'])

const SHARD_NAME = /^shard-\d{2,4}$/

export function shardPath(directory: string, shard: number): string {
  return join(directory, `shard-${String(shard).padStart(2, '0')}`)
}

/** The directory of a disk cache, held by this process: its superblock, its lock, and what its shards have in common. */
export class DiskDirectory {
  readonly path: string
  readonly superblock: Superblock
  readonly lastSession: LastSession
  readonly nameSeed: NameHash
  readonly #options: DirectoryOptions
  readonly #lock: DirectoryLock
  /** Which file the superblock is. */
  readonly #identity: string

  private constructor(
    options: DirectoryOptions,
    lock: DirectoryLock,
    found: { superblock: Superblock; identity: string; last: LastSession },
  ) {
    this.path = options.directory
    this.superblock = found.superblock
    this.lastSession = found.last
    this.#options = options
    this.#lock = lock
    this.#identity = found.identity
    const nameSeed = found.superblock.nameSeed ?? this.cipher()?.nameSeed
    assert(nameSeed !== undefined, 'a seed stands in the superblock, or follows from the key')
    this.nameSeed = nameSeed
  }

  get geometry(): DiskGeometry {
    return this.superblock.geometry
  }

  get checksumSeed(): number {
    return checksumSeedOf(this.superblock)
  }

  /** An invalidation of the last session may be missing: no head from before is proven. */
  get isUnproven(): boolean {
    return this.lastSession === 'lost'
  }

  cipher(): DirectoryCipher | undefined {
    const { key } = this.#options
    return key === undefined ? undefined : new DirectoryCipher(key, this.superblock.uuid)
  }

  /** Opens a directory, making it where it is absent or empty. Rejects never: what is wrong is said. */
  static async open(options: DirectoryOptions): Promise<OpenedDirectory> {
    const { files, directory } = options
    try {
      await files.makeDirectory(directory).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error
      })
      const before = await readSuperblock(files, directory)
      const problem = before.kind === 'absent' ? await whyNotOurs(files, directory) : before.kind === 'refused' ? before.why : undefined
      const why = problem ?? (before.kind === 'found' ? whyUnfit(before.superblock, options) : whyTooSmall(options))
      if (why !== undefined) return { kind: 'refused', why: `Cannot open disk cache "${directory}": ${why}` }
      return await holdDirectory(options, async (lock, last) => {
        // Again: before the lock was ours, another process may have made it.
        const now = await readSuperblock(files, directory)
        const superblock = now.kind === 'found' ? now.superblock : newSuperblock(options)
        if (now.kind === 'absent') await writeSuperblock(files, directory, superblock)
        const { identity } = await files.facts(superblockPath(directory))
        return new DiskDirectory(options, lock, { superblock, identity, last })
      })
    } catch (error) {
      const why = `Cannot open disk cache "${directory}": ${messageOf(error)}`
      return { kind: SICK_CODES.has(codeOf(error)) ? 'sick' : 'refused', why }
    }
  }

  /** Says that this process lives. False: the directory is gone, another one stands in its place, or another process took it over. */
  async isOurs(): Promise<boolean> {
    try {
      if ((await this.#options.files.facts(superblockPath(this.path))).identity !== this.#identity) return false
      return await this.#lock.isHeld()
    } catch {
      return false
    }
  }

  /** An invalidation could not be written: if this process ended now, nothing here would be proven. */
  async spoil(): Promise<void> {
    await this.#lock.spoil().catch(() => undefined)
  }

  /** Ends the session. `sound`: all that it wrote is synced. */
  async close(sound: boolean): Promise<void> {
    await this.#lock.release(sound).catch(() => undefined)
  }
}

async function holdDirectory(
  options: DirectoryOptions,
  open: (lock: DirectoryLock, last: LastSession) => Promise<DiskDirectory>,
): Promise<OpenedDirectory> {
  const acquired = await DirectoryLock.acquire(options)
  if (acquired.kind === 'held') return { kind: 'open', directory: await open(acquired.lock, acquired.last) }
  const why = `Cannot open disk cache "${options.directory}": ${describeHolder(acquired.holder)} uses it`
  return acquired.kind === 'busy' ? { kind: 'refused', why } : { kind: 'waiting', why: `${why}, or did until it ended` }
}

export function describeHolder({ pid, host, startTicks }: ProcessIdentity): string {
  return `process ${pid} on ${host}${startTicks === undefined ? '' : ` (start time ${startTicks})`}`
}

/** Why a directory without a superblock is none that we may fill; undefined where it is empty, or was begun by us. */
async function whyNotOurs(files: DiskFiles, directory: string): Promise<string | undefined> {
  const isOurs = (name: string): boolean =>
    HARMLESS_NAMES.has(name) || EPOCH_FILE_NAMES.has(name) || isLockName(name) || SHARD_NAME.test(name) || name === 'superblock.new'
  const foreign = (await files.list(directory)).find((name) => !isOurs(name))
  return foreign === undefined ? undefined : `it holds "${foreign}", which is not of a disk cache: wanted an empty directory`
}

function whyUnfit(superblock: Superblock, { capBytes, key }: DirectoryOptions): string | undefined {
  const { encryption, uuid, geometry } = superblock
  if (key === undefined && encryption !== undefined) return 'it is encrypted: wanted its key'
  if (key !== undefined && encryption === undefined) return 'it is not encrypted: wanted no key, or an empty directory'
  if (key !== undefined && new DirectoryCipher(key, uuid).check !== encryption) return 'it is encrypted with another key'
  const least = diskBytesFor(geometry)
  return capBytes < least ? `${formatByteSize(capBytes)} are too little for it: wanted at least ${formatByteSize(least)}` : undefined
}

function whyTooSmall({ capBytes }: DirectoryOptions): string | undefined {
  return capBytes < DISK_BYTES_MIN
    ? `${formatByteSize(capBytes)} are too little: wanted at least ${formatByteSize(DISK_BYTES_MIN)}`
    : undefined
}

function newSuperblock({ capBytes, shards, key, random }: DirectoryOptions): Superblock {
  const uuid = randomUUID()
  return {
    uuid,
    geometry: geometryFor(capBytes, shards),
    nameSeed: key === undefined ? drawHash(random) : undefined,
    encryption: key === undefined ? undefined : new DirectoryCipher(key, uuid).check,
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
