import { join } from 'node:path'
import { withFile, type DiskFiles } from './disk-files.ts'
import { DISK_RECORD_BYTES_MAX, PAGE_BYTES, type DiskGeometry } from './disk-geometry.ts'
import { isBodyIntact, namesEnd, readRecordHeader, type RecordFormat, type RecordHeader } from './disk-record.ts'
import {
  decodeFooter,
  decodeSegmentHeader,
  ENTRY_WORDS,
  entryInfo,
  footerBytes,
  infoGranules,
  SEGMENT_HEADER_BYTES,
  trailerCount,
  type SegmentEntries,
  type SegmentLife,
} from './segment-format.ts'

/** What a segment is, as far as its file tells. */
export type LoadedSegment =
  | { readonly kind: 'records'; readonly life: SegmentLife; readonly entries: SegmentEntries; readonly from: 'footer' | 'scan' }
  /** Given up on purpose; its room is free. */
  | { readonly kind: 'empty' }
  /** Nothing in it can be believed. */
  | { readonly kind: 'damaged'; readonly why: string }

/** Where segments of a shard are, and what they look like. */
export interface SegmentSite {
  readonly files: DiskFiles
  readonly directory: string
  readonly shard: number
  readonly geometry: DiskGeometry
  readonly format: RecordFormat
}

/** Long enough for the footer of a segment full of blocks: one read. */
const TAIL_BYTES = 16 * 1024

const SCAN_CHUNK_BYTES = 4 * 1024 * 1024

const SEGMENT_NAME = /^segment-(\d{5})$/

export function segmentPath(directory: string, segment: number): string {
  return join(directory, `segment-${String(segment).padStart(5, '0')}`)
}

/** The number of a segment's file, or undefined for any other name. */
export function segmentOfName(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/**
 * Reads what is in a segment: from its footer where it was sealed, else record by record up to the last that is whole. Rejects
 * only where the file cannot be read.
 */
export async function loadSegment(site: SegmentSite, segment: number): Promise<LoadedSegment> {
  return withFile(site.files, segmentPath(site.directory, segment), 'read', async (fd) => {
    const page = Buffer.alloc(PAGE_BYTES)
    const length = await site.files.read(fd, [page], 0)
    if (length === 0) return { kind: 'empty' }
    const life = decodeSegmentHeader(page.subarray(0, length), site.format.checksumSeed)
    if (life === 'empty') return { kind: 'empty' }
    if (life === undefined) return { kind: 'damaged', why: 'its first page is not that of a segment of this directory' }
    if (life.segment !== segment || life.shard !== site.shard)
      return { kind: 'damaged', why: `it is segment ${life.segment} of shard ${life.shard} under another name` }
    const entries = await readFooter(site, fd, life)
    if (entries !== undefined) return { kind: 'records', life, entries, from: 'footer' }
    return { kind: 'records', life, entries: await scanRecords(site, fd, life), from: 'scan' }
  })
}

async function readFooter(site: SegmentSite, fd: number, life: SegmentLife): Promise<SegmentEntries | undefined> {
  const { segmentBytes } = site.geometry
  let tail = Buffer.alloc(TAIL_BYTES)
  if ((await site.files.read(fd, [tail], segmentBytes - tail.length)) < tail.length) return undefined
  const count = trailerCount(tail, life)
  if (count === undefined || footerBytes(count) > segmentBytes - SEGMENT_HEADER_BYTES) return undefined
  if (footerBytes(count) > tail.length) {
    tail = Buffer.alloc(footerBytes(count))
    if ((await site.files.read(fd, [tail], segmentBytes - tail.length)) < tail.length) return undefined
  }
  const entries = decodeFooter(tail, life, site.format.checksumSeed)
  return entries !== undefined && areInOrder(site, entries) ? entries : undefined
}

/** A checksum can be right by chance; places outside the segment would not be found out later. */
function areInOrder(site: SegmentSite, { words, count }: SegmentEntries): boolean {
  const { segmentBytes, granuleBytes } = site.geometry
  const end = (segmentBytes - footerBytes(count)) / granuleBytes
  let free = SEGMENT_HEADER_BYTES / granuleBytes
  for (let i = 0; i < count * ENTRY_WORDS; i += ENTRY_WORDS) {
    const place = words[i + 2] ?? 0
    const granules = infoGranules(words[i + 3] ?? 0)
    if (place < free || granules === 0) return false
    free = place + granules
  }
  return free <= end
}

/** What was appended before a crash: every record up to the first that is not whole. */
async function scanRecords(site: SegmentSite, fd: number, life: SegmentLife): Promise<SegmentEntries> {
  const found: number[] = []
  const { granuleBytes } = site.format
  let chunk: Buffer = Buffer.alloc(0)
  let chunkAt = SEGMENT_HEADER_BYTES
  for (let at = SEGMENT_HEADER_BYTES; ;) {
    const place = { sequence: life.sequence, salt: life.salt, offset: at }
    // Refilled before a record could reach beyond what is there, so that "not whole" means so.
    if (at + DISK_RECORD_BYTES_MAX > chunkAt + chunk.length && chunkAt + chunk.length < site.geometry.segmentBytes) {
      chunk = await readChunk(site, fd, at)
      chunkAt = at
      if (chunk.length === 0) break
    }
    const bytes = chunk.subarray(at - chunkAt)
    const header = readRecordHeader(bytes, place, site.format)
    if (header === undefined || header.recordBytes === 0 || header.recordBytes > bytes.length) break
    if (header.kind !== 'padding') {
      const bodyAt = namesEnd(header)
      if (!isBodyIntact(bytes.subarray(bodyAt, bodyAt + header.bodyBytes), header, site.format)) break
      found.push(header.hash.lo, header.hash.hi, at / granuleBytes, infoOf(header, granuleBytes))
    }
    at += header.recordBytes
  }
  return { words: Int32Array.from(found), count: found.length / ENTRY_WORDS }
}

async function readChunk(site: SegmentSite, fd: number, at: number): Promise<Buffer> {
  const chunk = Buffer.alloc(Math.min(SCAN_CHUNK_BYTES, site.geometry.segmentBytes - at))
  return chunk.subarray(0, await site.files.read(fd, [chunk], at))
}

function infoOf(header: RecordHeader, granuleBytes: number): number {
  return entryInfo(header.recordBytes / granuleBytes, header.kind === 'head')
}
