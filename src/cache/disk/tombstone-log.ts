import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { NameHash } from '../name-hash.ts'
import { withFile, type DiskFiles } from './disk-files.ts'
import { TOMBSTONE_FILE_BYTES } from './disk-geometry.ts'

/** A point in the log of a shard: records before it are older. */
export interface LogPosition {
  readonly sequence: number
  /** Bytes from the segment's begin. */
  readonly offset: number
}

/** "What was stored under this name before `before` is no longer true", or, without a hash: no head from before is proven. */
export interface Tombstone {
  readonly hash: NameHash | undefined
  readonly before: LogPosition
}

export function isBefore(left: LogPosition, right: LogPosition): boolean {
  return left.sequence < right.sequence || (left.sequence === right.sequence && left.offset < right.offset)
}

/**
 * A tombstone file: a header of 32 bytes (magic, CRC-32, generation), then entries of 32 bytes (CRC-32, kind, hash, sequence,
 * offset) to the file's end: anything else there is damage. Of two files the one of the higher generation counts; a generation stands
 * in the file of its last bit, and is part of all its checksums.
 */
const ENTRY_BYTES = 32
const MAGIC = 0x31544248
const KIND_NAME = 1
const KIND_UNPROVEN = 2
const ENTRIES_MAX = TOMBSTONE_FILE_BYTES / ENTRY_BYTES - 1

/** A full file is written anew when this share of it would be free then; otherwise everything is declared unproven instead. */
const COMPACTION_GAIN_MIN = 0.25

interface Waiting {
  readonly tombstone: Tombstone
  readonly done: (failure: Error | undefined) => void
}

/** What a tombstone file holds; generation 0: nothing to go by. */
interface FoundFile {
  readonly generation: number
  readonly tombstones: readonly Tombstone[]
  /** Something else stands behind the last tombstone. */
  readonly isTorn: boolean
}

const NOTHING: FoundFile = { generation: 0, tombstones: [], isTorn: false }

/**
 * The invalidations of a shard, so that nothing rises from the dead with a restart. What `append` reported as written is in the
 * kernel's hands and survives the end of this process, however it ends. It is not synced: after a power cut the directory is
 * opened with everything unproven (`Tombstone` without a hash), which costs one question to the origin per object.
 */
export class TombstoneLog {
  readonly #files: DiskFiles
  readonly #paths: readonly [string, string]
  readonly #seed: number
  /** The oldest segment whose content is still on disk: tombstones for older ones have nothing left to kill. */
  readonly #oldestSequence: () => number
  #live: Tombstone[] = []
  #fds: [number, number] | undefined
  #generation = 0
  #count = 0
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined

  constructor(parts: {
    readonly files: DiskFiles
    readonly directory: string
    readonly seed: number
    readonly oldestSequence: () => number
  }) {
    this.#files = parts.files
    this.#paths = [join(parts.directory, 'tombstones.0'), join(parts.directory, 'tombstones.1')]
    this.#seed = parts.seed
    this.#oldestSequence = parts.oldestSequence
  }

