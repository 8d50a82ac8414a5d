// hot path
import { crc32 } from 'node:zlib'
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
  readSplitHeader,
  RECORD_HEADER_BYTES,
  seededChecksum,
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
    if (this.#context.cipher === undefined && isWhole) return (await this.#readWholeBlock(found, range, target)) !== undefined
    if (this.#context.cipher === undefined && found.verified) return this.#readPartOfBlock(found, range, target)
    const record = await this.readRecord(found)
    if (record === undefined || record.blockNo !== range.blockNo || !isOfVersion(record, range.version)) return false
    target.set(record.body.subarray(range.from, range.to))
    return true
  }

  /**
   * Fills `target` with a whole block and returns the CRC-32 of its bytes, to which they were compared at least once by this process;
   * undefined: a miss, and `target` may hold anything.
   */
  async readWhole(found: FoundOnDisk, block: BlockName, target: Uint8Array): Promise<number | undefined> {
    if (this.#context.cipher === undefined) {
      const header = await this.#readWholeBlock(found, block, target)
      return header === undefined ? undefined : seededChecksum(header.bodyChecksum, this.#context.format.checksumSeed, header.bodyBytes)
    }
    const record = await this.readRecord(found)
    if (record === undefined || record.blockNo !== block.blockNo || !isOfVersion(record, block.version)) return undefined
    target.set(record.body)
    return crc32(record.body)
  }

  /**
   * Fills `rest` with what follows the fixed header of a head (key, ETag, metadata and body); returns the header, and the body's CRC-32. Undefined:
   * a miss. For directories that are not encrypted.
   */
  async readRest(found: FoundOnDisk, rest: Buffer): Promise<{ readonly header: RecordHeader; readonly bodyChecksum: number } | undefined> {
    const fixed = Buffer.allocUnsafe(RECORD_HEADER_BYTES)
    if (!(await this.#fill(found, [fixed, rest], 0))) return undefined
    const header = this.#checked(found, readSplitHeader(fixed, rest, this.#place(found), this.#context.format))
    if (header === undefined || header.kind !== 'head' || header.encrypted) return undefined
    const bodyAt = namesEnd(header) - RECORD_HEADER_BYTES
    if (!this.#checkBody(found, rest.subarray(bodyAt, bodyAt + header.bodyBytes), header)) return undefined
    const { checksumSeed } = this.#context.format
    return { header, bodyChecksum: seededChecksum(header.bodyChecksum, checksumSeed, header.bodyBytes) }
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
    if (!(await this.#fill(found, [bytes], 0))) return undefined
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
  async #readWholeBlock(found: FoundOnDisk, { version, blockNo }: BlockName, target: Uint8Array): Promise<RecordHeader | undefined> {
    const names = Buffer.allocUnsafe(bodyOffset(version, ''))
    if (names.length + target.length > found.recordBytes || !(await this.#fill(found, [names, target], 0))) return undefined
    const header = this.#checkedHeader(found, names, this.#place(found))
    if (header === undefined || !isBlock(names, header, version, blockNo) || header.bodyBytes !== target.length) return undefined
    return this.#checkBody(found, target, header) ? header : undefined
  }

  async #readPartOfBlock(found: FoundOnDisk, range: BlockRange, target: Uint8Array): Promise<boolean> {
    const names = Buffer.allocUnsafe(bodyOffset(range.version, ''))
    const bodyAt = names.length
    if (bodyAt + range.to > found.recordBytes) return false
    const parts = await Promise.all([this.#fill(found, [names], 0), this.#fill(found, [target], bodyAt + range.from)])
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
    return this.#checked(found, readRecordHeader(bytes, place, this.#context.format))
  }

  #checked(found: FoundOnDisk, header: RecordHeader | undefined): RecordHeader | undefined {
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

  /** Bytes of the record from `from` on; false where they could not be had. */
  async #fill(found: FoundOnDisk, targets: readonly Uint8Array[], from: number): Promise<boolean> {
    const { table, files } = this.#context
    const offset = table.offsetOf(found.location) + from
    let bytes = 0
    for (const target of targets) bytes += target.length
    if (offset + bytes > table.writtenTo(found.segment)) return this.#fillFromPending(found.segment, targets, offset)
    const beganMs = this.#monotonicMs()
    try {
      const got = await this.#files.using(found.segment, async (fd) => files.read(fd, targets, offset))
      this.#observer.took(got, this.#monotonicMs() - beganMs)
      if (got === bytes) return true
      this.#observer.damaged(found.hash, found.location)
    } catch (error) {
      this.#observer.failed(codeOf(error))
    }
    return false
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
