import { codeOf, withFile } from './disk-files.ts'
import { segmentsNameable, segmentsWithin } from './disk-geometry.ts'
import { DiskIndex } from './disk-index.ts'
import type { DirectoryCipher } from './record-cipher.ts'
import { encodeFooter, ENTRY_WORDS, type SegmentEntries, type SegmentLife } from './segment-format.ts'
import { loadSegment, segmentOfName, segmentPath, type SegmentSite } from './segment-loader.ts'
import { SegmentTable } from './segment-table.ts'
import { newDiskCounters, type ShardContext } from './shard-context.ts'
import { isBefore, type Tombstone, type TombstoneLog } from './tombstone-log.ts'

/** Segments that are read at once: a cold device answers several requests in the time of one. */
const LOADS_AT_ONCE = 8

/** A segment with records. */
export interface SegmentOfRecords {
  readonly life: SegmentLife
  readonly entries: SegmentEntries
  readonly from: 'footer' | 'scan'
}

/** What the files of a shard tell. */
export interface FoundSegments {
  /** By sequence, the oldest first. */
  readonly withRecords: readonly SegmentOfRecords[]
  readonly empty: readonly number[]
  /** Unbelievable or unreadable: their files are to be removed. */
  readonly damaged: readonly { readonly segment: number; readonly why: string }[]
}

/** Reads all segments of a shard. Rejects where the directory cannot be listed. */
export async function findSegments(site: SegmentSite): Promise<FoundSegments> {
  const numbers = (await site.files.list(site.directory)).flatMap((name) => segmentOfName(name) ?? [])
  const segmentsMax = segmentsNameable(site.geometry)
  const withRecords: SegmentOfRecords[] = []
  const empty: number[] = []
  const damaged: { segment: number; why: string }[] = []
  const one = async (segment: number): Promise<void> => {
    try {
      if (segment >= segmentsMax) throw new Error('beyond what a location can name')
      const loaded = await loadSegment(site, segment)
      if (loaded.kind === 'records') withRecords.push(loaded)
      else if (loaded.kind === 'empty') empty.push(segment)
      else damaged.push({ segment, why: loaded.why })
    } catch (error) {
      damaged.push({ segment, why: `it cannot be read: ${codeOf(error)}` })
    }
  }
  const queue = numbers.values()
  const worker = async (): Promise<void> => {
    for (const segment of queue) await one(segment)
  }
  await Promise.all(Array.from({ length: LOADS_AT_ONCE }, worker))
  withRecords.sort((left, right) => left.life.sequence - right.life.sequence)
  return { withRecords, empty, damaged }
}

/** The shared memory for what was found, and for what the cap lets come. */
export function contextFor(
  site: SegmentSite,
  found: FoundSegments,
  options: { readonly capBytes: number; readonly indexBytesMax: number; readonly cipher: DirectoryCipher | undefined },
): ShardContext {
  const segments = [...found.withRecords.map(({ life }) => life.segment), ...found.empty]
  const segmentCount = segments.reduce((most, segment) => Math.max(most, segment + 1), segmentsWithin(site.geometry, options.capBytes))
  const records = found.withRecords.reduce((sum, { entries }) => sum + entries.count, 0)
  return {
    ...site,
    index: new DiskIndex(DiskIndex.allocate(options.indexBytesMax, records)),
    table: new SegmentTable(site.geometry, SegmentTable.allocate(segmentCount)),
    cipher: options.cipher,
    counters: newDiskCounters(),
  }
}

interface RestoredIndex {
  /** Records that there was no room for. */
  readonly displaced: number
  /** No segment and no tombstone has a higher one. */
  readonly lastSequence: number
  readonly tombstonesComplete: boolean
}

/** Makes everything that was found findable, but for what was invalidated. Opens the tombstone log. */
export async function restoreIndex(context: ShardContext, found: FoundSegments, log: TombstoneLog): Promise<RestoredIndex> {
  const { index, table } = context
  const displaced = fillIndex(index, table, context, found.withRecords)
  const newest = found.withRecords.at(-1)?.life.sequence ?? 0
  const { tombstones, complete } = await log.open()
  table.setProvenFrom(applyTombstones(index, table, tombstones))
  const lastSequence = tombstones.reduce((most, { before }) => Math.max(most, before.sequence), newest)
  return { displaced, lastSequence, tombstonesComplete: complete }
}

/** Enters all records; of one name the newest. Returns how many there was no room for. */
function fillIndex(index: DiskIndex, table: SegmentTable, site: SegmentSite, segments: readonly SegmentOfRecords[]): number {
  const { granuleBytes, segmentBytes } = site.geometry
  let displaced = 0
  const hash = { lo: 0, hi: 0 }
  for (const { life, entries } of segments) {
    table.beginLife(life.segment, { sequence: life.sequence, salt: life.salt, writtenTo: segmentBytes })
    const { words } = entries
    for (let i = 0; i < entries.count * ENTRY_WORDS; i += ENTRY_WORDS) {
      hash.lo = words[i] ?? 0
      hash.hi = words[i + 1] ?? 0
      const location = table.locationOf(life.segment, (words[i + 2] ?? 0) * granuleBytes)
      if (index.put(hash, location, words[i + 3] ?? 0) !== undefined) displaced++
    }
  }
  return displaced
}

/** Forgets what was invalidated. Returns the sequence from which on heads are proven. */
function applyTombstones(index: DiskIndex, table: SegmentTable, tombstones: readonly Tombstone[]): number {
  let provenFrom = 0
  for (const { hash, before } of tombstones) {
    if (hash === undefined) {
      provenFrom = Math.max(provenFrom, before.sequence)
      continue
    }
    const slot = index.find(hash)
    if (slot === undefined) continue
    const location = index.locationAt(slot)
    const position = { sequence: table.sequenceOf(table.segmentOf(location)), offset: table.offsetOf(location) }
    if (isBefore(position, before)) index.clear(slot)
  }
  return provenFrom
}

/** Gives a segment that was not sealed its footer, so that the next start need not scan it. */
export async function writeMissingFooter(site: SegmentSite, { life, entries }: SegmentOfRecords): Promise<void> {
  const footer = encodeFooter(entries, life, site.format.checksumSeed)
  await withFile(site.files, segmentPath(site.directory, life.segment), 'write', async (fd) => {
    await site.files.setLength(fd, site.geometry.segmentBytes)
    await site.files.write(fd, footer, site.geometry.segmentBytes - footer.length)
  })
}
