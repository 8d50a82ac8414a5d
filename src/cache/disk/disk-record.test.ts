import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  diskRecordBytes,
  isBlock,
  isBodyIntact,
  namesEnd,
  readDiskRecord,
  readRecordHeader,
  writeDiskRecord,
  writePadding,
  type DiskRecord,
} from './disk-record.ts'
import { DirectoryCipher } from './record-cipher.ts'
import { decodeFooter, decodeSegmentHeader, encodeFooter, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-format.ts'
import { bodyOf, headRecord } from './testing/disk-harness.ts'

const FORMAT = { granuleBytes: 64, checksumSeed: 12345 }
const PLACE = { sequence: 7, salt: 99, offset: 4096 }
const HASH = { lo: 1, hi: -2 }
const CIPHER = new DirectoryCipher(Buffer.alloc(32, 3), 'uuid').segment(0, 1, PLACE)

function write(record: DiskRecord, cipher = undefined as typeof CIPHER | undefined): Buffer {
  const bytes = Buffer.alloc(diskRecordBytes(record, FORMAT) ?? 0, 0xee)
  assert.ok(writeDiskRecord(bytes, record, { hash: HASH, place: PLACE, format: FORMAT, cipher }))
  return bytes
}

/** As a reader does: header, body, then the whole. */
function read(bytes: Buffer, cipher?: typeof CIPHER, place = PLACE): DiskRecord | undefined {
  const header = readRecordHeader(bytes, place, FORMAT)
  if (header === undefined) return undefined
  if (!isBodyIntact(bytes.subarray(namesEnd(header), namesEnd(header) + header.bodyBytes), header, FORMAT)) return undefined
  return readDiskRecord(bytes, header, { place, cipher })
}

const BLOCK: DiskRecord = { key: 'k', etag: '"v"', sizeBytes: 10_000_000, blockNo: 3, meta: '', validatedAtMs: 0, body: bodyOf(1, 5000) }
const RECORDS = [headRecord('key', '"etag"', bodyOf(2, 777)), headRecord('k'.repeat(1024), '', Buffer.alloc(0), 1.5e12), BLOCK]

for (const cipher of [undefined, CIPHER]) {
  test(`a record ${cipher === undefined ? '' : 'that is encrypted '}is read as it was written, and is damage with any bit changed`, () => {
    for (const record of RECORDS) {
      const stored = write(record, cipher)
      const got = read(Buffer.from(stored), cipher)
      assert.deepEqual({ ...got, body: undefined }, { ...record, body: undefined })
      assert.ok(Buffer.from(got?.body ?? []).equals(record.body))
      const end = 96 + record.key.length + record.etag.length + record.meta.length + record.body.length
      for (let bit = 0; bit < end * 8; bit += bit < 1000 ? 1 : 61) {
        const damaged = Buffer.from(stored)
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.equal(read(damaged, cipher), undefined, `bit ${bit} of ${end * 8}`)
      }
    }
  })
}

test('a record is one only at its place, in its life of the segment, in its directory, and with its key', () => {
  const stored = write(BLOCK)
  for (const place of [
    { ...PLACE, offset: 8192 },
    { ...PLACE, sequence: 8 },
    { ...PLACE, salt: 98 },
  ])
    assert.equal(read(stored, undefined, place), undefined)
  assert.equal(readRecordHeader(stored, PLACE, { ...FORMAT, checksumSeed: 1 }), undefined)
  const header = readRecordHeader(stored, PLACE, FORMAT)!
  assert.ok(isBlock(stored, header, BLOCK, 3))
  for (const [version, blockNo] of [
    [BLOCK, 2],
    [{ ...BLOCK, key: 'l' }, 3],
    [{ ...BLOCK, etag: '"w"' }, 3],
    [{ ...BLOCK, sizeBytes: 9_000_000 }, 3],
  ] as const)
    assert.ok(!isBlock(stored, header, version, blockNo))
  const other = new DirectoryCipher(Buffer.alloc(32, 4), 'uuid').segment(0, 1, PLACE)
  assert.equal(read(write(BLOCK, CIPHER), other), undefined)
  assert.equal(read(write(BLOCK, CIPHER), undefined), undefined)
  assert.equal(read(write(BLOCK), CIPHER), undefined)
})

test('names that do not fit or are not latin1 are not stored', () => {
  assert.equal(diskRecordBytes(headRecord('k'.repeat(3000), '"v"', Buffer.alloc(0)), FORMAT), undefined)
  assert.equal(diskRecordBytes({ ...BLOCK, meta: 'm'.repeat(70_000) }, FORMAT), undefined)
  assert.equal(diskRecordBytes({ ...BLOCK, body: Buffer.alloc(1024 * 1024 + 128 * 1024) }, FORMAT), undefined)
  const wide = { ...BLOCK, key: '\u0141' }
  const target = Buffer.alloc(diskRecordBytes(wide, FORMAT)!)
  assert.equal(writeDiskRecord(target, wide, { hash: HASH, place: PLACE, format: FORMAT, cipher: undefined }), false)
})

test('padding of any number of granules is read as such', () => {
  for (const bytes of [64, 128, 4032]) {
    const target = Buffer.alloc(bytes, 0xff)
    writePadding(target, PLACE, FORMAT)
    const header = readRecordHeader(target, PLACE, FORMAT)
    assert.deepEqual([header?.kind, header?.recordBytes], ['padding', bytes])
  }
})

test('headers and footers of segments belong to one life, and are nothing with any bit changed', () => {
  const life = { shard: 2, segment: 5, sequence: 9, salt: 4_000_000_000 }
  const page = Buffer.alloc(SEGMENT_HEADER_BYTES)
  assert.equal(decodeSegmentHeader(page, 1), 'empty')
  encodeSegmentHeader(page, life, 1)
  assert.deepEqual(decodeSegmentHeader(page, 1), life)
  assert.equal(decodeSegmentHeader(page, 2), undefined)
  for (const count of [0, 1, 1000]) {
    const words = Int32Array.from({ length: count * 4 }, (_, i) => i * 77)
    const footer = encodeFooter({ words, count }, life, 1)
    assert.deepEqual(decodeFooter(footer, life, 1), { words, count })
    assert.equal(decodeFooter(footer, { ...life, sequence: 10 }, 1), undefined)
    assert.equal(decodeFooter(footer, { ...life, salt: 1 }, 1), undefined)
    for (let at = footer.length - 64 - count * 16; at < footer.length; at += 3) {
      const damaged = Buffer.from(footer)
      damaged[at] = (damaged[at] ?? 0) ^ 4
      assert.equal(decodeFooter(damaged, life, 1), undefined, `byte ${at}`)
    }
  }
  for (let bit = 0; bit < 28 * 8; bit++) {
    const damaged = Buffer.from(page)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(decodeSegmentHeader(damaged, 1), undefined)
  }
})
