import { crc32 } from 'node:zlib'
import type { ObjectVersion } from '../api.ts'
import { shiftChecksum } from '../checksum-shift.ts'
import { nameFits, type NameHash } from '../name-hash.ts'
import { META_BYTES_MAX } from '../record.ts'
import { DISK_RECORD_BYTES_MAX } from './disk-geometry.ts'
import type { SegmentCipher } from './record-cipher.ts'

/** What the disk tier stores under a name: a head (with its body, or without), or one block of a version. */
export interface DiskRecord extends ObjectVersion {
  /** undefined: a head. */
  readonly blockNo: number | undefined
  /** Of a head: what `HeadInfo.meta` is; empty for a block. Latin1. */
  readonly meta: string
  /** Of a head: when the origin last confirmed it, wall clock; 0 for a block, which never becomes untrue. */
  readonly validatedAtMs: number
  /** Of a head: the whole object, or nothing. Of a block: all of it. */
  readonly body: Uint8Array
  /** CRC-32 of the body from 0, where that is known. */
  readonly bodyChecksum?: number | undefined
}

/** Where a record stands, and in which life of its segment: a record anywhere else is not that record. */
export interface RecordPlace {
  readonly sequence: number
  readonly salt: number
  /** Bytes from the segment's begin. */
  readonly offset: number
}

/** What all records of a directory have in common. */
export interface RecordFormat {
  readonly granuleBytes: number
  /** Where checksums begin: records of another directory are damage here. */
  readonly checksumSeed: number
}

/**
 * A record on disk, little-endian:
 *
 * | bytes | content |
 * |---|---|
 * | 0–3 | magic |
 * | 4–7 | CRC-32 of bytes 8 to the end of the metadata |
 * | 8–11 | CRC-32 of the body |
 * | 12 | kind: head, block, padding |
 * | 13 | 1: names, metadata and body are encrypted |
 * | 16–19 | length of the whole record in granules |
 * | 20–23 | its place: bytes from the segment's begin |
 * | 24–27, 28–31 | sequence and salt of the segment |
 * | 32–39 | hash of the name |
 * | 40–41, 42–43 | lengths of key and ETag |
 * | 44–47, 48–51 | lengths of metadata and body |
 * | 52–55 | block number |
 * | 56–63 | size of the object, float64 |
 * | 64–71 | validatedAtMs, float64 |
 * | 72–87 | tag of AES-256-GCM over bytes 12–71 and the encrypted part |
 * | 88–95 | 0 |
 *
 * Then key, ETag, metadata (latin1) and body without gaps. Padding has no more than these 96 bytes, or 64 where there is no room.
 */
export const RECORD_HEADER_BYTES = 96

/** Padding fills up to a page, and may have to fit one granule. */
const PADDING_HEADER_BYTES = 64

const MAGIC = 0x31724248
const KIND_HEAD = 1
const KIND_BLOCK = 2
const KIND_PADDING = 3
const CHECKED_FROM = 8
const AUTHENTICATED_FROM = 12
const TAG_FROM = 72
const TAG_BYTES = 16

/** The fixed part of a record, taken apart. */
export interface RecordHeader {
  readonly kind: 'head' | 'block' | 'padding'
  readonly encrypted: boolean
  readonly recordBytes: number
  readonly hash: NameHash
  readonly keyBytes: number
  readonly etagBytes: number
  readonly metaBytes: number
  readonly bodyBytes: number
  readonly blockNo: number
  readonly sizeBytes: number
  readonly validatedAtMs: number
  readonly bodyChecksum: number
}

/** Bytes that a record takes on disk, or undefined where it is too large to be kept. */
export function diskRecordBytes(record: DiskRecord, format: RecordFormat): number | undefined {
  if (!nameFits(record.key, record.etag) || record.meta.length > META_BYTES_MAX) return undefined
  const bytes = RECORD_HEADER_BYTES + record.key.length + record.etag.length + record.meta.length + record.body.length
  const rounded = roundUp(bytes, format.granuleBytes)
  return rounded <= DISK_RECORD_BYTES_MAX ? rounded : undefined
}

/** Where the body of a record with these names begins. */
export function bodyOffset(version: ObjectVersion, meta: string): number {
  return RECORD_HEADER_BYTES + version.key.length + version.etag.length + meta.length
}

