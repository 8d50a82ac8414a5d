// hot path
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import type { ObjectVersion } from './api.ts'
import type { SegmentView } from './arena.ts'
import { blockLength } from './block.ts'
import { shiftChecksum } from './checksum-shift.ts'
import { GRANULE_BYTES, RECORD_BYTES_MAX } from './layout.ts'
import { HEADER_BYTES, nameFits, type NameHash, type NameHasher } from './name-hash.ts'

/**
 * A record, at a multiple of 64 bytes within its segment, in 32-bit words of the machine's byte order:
 *
 * | word | content | changes after commit |
 * |---|---|---|
 * | 0 | state: filling, committed, dead | no |
 * | 1 | 1 after the checksum was compared once; 2: the bytes were compared before they came here, and have no checksum | yes |
 * | 2–3 | validatedAtMs, float64 | yes |
 * | 4 | CRC-32 of everything from word 6 to the end of the body | no |
 * | 5 | of a head: 1 while the disk tier has it just as it stands here | yes |
 * | 6 | length of the whole record in granules | no |
 * | 7–8 | hash of the name | no |
 * | 9 | kind: head, head with body, block | no |
 * | 10 | length of key, length of ETag << 16 | no |
 * | 11, 12 | lengths of meta and body | no |
 * | 13 | block number | no |
 * | 14–15 | size of the object, float64 | no |
 *
 * Then key, ETag, meta (latin1) and body without gaps.
 */
const STATE = 0
const VERIFIED = 1
const VALIDATED_AT_DOUBLE = 1
const CHECKSUM = 4
const ON_DISK = 5
const GRANULES = 6
const HASH_LO = 7
const HASH_HI = 8
const KIND = 9
const NAME_LENGTHS = 10
const META_LENGTH = 11
const BODY_LENGTH = 12
const BLOCK_NO = 13
const SIZE_DOUBLE = 7

const CHECKED_FROM_BYTE = GRANULES * 4

const VERIFIED_WITHOUT_CHECKSUM = 2

const FILLING = 0x48420001
const COMMITTED = 0x48420002
const DEAD = 0x48420003

const KIND_HEAD = 1
const KIND_HEAD_WITH_BODY = 2
const KIND_BLOCK = 3

/** Longer metadata is not cached. */
export const META_BYTES_MAX = 64 * 1024

/** What a record is to hold; the body's bytes are written after it was laid down. */
export type RecordDraft =
  | {
      readonly kind: 'head'
      readonly version: ObjectVersion
      readonly meta: string
      readonly validatedAtMs: number
      /** With the whole body in the same record. */
      readonly inline: boolean
    }
  | { readonly kind: 'block'; readonly version: ObjectVersion; readonly blockNo: number }

export function draftBodyBytes(draft: RecordDraft): number {
  if (draft.kind === 'block') return blockLength(draft.version.sizeBytes, draft.blockNo)
  return draft.inline ? draft.version.sizeBytes : 0
}

/** Bytes that the record takes, or undefined where it is too large to be kept. */
export function draftBytes(draft: RecordDraft): number | undefined {
  const { key, etag } = draft.version
  const metaBytes = draft.kind === 'head' ? draft.meta.length : 0
  if (!nameFits(key, etag) || metaBytes > META_BYTES_MAX) return undefined
  const bytes = HEADER_BYTES + key.length + etag.length + metaBytes + draftBodyBytes(draft)
  const rounded = Math.ceil(bytes / GRANULE_BYTES) * GRANULE_BYTES
  return rounded <= RECORD_BYTES_MAX ? rounded : undefined
}

