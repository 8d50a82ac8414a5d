import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncPath, withFile, type DiskFiles } from './disk-files.ts'

/** One number: CRC-32 of what follows, place, value, 0. */
const ENTRY_BYTES = 16

/** Of a file as it is at the start, and of what a session may add to it. */
const KEPT_MAX = 16_384
const ADDED_MAX = 8_192

/** Both files together, while one is made anew. */
export const EPOCH_FILES_BYTES = (2 * KEPT_MAX + ADDED_MAX) * ENTRY_BYTES

export const EPOCH_FILE_NAMES: ReadonlySet<string> = new Set(['epochs', 'epochs.new'])

/** Numbers that only grow, each with its place in some table. */
export type Epochs = ReadonlyMap<number, number>

/** What a file of epochs tells. `complete`: none of them is missing. */
export interface FoundEpochs {
  readonly epochs: Epochs
  readonly complete: boolean
}

/** What threads need to add to the file: plain values and shared memory. */
export interface EpochLogShare {
  readonly path: string
  readonly seed: number
  /** One word: how many entries have their place in the file. */
  readonly count: SharedArrayBuffer
}

/**
 * Numbers that only grow and must never be taken back by a restart: names under which records are on disk contain them. A file that
 * any thread appends to; of each place the highest number counts. Written, not synced: after a power cut nothing on disk is proven
 * anyway.
 */
export class EpochLog {
  readonly share: EpochLogShare
  readonly #files: DiskFiles
  #fd: Promise<number> | undefined

  constructor(files: DiskFiles, share: EpochLogShare) {
    this.#files = files
    this.share = share
  }

  /** Reads what is there. Rejects where that cannot be read. */
  static async read(files: DiskFiles, directory: string, seed: number): Promise<FoundEpochs> {
    const path = join(directory, 'epochs')
    const isThere = (await files.list(directory)).includes('epochs')
    if (!isThere) return { epochs: new Map(), complete: false }
    const bytes = Buffer.alloc((KEPT_MAX + ADDED_MAX) * ENTRY_BYTES)
    const length = await withFile(files, path, 'read', async (fd) => files.read(fd, [bytes], 0))
    const epochs = new Map<number, number>()
    let complete = length > 0 && length % ENTRY_BYTES === 0
    for (let at = 0; at + ENTRY_BYTES <= length; at += ENTRY_BYTES) {
      const entry = bytes.subarray(at, at + ENTRY_BYTES)
      // A place that was taken and never written: nobody was told that it was.
      if (entry.every((byte) => byte === 0)) continue
      if (crc32(entry.subarray(4), seed) !== entry.readUInt32LE(0)) {
        complete = false
        continue
      }
      const place = entry.readUInt32LE(4)
      epochs.set(place, Math.max(epochs.get(place) ?? 0, entry.readUInt32LE(8)))
    }
    return { epochs, complete }
  }

  /** Begins a session: a file that holds these numbers and nothing else. Rejects where it cannot be made. */
  static async begin(files: DiskFiles, directory: string, from: { readonly epochs: Epochs; readonly seed: number }): Promise<EpochLog> {
    const path = join(directory, 'epochs')
    // The first one says that the file is whole even where there is no other.
    const kept: [number, number][] = [[0, from.epochs.get(0) ?? 0], ...[...from.epochs].filter(([place]) => place !== 0)]
    const bytes = Buffer.concat(kept.map(([place, value]) => encode(place, value, from.seed)))
    await withFile(files, `${path}.new`, 'create', async (fd) => {
      await files.setLength(fd, 0)
      await files.write(fd, bytes, 0)
      await files.sync(fd)
    })
    await files.rename(`${path}.new`, path)
    await syncPath(files, directory)
    const count = new SharedArrayBuffer(4)
    Atomics.store(new Int32Array(count), 0, kept.length)
    return new EpochLog(files, { path, seed: from.seed, count })
  }

  /** Resolves when the number survives the end of this process; rejects where it cannot be written. From any thread. */
  async append(place: number, value: number): Promise<void> {
    const at = Atomics.add(new Int32Array(this.share.count), 0, 1)
    if (at >= KEPT_MAX + ADDED_MAX) throw new Error('Cannot keep another epoch: the file is full')
    this.#fd ??= this.#files.open(this.share.path, 'write')
    try {
      await this.#files.write(await this.#fd, encode(place, value, this.share.seed), at * ENTRY_BYTES)
    } catch (error) {
      this.#fd = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    const fd = await this.#fd?.catch(() => undefined)
    this.#fd = undefined
    if (fd !== undefined) await this.#files.close(fd)
  }
}

function encode(place: number, value: number, seed: number): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES)
  entry.writeUInt32LE(place, 4)
  entry.writeUInt32LE(value, 8)
  entry.writeUInt32LE(crc32(entry.subarray(4), seed), 0)
  return entry
}