/** Writes a record to the begin of `target`, which is as long as the record takes. False where its names are not latin1. */
export function writeDiskRecord(
  target: Buffer,
  record: DiskRecord,
  where: {
    readonly hash: NameHash
    readonly place: RecordPlace
    readonly format: RecordFormat
    readonly cipher: SegmentCipher | undefined
  },
): boolean {
  const { hash, place, format, cipher } = where
  const { key, etag, meta, body } = record
  target.fill(0, 0, RECORD_HEADER_BYTES)
  target[12] = record.blockNo === undefined ? KIND_HEAD : KIND_BLOCK
  target[13] = cipher === undefined ? 0 : 1
  target.writeUInt32LE(target.length / format.granuleBytes, 16)
  writePlace(target, place)
  target.writeInt32LE(hash.lo, 32)
  target.writeInt32LE(hash.hi, 36)
  target.writeUInt16LE(key.length, 40)
  target.writeUInt16LE(etag.length, 42)
  target.writeUInt32LE(meta.length, 44)
  target.writeUInt32LE(body.length, 48)
  target.writeUInt32LE(record.blockNo ?? 0, 52)
  target.writeDoubleLE(record.sizeBytes, 56)
  target.writeDoubleLE(record.validatedAtMs, 64)
  let at = RECORD_HEADER_BYTES
  for (const text of [key, etag, meta]) {
    target.write(text, at, 'latin1')
    // Two names that differ only above U+00FF would be one name in latin1.
    if (target.toString('latin1', at, at + text.length) !== text) return false
    at += text.length
  }
  target.set(body, at)
  const end = at + body.length
  target.fill(0, end)
  if (cipher !== undefined) {
    const tag = cipher.encrypt(target.subarray(RECORD_HEADER_BYTES, end), place.offset, target.subarray(AUTHENTICATED_FROM, TAG_FROM))
    target.set(tag, TAG_FROM)
  }
  const known = cipher === undefined ? record.bodyChecksum : undefined
  const { checksumSeed } = format
  const checksum = known === undefined ? crc32(target.subarray(at, end), checksumSeed) : seededChecksum(known, checksumSeed, body.length)
  target.writeUInt32LE(checksum, 8)
  target.writeUInt32LE(crc32(target.subarray(CHECKED_FROM, at), format.checksumSeed), 4)
  return true
}

/** Writes what fills the room up to a page, so that the next record can be written without touching this page again. */
export function writePadding(target: Buffer, place: RecordPlace, format: RecordFormat): void {
  target.fill(0)
  target[12] = KIND_PADDING
  target.writeUInt32LE(target.length / format.granuleBytes, 16)
  writePlace(target, place)
  target.writeUInt32LE(crc32(target.subarray(CHECKED_FROM, PADDING_HEADER_BYTES), format.checksumSeed), 4)
}

/**
 * Reads the header of the record that should begin at `bytes[0]`. `bytes` holds at least header, names and metadata, or ends
 * before: then they are not believed. undefined: no whole and undamaged record of that place.
 */
export function readRecordHeader(bytes: Buffer, place: RecordPlace, format: RecordFormat): RecordHeader | undefined {
  if (bytes.length < PADDING_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC || !isAt(bytes, place)) return undefined
  const recordBytes = bytes.readUInt32LE(16) * format.granuleBytes
  if (bytes[12] === KIND_PADDING) {
    const checksum = crc32(bytes.subarray(CHECKED_FROM, PADDING_HEADER_BYTES), format.checksumSeed)
    return checksum === bytes.readUInt32LE(4) ? paddingHeader(recordBytes) : undefined
  }
  if (bytes.length < RECORD_HEADER_BYTES) return undefined
  const header = parseHeader(bytes, recordBytes)
  const metaEnd = namesEnd(header)
  const isTooLong = metaEnd + header.bodyBytes > recordBytes || recordBytes > DISK_RECORD_BYTES_MAX
  if (metaEnd > bytes.length || isTooLong) return undefined
  const checksum = crc32(bytes.subarray(CHECKED_FROM, metaEnd), format.checksumSeed)
  return checksum === bytes.readUInt32LE(4) ? header : undefined
}

/** Header, names and metadata: what stands before the body. */
export function namesEnd(header: RecordHeader): number {
  return RECORD_HEADER_BYTES + header.keyBytes + header.etagBytes + header.metaBytes
}