/** Writes header, name and meta of a record in state "filling". Returns the view of its body. */
export function writeRecord(view: SegmentView, offset: number, draft: RecordDraft, hash: NameHash): Buffer {
  const { key, etag, sizeBytes } = draft.version
  const meta = draft.kind === 'head' ? draft.meta : ''
  const bodyBytes = draftBodyBytes(draft)
  const word = offset / 4
  const { words, doubles, bytes } = view
  Atomics.store(words, word + STATE, FILLING)
  words[word + VERIFIED] = 0
  words[word + CHECKSUM] = 0
  words[word + ON_DISK] = 0
  doubles[offset / 8 + VALIDATED_AT_DOUBLE] = draft.kind === 'head' ? draft.validatedAtMs : 0
  words[word + GRANULES] = (draftBytes(draft) ?? 0) / GRANULE_BYTES
  words[word + HASH_LO] = hash.lo
  words[word + HASH_HI] = hash.hi
  words[word + KIND] = draft.kind === 'block' ? KIND_BLOCK : draft.inline ? KIND_HEAD_WITH_BODY : KIND_HEAD
  words[word + NAME_LENGTHS] = key.length | (etag.length << 16)
  words[word + META_LENGTH] = meta.length
  words[word + BODY_LENGTH] = bodyBytes
  words[word + BLOCK_NO] = draft.kind === 'block' ? draft.blockNo : 0
  doubles[offset / 8 + SIZE_DOUBLE] = sizeBytes
  let at = offset + HEADER_BYTES
  for (const text of [key, etag, meta]) {
    writeLatin1(bytes, at, text)
    at += text.length
  }
  return bytes.subarray(at, at + bodyBytes)
}

/** Two names that differ only above U+00FF would be one name in latin1: such text must never be stored. */
function writeLatin1(bytes: Buffer, at: number, text: string): void {
  bytes.write(text, at, 'latin1')
  assert(bytes.toString('latin1', at, at + text.length) === text, 'keys, ETags and heads are latin1')
}

/** Seals a record whose body is complete. Only after this may a slot of the index name it. */
export function commitRecord(view: SegmentView, offset: number): void {
  view.words[offset / 4 + CHECKSUM] = checksumOf(view, offset) | 0
  Atomics.store(view.words, offset / 4 + STATE, COMMITTED)
}

/** The same for a record whose bytes were just compared with what was written: a checksum is computed when somebody asks for one. */
export function commitChecked(view: SegmentView, offset: number): void {
  view.words[offset / 4 + VERIFIED] = VERIFIED_WITHOUT_CHECKSUM
  Atomics.store(view.words, offset / 4 + STATE, COMMITTED)
}

/** CRC-32 of the body of a committed record, found without reading the body; undefined where it cannot be. */
export function bodyChecksumOf(view: SegmentView, offset: number): number | undefined {
  const word = offset / 4
  if (view.words[word + VERIFIED] === VERIFIED_WITHOUT_CHECKSUM) return undefined
  return ((view.words[word + CHECKSUM] ?? 0) ^ shiftChecksum(checksumBeforeBody(view, offset), view.words[word + BODY_LENGTH] ?? 0)) >>> 0
}

/** What stands in a record's header; its names and metadata are in their place already. */
export interface HeadFields {
  readonly keyBytes: number
  readonly etagBytes: number
  readonly metaBytes: number
  readonly bodyBytes: number
  readonly sizeBytes: number
  readonly validatedAtMs: number
}

/** Writes the header of a head in state "filling" before what follows it. A head of a whole object has all of its bytes as its body. */
export function writeHeadHeader(
  view: SegmentView,
  offset: number,
  fields: HeadFields,
  { hash, recordBytes: bytes }: { readonly hash: NameHash; readonly recordBytes: number },
): void {
  const word = offset / 4
  const { words, doubles } = view
  Atomics.store(words, word + STATE, FILLING)
  words.fill(0, word + VERIFIED, word + HEADER_BYTES / 4)
  doubles[offset / 8 + VALIDATED_AT_DOUBLE] = fields.validatedAtMs
  words[word + GRANULES] = bytes / GRANULE_BYTES
  words[word + HASH_LO] = hash.lo
  words[word + HASH_HI] = hash.hi
  words[word + KIND] = fields.bodyBytes === fields.sizeBytes ? KIND_HEAD_WITH_BODY : KIND_HEAD
  words[word + NAME_LENGTHS] = fields.keyBytes | (fields.etagBytes << 16)
  words[word + META_LENGTH] = fields.metaBytes
  words[word + BODY_LENGTH] = fields.bodyBytes
  doubles[offset / 8 + SIZE_DOUBLE] = fields.sizeBytes
}

