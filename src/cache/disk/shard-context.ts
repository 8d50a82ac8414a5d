import type { DiskIndex } from './disk-index.ts'
import type { DirectoryCipher, SegmentCipher } from './record-cipher.ts'
import type { SegmentLife } from './segment-format.ts'
import type { SegmentSite } from './segment-loader.ts'
import type { SegmentTable } from './segment-table.ts'

/** Counts since the shard was opened. */
export interface DiskCounters {
  insertedRecords: number
  insertedBytes: number
  /** Everything that went to the disk: records, copies of records, padding, headers, footers. */
  writtenBytes: number
  reinsertedRecords: number
  reinsertedBytes: number
  evictedRecords: number
  evictedBytes: number
  /** Dropped because the index was full. */
  displacedRecords: number
  /** Were in a write that failed. */
  lostRecords: number
  damagedRecords: number
  damagedSegments: number
  readErrors: number
  writeErrors: number
  readRecords: number
  readBytes: number
}

export function newDiskCounters(): DiskCounters {
  return {
    insertedRecords: 0,
    insertedBytes: 0,
    writtenBytes: 0,
    reinsertedRecords: 0,
    reinsertedBytes: 0,
    evictedRecords: 0,
    evictedBytes: 0,
    displacedRecords: 0,
    lostRecords: 0,
    damagedRecords: 0,
    damagedSegments: 0,
    readErrors: 0,
    writeErrors: 0,
    readRecords: 0,
    readBytes: 0,
  }
}

/** What the parts of one shard share. */
export interface ShardContext extends SegmentSite {
  readonly index: DiskIndex
  readonly table: SegmentTable
  readonly cipher: DirectoryCipher | undefined
  readonly counters: DiskCounters
}

/** The cipher of a segment's present life; undefined in a directory that is not encrypted. */
export function segmentCipher(
  context: Pick<ShardContext, 'cipher' | 'shard'>,
  life: Omit<SegmentLife, 'shard'>,
): SegmentCipher | undefined {
  return context.cipher?.segment(context.shard, life.segment, life)
}