  /** Reads what is there, and changes nothing. */
  static async inspect(parts: {
    readonly files: DiskFiles
    readonly directory: string
    readonly seed: number
  }): Promise<{ readonly count: number; readonly complete: boolean }> {
    const log = new TombstoneLog({ ...parts, oldestSequence: () => 0 })
    const read = async (parity: 0 | 1): Promise<FoundFile> =>
      withFile(parts.files, log.#paths[parity], 'read', async (fd) => log.#read(fd, parity)).catch(() => NOTHING)
    const current = newer(await read(0), await read(1))
    return { count: current.tombstones.length, complete: current.generation > 0 && !current.isTorn }
  }

  get entries(): number {
    return this.#count
  }

  /** Reads what is there; files that are absent are made. `complete`: none can be missing. */
  async open(): Promise<{ readonly tombstones: readonly Tombstone[]; readonly complete: boolean }> {
    const [first, second] = this.#paths
    this.#fds = [await this.#files.open(first, 'create'), await this.#files.open(second, 'create')]
    const current = newer(await this.#read(this.#fds[0], 0), await this.#read(this.#fds[1], 1))
    this.#generation = current.generation
    this.#live = [...current.tombstones]
    this.#count = current.tombstones.length
    const complete = current.generation > 0 && !current.isTorn
    // What is appended behind damage could not be read again: go on in the other file.
    if (!complete) await this.#rewrite()
    return { tombstones: this.#live, complete }
  }

  /** Resolves to undefined when it will survive the end of this process, else to what prevented that. */
  async append(tombstone: Tombstone): Promise<Error | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push({ tombstone, done: resolve })
      this.#writing ??= this.#writeWaiting().finally(() => {
        this.#writing = undefined
      })
    })
  }

  async sync(): Promise<void> {
    for (const fd of this.#fds ?? []) await this.#files.sync(fd)
  }

  async close(): Promise<void> {
    await this.#writing
    const fds = this.#fds ?? []
    this.#fds = undefined
    for (const fd of fds) await this.#files.close(fd).catch(() => undefined)
  }

  /** All that wait go into one write. */
  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn later: what is invalidated in one turn is written together.
      await Promise.resolve()
      const batch = this.#waiting.splice(0)
      const failure = await this.#write(batch.map(({ tombstone }) => tombstone)).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      )
      for (const { done } of batch) done(failure)
    }
  }

  async #write(tombstones: readonly Tombstone[]): Promise<void> {
    const fd = this.#fds?.[this.#generation % 2]
    if (fd === undefined) throw new Error('the tombstone log is not open')
    if (this.#count + tombstones.length > ENTRIES_MAX) {
      this.#live.push(...tombstones)
      await this.#rewrite()
      return
    }
    const bytes = Buffer.alloc(tombstones.length * ENTRY_BYTES)
    for (const [i, tombstone] of tombstones.entries())
      this.#encode(bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES), tombstone, this.#generation)
    await this.#files.write(fd, bytes, (this.#count + 1) * ENTRY_BYTES)
    this.#live.push(...tombstones)
    this.#count += tombstones.length
  }

  /** Writes what still matters to the other file; its header last, which makes it the one that counts. */
  async #rewrite(): Promise<void> {
    const oldest = this.#oldestSequence()
    const kept = this.#live.filter(({ before }) => before.sequence >= oldest)
    const live = kept.length <= ENTRIES_MAX * (1 - COMPACTION_GAIN_MIN) ? kept : [unprovenAfter(kept)]
    const generation = this.#generation + 1
    const fd = this.#fds?.[generation % 2]
    if (fd === undefined) throw new Error('the tombstone log is not open')
    const bytes = Buffer.alloc((live.length + 1) * ENTRY_BYTES)
    for (const [i, tombstone] of live.entries())
      this.#encode(bytes.subarray((i + 1) * ENTRY_BYTES, (i + 2) * ENTRY_BYTES), tombstone, generation)
    await this.#files.setLength(fd, 0)
    await this.#files.write(fd, bytes, 0)
    bytes.writeUInt32LE(MAGIC, 0)
    bytes.writeUInt32LE(generation, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(8, ENTRY_BYTES), this.#seed), 4)
    await this.#files.write(fd, bytes.subarray(0, ENTRY_BYTES), 0)
    this.#generation = generation
    this.#live = live
    this.#count = live.length
  }

  async #read(fd: number, parity: 0 | 1): Promise<FoundFile> {
    // What is longer was not written by us; that shows in its last bytes.
    const lengthBytes = Math.min(TOMBSTONE_FILE_BYTES, (await this.#files.facts(this.#paths[parity])).sizeBytes)
    const bytes = Buffer.alloc(Math.max(ENTRY_BYTES, lengthBytes))
    const length = lengthBytes === 0 ? 0 : await this.#files.read(fd, [bytes], 0)
    const isHeader = bytes.readUInt32LE(0) === MAGIC && crc32(bytes.subarray(8, ENTRY_BYTES), this.#seed) === bytes.readUInt32LE(4)
    if (!isHeader) return NOTHING
    const generation = bytes.readUInt32LE(8)
    if (generation % 2 !== parity) return NOTHING
    const tombstones: Tombstone[] = []
    let at = ENTRY_BYTES
    for (; at + ENTRY_BYTES <= length; at += ENTRY_BYTES) {
      const tombstone = this.#decode(bytes.subarray(at, at + ENTRY_BYTES), generation)
      if (tombstone === undefined) break
      tombstones.push(tombstone)
    }
    return { generation, tombstones, isTorn: at < length }
  }

  #encode(target: Buffer, { hash, before }: Tombstone, generation: number): void {
    target.writeUInt32LE(hash === undefined ? KIND_UNPROVEN : KIND_NAME, 4)
    target.writeInt32LE(hash?.lo ?? 0, 8)
    target.writeInt32LE(hash?.hi ?? 0, 12)
    target.writeUInt32LE(before.sequence, 16)
    target.writeUInt32LE(before.offset, 20)
    target.writeUInt32LE(this.#checksum(target, generation), 0)
  }

  #decode(bytes: Buffer, generation: number): Tombstone | undefined {
    if (this.#checksum(bytes, generation) !== bytes.readUInt32LE(0)) return undefined
    const before = { sequence: bytes.readUInt32LE(16), offset: bytes.readUInt32LE(20) }
    const kind = bytes.readUInt32LE(4)
    if (kind === KIND_UNPROVEN) return { hash: undefined, before }
    return kind === KIND_NAME ? { hash: { lo: bytes.readInt32LE(8), hi: bytes.readInt32LE(12) }, before } : undefined
  }

  #checksum(entry: Buffer, generation: number): number {
    return crc32(entry.subarray(4), (this.#seed ^ generation) >>> 0)
  }
}

function newer(left: FoundFile, right: FoundFile): FoundFile {
  return right.generation > left.generation ? right : left
}

/** One tombstone that says less than all of these and is true if they are: nothing before the last of them is proven. */
function unprovenAfter(tombstones: readonly Tombstone[]): Tombstone {
  const last = tombstones.reduce((latest, { before }) => (isBefore(latest, before) ? before : latest), { sequence: 0, offset: 0 })
  return { hash: undefined, before: { sequence: last.sequence + 1, offset: 0 } }
}