/** Marks so many bytes as a record that was given up. Of its header only the first half is written. */
export function writeDead(view: SegmentView, offset: number, bytes: number): void {
  view.words[offset / 4 + GRANULES] = bytes / GRANULE_BYTES
  killRecord(view, offset)
}

/** Gives a record up that was not committed. Its room comes back with its segment. */
export function killRecord(view: SegmentView, offset: number): void {
  Atomics.store(view.words, offset / 4 + STATE, DEAD)
}

/** Copies a committed record. */
export function copyRecord(from: SegmentView, fromOffset: number, to: SegmentView, toOffset: number): void {
  to.bytes.set(from.bytes.subarray(fromOffset, fromOffset + recordBytes(from, fromOffset)), toOffset)
}

export function isCommitted(view: SegmentView, offset: number): boolean {
  return Atomics.load(view.words, offset / 4 + STATE) === COMMITTED
}

export function recordBytes(view: SegmentView, offset: number): number {
  return (view.words[offset / 4 + GRANULES] ?? 0) * GRANULE_BYTES
}

export function recordHash(view: SegmentView, offset: number): NameHash {
  return { lo: view.words[offset / 4 + HASH_LO] ?? 0, hi: view.words[offset / 4 + HASH_HI] ?? 0 }
}

/** True where this is the committed head of the object whose key was hashed last. */
export function isHeadOf(view: SegmentView, offset: number, key: NameHasher): boolean {
  const word = offset / 4
  const kind = view.words[word + KIND]
  if ((kind !== KIND_HEAD && kind !== KIND_HEAD_WITH_BODY) || !isCommitted(view, offset)) return false
  return key.isAt(view.words, word + HEADER_BYTES / 4, view.bytes, (view.words[word + NAME_LENGTHS] ?? 0) & 0xffff)
}

/** True where this is that block of that version, complete. */
export function isBlockOf(view: SegmentView, offset: number, version: ObjectVersion, blockNo: number): boolean {
  const word = offset / 4
  return (
    view.words[word + KIND] === KIND_BLOCK &&
    view.words[word + BLOCK_NO] === blockNo &&
    view.doubles[offset / 8 + SIZE_DOUBLE] === version.sizeBytes &&
    isCommitted(view, offset) &&
    keyIs(view, offset, version.key) &&
    etagIs(view, offset, version.etag)
  )
}

function keyIs(view: SegmentView, offset: number, key: string): boolean {
  const length = (view.words[offset / 4 + NAME_LENGTHS] ?? 0) & 0xffff
  return length === key.length && textAt(view.bytes, offset + HEADER_BYTES, key)
}

/** True where the record belongs to a version with this ETag. */
export function etagIs(view: SegmentView, offset: number, etag: string): boolean {
  const lengths = view.words[offset / 4 + NAME_LENGTHS] ?? 0
  return lengths >>> 16 === etag.length && textAt(view.bytes, offset + HEADER_BYTES + (lengths & 0xffff), etag)
}

/** True where the record belongs to this version. */
export function isVersionOf(view: SegmentView, offset: number, version: ObjectVersion): boolean {
  return sizeOf(view, offset) === version.sizeBytes && etagIs(view, offset, version.etag)
}

// Making a string and comparing it takes half the time of comparing character by character.
function textAt(bytes: Buffer, at: number, text: string): boolean {
  return bytes.toString('latin1', at, at + text.length) === text
}

export function etagOf(view: SegmentView, offset: number): string {
  const end = metaStart(view, offset)
  return view.bytes.toString('latin1', end - ((view.words[offset / 4 + NAME_LENGTHS] ?? 0) >>> 16), end)
}

export function metaOf(view: SegmentView, offset: number): string {
  const start = metaStart(view, offset)
  return view.bytes.toString('latin1', start, start + (view.words[offset / 4 + META_LENGTH] ?? 0))
}

