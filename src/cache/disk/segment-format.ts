import { crc32 } from 'node:zlib'
import { PAGE_BYTES } from './disk-geometry.ts'

/** Which segment of which shard a file is, and in which life: it gets a new sequence and salt whenever it is filled anew. */
export interface SegmentLife {
  readonly shard: number
  readonly segment: number
  /** Counts lives in a shard: what has the higher one is newer. */
  readonly sequence: number
  /** Random: two processes that believe themselves owner of a directory never write the same life. */
  readonly salt: number
}

/** One page at the begin of a segment; records follow. */
export const SEGMENT_HEADER_BYTES = PAGE_BYTES

/**
 * One record in a footer: hash (two words), place in granules, and length in granules with the kind above it. Also what a slot
 * of the index holds.
 */
export const ENTRY_WORDS = 4
const ENTRY_BYTES = ENTRY_WORDS * 4
const LENGTH_MASK = 0xfffff
const HEAD_BIT = 1 << 23

const HEADER_MAGIC = 0x31534248
const FOOTER_MAGIC = 0x31464248
const TRAILER_BYTES = 64

/** Words of a header: magic, checksum, shard, segment, sequence, salt, granule. */
const HEADER_CHECKED_FROM = 8
const HEADER_USED_BYTES = 28

/** Entries of a segment, in the order of their places. */
export interface SegmentEntries {
  readonly words: Int32Array
  readonly count: number
}

/** Length in granules and kind, as one word. */
export function entryInfo(granules: number, isHead: boolean): number {
  return granules | (isHead ? HEAD_BIT : 0)
}

export function infoGranules(info: number): number {
  return info & LENGTH_MASK
}

export function infoIsHead(info: number): boolean {
  return (info & HEAD_BIT) !== 0
}

export function encodeSegmentHeader(target: Buffer, life: SegmentLife, seed: number): void {
  target.fill(0)
  target.writeUInt32LE(HEADER_MAGIC, 0)
  target.writeUInt32LE(life.shard, 8)
  target.writeUInt32LE(life.segment, 12)
  target.writeUInt32LE(life.sequence, 16)
  target.writeUInt32LE(life.salt, 20)
  target.writeUInt32LE(crc32(target.subarray(HEADER_CHECKED_FROM, HEADER_USED_BYTES), seed), 4)
}

/** The life that a segment's first page tells of; `empty` where it was given up on purpose; undefined where it is damaged or foreign. */
export function decodeSegmentHeader(bytes: Buffer, seed: number): SegmentLife | 'empty' | undefined {
  if (bytes.length >= HEADER_USED_BYTES && bytes.subarray(0, HEADER_USED_BYTES).every((byte) => byte === 0)) return 'empty'
  if (bytes.length < HEADER_USED_BYTES || bytes.readUInt32LE(0) !== HEADER_MAGIC) return undefined
  if (crc32(bytes.subarray(HEADER_CHECKED_FROM, HEADER_USED_BYTES), seed) !== bytes.readUInt32LE(4)) return undefined
  return {
    shard: bytes.readUInt32LE(8),
    segment: bytes.readUInt32LE(12),
    sequence: bytes.readUInt32LE(16),
    salt: bytes.readUInt32LE(20),
  }
}

/** Room that a footer of so many entries takes at the end of a segment, in whole pages. */
export function footerBytes(count: number): number {
  return Math.ceil((TRAILER_BYTES + count * ENTRY_BYTES) / PAGE_BYTES) * PAGE_BYTES
}

/** The footer as it stands at the segment's end: entries, then the trailer in the last 64 bytes. */
export function encodeFooter(entries: SegmentEntries, life: SegmentLife, seed: number): Buffer {
  const bytes = Buffer.alloc(footerBytes(entries.count))
  const words = entries.count * ENTRY_WORDS
  const start = bytes.length - TRAILER_BYTES - words * 4
  Buffer.from(entries.words.buffer, entries.words.byteOffset, words * 4).copy(bytes, start)
  const trailer = bytes.subarray(bytes.length - TRAILER_BYTES)
  trailer.writeUInt32LE(FOOTER_MAGIC, 0)
  trailer.writeUInt32LE(life.sequence, 8)
  trailer.writeUInt32LE(life.salt, 12)
  trailer.writeUInt32LE(entries.count, 16)
  trailer.writeUInt32LE(footerChecksum(bytes.subarray(start, bytes.length - TRAILER_BYTES), trailer, seed), 4)
  return bytes
}

/** How many entries the trailer at the end of `tail` announces; undefined where it is none of this life. */
export function trailerCount(tail: Buffer, life: SegmentLife): number | undefined {
  if (tail.length < TRAILER_BYTES) return undefined
  const trailer = tail.subarray(tail.length - TRAILER_BYTES)
  const isOurs =
    trailer.readUInt32LE(0) === FOOTER_MAGIC && trailer.readUInt32LE(8) === life.sequence && trailer.readUInt32LE(12) === life.salt
  return isOurs ? trailer.readUInt32LE(16) : undefined
}

/** The entries of a footer that ends with `tail`; undefined where it is damaged. */
export function decodeFooter(tail: Buffer, life: SegmentLife, seed: number): SegmentEntries | undefined {
  const count = trailerCount(tail, life)
  if (count === undefined || TRAILER_BYTES + count * ENTRY_BYTES > tail.length) return undefined
  const start = tail.length - TRAILER_BYTES - count * ENTRY_BYTES
  const stored = tail.subarray(start, tail.length - TRAILER_BYTES)
  const trailer = tail.subarray(tail.length - TRAILER_BYTES)
  if (footerChecksum(stored, trailer, seed) !== trailer.readUInt32LE(4)) return undefined
  const words = new Int32Array(count * ENTRY_WORDS)
  stored.copy(Buffer.from(words.buffer))
  return { words, count }
}

function footerChecksum(entries: Buffer, trailer: Buffer, seed: number): number {
  return crc32(trailer.subarray(HEADER_CHECKED_FROM), crc32(entries, seed))
}
