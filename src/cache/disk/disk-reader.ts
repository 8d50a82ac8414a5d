// hot path
import type { ObjectVersion } from '../api.ts'
import { blockLength } from '../block.ts'
import { NameHasher, nameFits, type NameHash } from '../name-hash.ts'
import { codeOf } from './disk-files.ts'
import {
  bodyOffset,
  isBlock,
  isBodyIntact,
  namesEnd,
  readDiskRecord,
  readRecordHeader,
  type DiskRecord,
  type RecordHeader,
  type RecordPlace,
} from './disk-record.ts'
import { SegmentFiles } from './segment-files.ts'
import { infoGranules } from './segment-format.ts'
import { segmentCipher, type ShardContext } from './shard-context.ts'

/** While the disk is slow, one in so many look-ups is answered, to see when that is over. */
const SAMPLE_OF = 16

/** A record that was found by its hash, its segment pinned until `DiskReader.release`. Whether it has the name is seen when it is read. */
export interface FoundOnDisk {
  readonly hash: NameHash
  readonly location: number
  readonly segment: number
  /** Bytes that it takes on disk. */
  readonly recordBytes: number
  /** Its checksum was compared by this process before. */
  readonly verified: boolean
}

/** A head as it was stored. */
export interface DiskHead extends DiskRecord {
  /** False: an invalidation of it may have been lost in a power cut. Ask the origin before the first use. */
  readonly proven: boolean
}

/** A block of a version. */
export interface BlockName {
  readonly version: ObjectVersion
  readonly blockNo: number
}

/** Which bytes of which block are wanted. */
export interface BlockRange extends BlockName {
  /** Bytes [from, to) of the block. */
  readonly from: number
  readonly to: number
}

/** What reading tells the owner. */
export interface ReadObserver {
  /** What lies at this location is not what was written there. */
  damaged(hash: NameHash, location: number): void
  failed(code: string): void
  took(bytes: number, tookMs: number): void
}

/** A record of the open segment that is still in a buffer of the owner. */
export type PendingBytes = (segment: number, offset: number, length: number) => Buffer | undefined

/** Where bytes of a record go, which begin `from` bytes after its begin. */
interface ReadPlan {
  readonly targets: readonly Uint8Array[]
  readonly from: number
}

export interface ReaderParts {
  readonly context: ShardContext
  /** The directory's, so that names are the same in every process that opens it. */
  readonly seed: NameHash
  readonly observer: ReadObserver
  readonly monotonicMs: () => number
  /** Of the owner's reader. */
  readonly pending?: PendingBytes
}

/**
 * Finds and reads records of a shard's disk log from any thread: without locks, without waiting in the event loop, and without ever
 * throwing. What cannot be read, or is not what was written, is a miss. The protocol of pins is that of record-lookup.ts: a
 * segment is not written anew while somebody has it pinned and its location is still in the index.
 *
 * The checksum of a body is compared once per process and record; header, name and place at every read.
 */
export class DiskReader {
  readonly #context: ShardContext
  readonly #files: SegmentFiles
  readonly #hasher: NameHasher
  readonly #observer: ReadObserver
  readonly #monotonicMs: () => number
  readonly #pending: PendingBytes | undefined
  #turn = 0

  constructor(parts: ReaderParts) {
    const { context, seed } = parts
    this.#context = context
    this.#files = new SegmentFiles(context.files, context.directory, context.table)
    this.#hasher = new NameHasher(seed)
    this.#observer = parts.observer
    this.#monotonicMs = parts.monotonicMs
    this.#pending = parts.pending
  }

  /** Open descriptors: a gauge. */
  get descriptors(): number {
    return this.#files.descriptors
  }