/** From the CRC-32 of bytes to that which begins with `seed` instead of 0, and back: it is its own inverse. */
export function seededChecksum(checksum: number, seed: number, lengthBytes: number): number {
  return (checksum ^ shiftChecksum(seed, lengthBytes)) >>> 0
}

/** True where the body, as it is stored, is what was written. */
export function isBodyIntact(body: Uint8Array, header: RecordHeader, format: RecordFormat): boolean {
  return crc32(body, format.checksumSeed) === header.bodyChecksum
}

/** True where header and names, which begin at `bytes[0]`, are those of this block, complete. */
export function isBlock(bytes: Buffer, header: RecordHeader, version: ObjectVersion, blockNo: number): boolean {
  return (
    header.kind === 'block' &&
    header.blockNo === blockNo &&
    header.sizeBytes === version.sizeBytes &&
    header.keyBytes === version.key.length &&
    header.etagBytes === version.etag.length &&
    bytes.toString('latin1', RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + header.keyBytes + header.etagBytes) === version.key + version.etag
  )
}

/** Takes a whole record apart. Decrypts it in place; undefined where the tag says that it is not what was encrypted. */
export function readDiskRecord(
  bytes: Buffer,
  header: RecordHeader,
  where: { readonly place: RecordPlace; readonly cipher: SegmentCipher | undefined },
): DiskRecord | undefined {
  const metaEnd = namesEnd(header)
  const end = metaEnd + header.bodyBytes
  if (header.encrypted !== (where.cipher !== undefined) || header.kind === 'padding') return undefined
  if (where.cipher !== undefined) {
    const authenticated = bytes.subarray(AUTHENTICATED_FROM, TAG_FROM)
    const tag = bytes.subarray(TAG_FROM, TAG_FROM + TAG_BYTES)
    if (!where.cipher.decrypt(bytes.subarray(RECORD_HEADER_BYTES, end), where.place.offset, { authenticated, tag })) return undefined
  }
  const etagAt = RECORD_HEADER_BYTES + header.keyBytes
  const metaAt = etagAt + header.etagBytes
  return {
    key: bytes.toString('latin1', RECORD_HEADER_BYTES, etagAt),
    etag: bytes.toString('latin1', etagAt, metaAt),
    meta: bytes.toString('latin1', metaAt, metaEnd),
    blockNo: header.kind === 'block' ? header.blockNo : undefined,
    sizeBytes: header.sizeBytes,
    validatedAtMs: header.validatedAtMs,
    body: bytes.subarray(metaEnd, end),
  }
}

export function roundUp(bytes: number, unitBytes: number): number {
  return Math.ceil(bytes / unitBytes) * unitBytes
}

function writePlace(target: Buffer, place: RecordPlace): void {
  target.writeUInt32LE(MAGIC, 0)
  target.writeUInt32LE(place.offset, 20)
  target.writeUInt32LE(place.sequence, 24)
  target.writeUInt32LE(place.salt, 28)
}

function isAt(bytes: Buffer, place: RecordPlace): boolean {
  return bytes.readUInt32LE(20) === place.offset && bytes.readUInt32LE(24) === place.sequence && bytes.readUInt32LE(28) === place.salt
}

function parseHeader(bytes: Buffer, recordBytes: number): RecordHeader {
  return {
    kind: bytes[12] === KIND_BLOCK ? 'block' : 'head',
    encrypted: bytes[13] === 1,
    recordBytes,
    hash: { lo: bytes.readInt32LE(32), hi: bytes.readInt32LE(36) },
    keyBytes: bytes.readUInt16LE(40),
    etagBytes: bytes.readUInt16LE(42),
    metaBytes: bytes.readUInt32LE(44),
    bodyBytes: bytes.readUInt32LE(48),
    blockNo: bytes.readUInt32LE(52),
    sizeBytes: bytes.readDoubleLE(56),
    validatedAtMs: bytes.readDoubleLE(64),
    bodyChecksum: bytes.readUInt32LE(8),
  }
}

function paddingHeader(recordBytes: number): RecordHeader {
  const none = { keyBytes: 0, etagBytes: 0, metaBytes: 0, bodyBytes: 0, blockNo: 0, sizeBytes: 0, validatedAtMs: 0, bodyChecksum: 0 }
  return { kind: 'padding', encrypted: false, recordBytes, hash: { lo: 0, hi: 0 }, ...none }
}