/** Where the meta begins in the segment. */
export function metaStart(view: SegmentView, offset: number): number {
  return offset + HEADER_BYTES + nameBytes(view, offset)
}

/** The body that is in the record; undefined for a head without one. */
export function bodyOf(view: SegmentView, offset: number): Buffer | undefined {
  const length = bodyLengthOf(view, offset)
  if (length === undefined) return undefined
  const start = bodyStart(view, offset)
  return view.bytes.subarray(start, start + length)
}

/** Its length in bytes. */
export function bodyLengthOf(view: SegmentView, offset: number): number | undefined {
  const word = offset / 4
  return view.words[word + KIND] === KIND_HEAD ? undefined : (view.words[word + BODY_LENGTH] ?? 0)
}

/** Where the body begins in the segment. */
export function bodyStart(view: SegmentView, offset: number): number {
  return metaStart(view, offset) + (view.words[offset / 4 + META_LENGTH] ?? 0)
}

export function sizeOf(view: SegmentView, offset: number): number {
  return view.doubles[offset / 8 + SIZE_DOUBLE] ?? 0
}

export function validatedAtOf(view: SegmentView, offset: number): number {
  return view.doubles[offset / 8 + VALIDATED_AT_DOUBLE] ?? 0
}

/** One aligned 64-bit store: other threads see the old or the new time. */
export function setValidatedAt(view: SegmentView, offset: number, validatedAtMs: number): void {
  view.doubles[offset / 8 + VALIDATED_AT_DOUBLE] = validatedAtMs
  view.words[offset / 4 + ON_DISK] = 0
}

/** Owner only. True while the disk tier has the head just as it stands here. */
export function isOnDisk(view: SegmentView, offset: number): boolean {
  return view.words[offset / 4 + ON_DISK] === 1
}

/** Owner only. */
export function setOnDisk(view: SegmentView, offset: number): void {
  view.words[offset / 4 + ON_DISK] = 1
}

export function isHead(view: SegmentView, offset: number): boolean {
  return view.words[offset / 4 + KIND] !== KIND_BLOCK
}

export function keyOf(view: SegmentView, offset: number): string {
  const start = offset + HEADER_BYTES
  return view.bytes.toString('latin1', start, start + ((view.words[offset / 4 + NAME_LENGTHS] ?? 0) & 0xffff))
}

export function blockNoOf(view: SegmentView, offset: number): number {
  return view.words[offset / 4 + BLOCK_NO] ?? 0
}

export function isVerified(view: SegmentView, offset: number): boolean {
  return view.words[offset / 4 + VERIFIED] !== 0
}

/** Compares the checksum, or makes one where there is none; remembers that it was right. */
export function verifyRecord(view: SegmentView, offset: number): boolean {
  if (view.words[offset / 4 + VERIFIED] === VERIFIED_WITHOUT_CHECKSUM) {
    Atomics.store(view.words, offset / 4 + CHECKSUM, checksumOf(view, offset) | 0)
    Atomics.store(view.words, offset / 4 + VERIFIED, 1)
    return true
  }
  if (checksumOf(view, offset) !== (view.words[offset / 4 + CHECKSUM] ?? 0) >>> 0) return false
  view.words[offset / 4 + VERIFIED] = 1
  return true
}

function nameBytes(view: SegmentView, offset: number): number {
  const lengths = view.words[offset / 4 + NAME_LENGTHS] ?? 0
  return (lengths & 0xffff) + (lengths >>> 16)
}

function checksumOf(view: SegmentView, offset: number): number {
  const word = offset / 4
  const end =
    offset + HEADER_BYTES + nameBytes(view, offset) + (view.words[word + META_LENGTH] ?? 0) + (view.words[word + BODY_LENGTH] ?? 0)
  return crc32(view.bytes.subarray(offset + CHECKED_FROM_BYTE, end))
}

function checksumBeforeBody(view: SegmentView, offset: number): number {
  const end = metaStart(view, offset) + (view.words[offset / 4 + META_LENGTH] ?? 0)
  return crc32(view.bytes.subarray(offset + CHECKED_FROM_BYTE, end))
}