  /** The hash of a head's name on this disk. */
  headHash(key: string): NameHash | undefined {
    if (!nameFits(key, '')) return undefined
    this.#hasher.hashHead(key)
    return { lo: this.#hasher.lo, hi: this.#hasher.hi }
  }

  /** What the names of all blocks of a version have in common: computed once by who reads many. */
  versionHash(version: ObjectVersion): NameHash {
    return nameFits(version.key, version.etag) ? this.#hasher.hashVersion(version.key, version.etag) : { lo: 0, hi: 0 }
  }

  blockHash(version: NameHash, blockNo: number): NameHash {
    this.#hasher.hashBlock(version, blockNo)
    return { lo: this.#hasher.lo, hi: this.#hasher.hi }
  }

  /** What is stored under a hash, pinned; undefined where nothing is. `counts`: this is a use by a client. */
  find(hash: NameHash, counts: boolean): FoundOnDisk | undefined {
    const { index, table, format } = this.#context
    const { reading } = table
    if (reading === 'nothing' || (reading === 'sample' && ++this.#turn % SAMPLE_OF !== 0)) return undefined
    const slot = index.find(hash)
    if (slot === undefined) return undefined
    const location = index.locationAt(slot)
    if (location === 0) return undefined
    const segment = table.segmentOf(location)
    table.pin(segment)
    const info = index.infoAt(slot)
    // The slot may have changed hands before the pin: then this is a miss like any other.
    if (index.locationAt(slot) !== location || table.reading === 'nothing') {
      table.unpin(segment)
      return undefined
    }
    if (counts) index.touch(slot, info)
    return { hash, location, segment, recordBytes: infoGranules(info) * format.granuleBytes, verified: index.isVerified(info) }
  }

  release(found: FoundOnDisk): void {
    this.#context.table.unpin(found.segment)
  }

  /** The head of `key`, with its body where that is in the same record; undefined: a miss. */
  async readHead(found: FoundOnDisk, key: string): Promise<DiskHead | undefined> {
    const record = await this.readRecord(found)
    if (record === undefined || record.blockNo !== undefined || record.key !== key) return undefined
    return { ...record, proven: this.isProven(found) }
  }

  /** Fills `target` with a range of a block; false: a miss, and `target` may hold anything. */
  async readBlock(found: FoundOnDisk, range: BlockRange, target: Uint8Array): Promise<boolean> {
    const isWhole = range.from === 0 && range.to === blockLength(range.version.sizeBytes, range.blockNo)
    if (this.#context.cipher === undefined && isWhole) return this.#readWholeBlock(found, range, target)
    if (this.#context.cipher === undefined && found.verified) return this.#readPartOfBlock(found, range, target)
    const record = await this.readRecord(found)
    if (record === undefined || record.blockNo !== range.blockNo || !isOfVersion(record, range.version)) return false
    target.set(record.body.subarray(range.from, range.to))
    return true
  }

  /**
   * Fills `target` with a head as it stands on disk, and calls `done` with its header, maybe at once. Undefined: a miss. For directories that are not
   * encrypted. Told by a call, because a small hit feels each promise.
   */
  readInto(found: FoundOnDisk, target: Buffer, done: (header: RecordHeader | undefined) => void): void {
    this.#fill(found, { targets: [target], from: 0 }, (filled) => done(filled ? this.#checkedHead(found, target) : undefined))
  }

  get isEncrypted(): boolean {
    return this.#context.cipher !== undefined
  }

  /** True where something of this name is there and may be read. What follows is a `find`. */
  has(hash: NameHash): boolean {
    const { index, table } = this.#context
    const { reading } = table
    if (reading === 'nothing') return false
    if (reading === 'sample' && (this.#turn + 1) % SAMPLE_OF !== 0) {
      this.#turn++
      return false
    }
    return index.find(hash) !== undefined
  }

  /** False: an invalidation of this head may have been lost in a power cut. */
  isProven(found: FoundOnDisk): boolean {
    return this.#context.table.sequenceOf(found.segment) >= this.#context.table.provenFrom
  }

  /** Whatever was found, as it was stored; undefined: a miss. The body lies in memory of its own. */
  async readRecord(found: FoundOnDisk): Promise<DiskRecord | undefined> {
    const bytes = Buffer.allocUnsafeSlow(found.recordBytes)
    if (!(await this.#filled(found, [bytes], 0))) return undefined
    const place = this.#place(found)
    const header = this.#checkedHeader(found, bytes, place)
    if (header === undefined) return undefined
    const bodyAt = namesEnd(header)
    if (!this.#checkBody(found, bytes.subarray(bodyAt, bodyAt + header.bodyBytes), header)) return undefined
    const life = { segment: found.segment, sequence: place.sequence, salt: place.salt }
    const record = readDiskRecord(bytes, header, { place, cipher: segmentCipher(this.#context, life) })
    if (record === undefined) this.#observer.damaged(found.hash, found.location)
    return record
  }

  /** Closes the descriptors of this thread. */
  close(): void {
    this.#files.closeAll()
  }

  /** Straight into the target: only what stands before the body is read into memory of its own. */
  async #readWholeBlock(found: FoundOnDisk, { version, blockNo }: BlockName, target: Uint8Array): Promise<boolean> {
    const names = Buffer.allocUnsafe(bodyOffset(version, ''))
    if (names.length + target.length > found.recordBytes || !(await this.#filled(found, [names, target], 0))) return false
    const header = this.#checkedHeader(found, names, this.#place(found))
    if (header === undefined || !isBlock(names, header, version, blockNo) || header.bodyBytes !== target.length) return false
    return this.#checkBody(found, target, header)
  }

  async #readPartOfBlock(found: FoundOnDisk, range: BlockRange, target: Uint8Array): Promise<boolean> {
    const names = Buffer.allocUnsafe(bodyOffset(range.version, ''))
    const bodyAt = names.length
    if (bodyAt + range.to > found.recordBytes) return false
    const parts = await Promise.all([this.#filled(found, [names], 0), this.#filled(found, [target], bodyAt + range.from)])
    if (!parts.every((filled) => filled)) return false
    const header = this.#checkedHeader(found, names, this.#place(found))
    return header !== undefined && isBlock(names, header, range.version, range.blockNo) && range.to <= header.bodyBytes
  }

  #place(found: FoundOnDisk): RecordPlace {
    const { table } = this.#context
    return {
      sequence: table.sequenceOf(found.segment),
      salt: table.saltOf(found.segment),
      offset: table.offsetOf(found.location),
    }
  }

  #checkedHeader(found: FoundOnDisk, bytes: Buffer, place: RecordPlace): RecordHeader | undefined {
    const header = readRecordHeader(bytes, place, this.#context.format)
    if (
      header !== undefined &&
      header.recordBytes === found.recordBytes &&
      header.hash.lo === found.hash.lo &&
      header.hash.hi === found.hash.hi
    )
      return header
    this.#observer.damaged(found.hash, found.location)
    return undefined
  }

  #checkBody(found: FoundOnDisk, body: Uint8Array, header: RecordHeader): boolean {
    if (found.verified) return true
    if (isBodyIntact(body, header, this.#context.format)) {
      this.#context.index.markVerified(found.hash, found.location)
      return true
    }
    this.#observer.damaged(found.hash, found.location)
    return false
  }

  #checkedHead(found: FoundOnDisk, bytes: Buffer): RecordHeader | undefined {
    const header = this.#checkedHeader(found, bytes, this.#place(found))
    if (header === undefined || header.kind !== 'head' || header.encrypted) return undefined
    const bodyAt = namesEnd(header)
    const isWhole = found.verified || this.#checkBody(found, bytes.subarray(bodyAt, bodyAt + header.bodyBytes), header)
    return isWhole ? header : undefined
  }

  async #filled(found: FoundOnDisk, targets: readonly Uint8Array[], from: number): Promise<boolean> {
    return new Promise((resolve) => this.#fill(found, { targets, from }, resolve))
  }

  /** Bytes of the record from `from` on; false where they could not be had. Calls `done` once, maybe at once. */
  #fill(found: FoundOnDisk, { targets, from }: ReadPlan, done: (filled: boolean) => void): void {
    const { table } = this.#context
    const offset = table.offsetOf(found.location) + from
    let bytes = 0
    for (const target of targets) bytes += target.length
    if (offset + bytes > table.writtenTo(found.segment)) {
      done(this.#fillFromPending(found.segment, targets, offset))
      return
    }
    const beganMs = this.#monotonicMs()
    const file = this.#files.take(found.segment)
    const ended = (error: unknown, got: number): void => {
      this.#files.give(file)
      if (error === undefined) {
        this.#observer.took(got, this.#monotonicMs() - beganMs)
        if (got < bytes) this.#observer.damaged(found.hash, found.location)
      } else this.#observer.failed(codeOf(error))
      done(error === undefined && got === bytes)
    }
    const { files } = this.#context
    if (file.fd !== undefined) files.readThen(file.fd, targets, offset, ended)
    else
      file.opening.then(
        (fd) => files.readThen(fd, targets, offset, ended),
        (error: unknown) => ended(error, 0),
      )
  }

  #fillFromPending(segment: number, targets: readonly Uint8Array[], offset: number): boolean {
    let at = offset
    for (const target of targets) {
      const bytes = this.#pending?.(segment, at, target.length)
      if (bytes === undefined) return false
      target.set(bytes)
      at += target.length
    }
    return true
  }
}

function isOfVersion(record: DiskRecord, version: ObjectVersion): boolean {
  return record.key === version.key && record.etag === version.etag && record.sizeBytes === version.sizeBytes
}
