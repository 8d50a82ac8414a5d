import type { NameHash } from '../name-hash.ts'
import { withFile } from './disk-files.ts'
import { PAGE_BYTES } from './disk-geometry.ts'
import { isBodyIntact, namesEnd, readDiskRecord, readRecordHeader, type DiskRecord } from './disk-record.ts'
import { ENTRY_WORDS, infoGranules, type SegmentEntries } from './segment-format.ts'
import { loadSegment, segmentPath } from './segment-loader.ts'
import { segmentCipher, type ShardContext } from './shard-context.ts'
import type { Appended } from './segment-writer.ts'

const FREQUENCY_MAX = 3

/** Records that begin within this are read together. */
const WINDOW_BYTES = 1024 * 1024

/** How often a copy waits for the disk before it is given up. */
const COPY_ATTEMPTS_MAX = 8

export interface EvacuationHost {
  /** Appends a copy, before anything else that wants to be appended. */
  append(record: DiskRecord, hash: NameHash): Appended
  /** Resolves when what was appended is on disk or lost. */
  drained(): Promise<void>
  dropped(hash: NameHash, bytes: number): void
}

interface Kept {
  readonly hash: NameHash
  readonly offset: number
  readonly bytes: number
}

export interface Evacuation {
  readonly host: EvacuationHost
  /** So much may live on at most. */
  readonly keepBytesMax: number
}

/**
 * Empties the oldest segment of a log: what was used since it was written is appended anew with one use less (the most used first, as
 * much as may be), the rest is forgotten. The segment's first page is cleared before anything is forgotten: otherwise
 * a restart could bring back what was invalidated in between without a tombstone. Rejects where that page cannot be written; then nothing
 * was forgotten.
 */
export async function evacuate(context: ShardContext, segment: number, how: Evacuation): Promise<void> {
  const { table, index, counters } = context
  const entries = await entriesOf(context, segment)
  if (entries !== undefined) await keepUsed(context, segment, { ...how, entries })
  await clearHeader(context, segment)
  if (entries === undefined) {
    counters.evictedRecords += index.clearRange(table.locationOf(segment, 0), table.locationOf(segment + 1, 0))
    return
  }
  for (let i = 0; i < entries.count; i++) {
    const { hash, offset, bytes } = entryAt(context, entries, i)
    const slot = index.slotOf(hash, table.locationOf(segment, offset))
    if (slot === undefined) continue
    index.clear(slot)
    counters.evictedRecords++
    counters.evictedBytes += bytes
    how.host.dropped(hash, bytes)
  }
}

/** The list of what is in the segment; undefined where it cannot be had. */
async function entriesOf(context: ShardContext, segment: number): Promise<SegmentEntries | undefined> {
  try {
    const loaded = await loadSegment(context, segment)
    return loaded.kind === 'records' && loaded.life.sequence === context.table.sequenceOf(segment) ? loaded.entries : undefined
  } catch {
    return undefined
  }
}

async function clearHeader(context: ShardContext, segment: number): Promise<void> {
  const { files, directory } = context
  await withFile(files, segmentPath(directory, segment), 'write', async (fd) => files.write(fd, Buffer.alloc(PAGE_BYTES), 0))
}

async function keepUsed(context: ShardContext, segment: number, from: Evacuation & { readonly entries: SegmentEntries }): Promise<void> {
  const kept = chooseKept(context, segment, from)
  if (kept.length === 0) return
  const fd = await context.files.open(segmentPath(context.directory, segment), 'read')
  try {
    for (let first = 0; first < kept.length;) {
      const start = kept[first]?.offset ?? 0
      let next = first
      let end = start
      for (let record = kept[next]; record !== undefined && record.offset < start + WINDOW_BYTES; record = kept[++next])
        end = record.offset + record.bytes
      const window = Buffer.allocUnsafeSlow(end - start)
      const got = await context.files.read(fd, [window], start)
      for (const record of kept.slice(first, next)) {
        const bytes = window.subarray(record.offset - start, record.offset - start + record.bytes)
        if (record.offset - start + record.bytes <= got) await copyRecord(context, segment, { ...record, stored: bytes, host: from.host })
      }
      first = next
    }
  } catch {
    context.counters.readErrors++
  } finally {
    await context.files.close(fd)
  }
}

/** The most used records, up to the share that may live on, in the order of their places. */
function chooseKept(context: ShardContext, segment: number, from: Evacuation & { readonly entries: SegmentEntries }): Kept[] {
  const { index, table } = context
  const { entries } = from
  const frequencies = new Uint8Array(entries.count)
  const usedBytes = new Float64Array(FREQUENCY_MAX + 1)
  for (let i = 0; i < entries.count; i++) {
    const { hash, offset, bytes } = entryAt(context, entries, i)
    const slot = index.slotOf(hash, table.locationOf(segment, offset))
    const frequency = slot === undefined ? 0 : index.frequencyAt(slot)
    frequencies[i] = frequency
    usedBytes[frequency] = (usedBytes[frequency] ?? 0) + bytes
  }
  const budget = new Float64Array(FREQUENCY_MAX + 1)
  let left = from.keepBytesMax
  for (let frequency = FREQUENCY_MAX; frequency > 0; frequency--) {
    budget[frequency] = Math.min(left, usedBytes[frequency] ?? 0)
    left -= budget[frequency] ?? 0
  }
  const kept: Kept[] = []
  for (let i = 0; i < entries.count; i++) {
    const frequency = frequencies[i] ?? 0
    if (frequency === 0) continue
    const entry = entryAt(context, entries, i)
    const room = budget[frequency] ?? 0
    if (entry.bytes > room) continue
    budget[frequency] = room - entry.bytes
    kept.push(entry)
  }
  return kept
}

async function copyRecord(
  context: ShardContext,
  segment: number,
  what: Kept & { readonly stored: Buffer; readonly host: EvacuationHost },
): Promise<void> {
  const { table, index, format, counters } = context
  const { hash, offset, bytes, stored, host } = what
  const life = { segment, sequence: table.sequenceOf(segment), salt: table.saltOf(segment) }
  const place = { ...life, offset }
  const header = readRecordHeader(stored, place, format)
  if (header === undefined || !isBodyIntact(stored.subarray(namesEnd(header), namesEnd(header) + header.bodyBytes), header, format)) {
    counters.damagedRecords++
    return
  }
  const location = table.locationOf(segment, offset)
  const record = readDiskRecord(stored, header, { place, cipher: segmentCipher(context, life) })
  if (record === undefined) return
  for (let attempt = 0; attempt < COPY_ATTEMPTS_MAX; attempt++) {
    // Right before the copy is made: a copy of what was invalidated would be newer than the tombstone.
    const slot = index.slotOf(hash, location)
    if (slot === undefined) return
    const appended = host.append(record, hash)
    if (typeof appended !== 'string') {
      index.relocate(slot, appended.location, index.frequencyAt(slot) - 1)
      counters.reinsertedRecords++
      counters.reinsertedBytes += bytes
      return
    }
    if (appended !== 'busy') return
    await host.drained()
  }
}

function entryAt(context: ShardContext, { words }: SegmentEntries, i: number): Kept {
  const word = i * ENTRY_WORDS
  const { granuleBytes } = context.format
  return {
    hash: { lo: words[word] ?? 0, hi: words[word + 1] ?? 0 },
    offset: (words[word + 2] ?? 0) * granuleBytes,
    bytes: infoGranules(words[word + 3] ?? 0) * granuleBytes,
  }
}
