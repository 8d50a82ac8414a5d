import { assert } from '../../base/assert.ts'
import { BLOCK_BYTES } from '../block.ts'
import { RECORD_ROOM_BYTES } from '../layout.ts'
import { META_BYTES_MAX } from '../record.ts'
import { EPOCH_FILES_BYTES } from './epoch-log.ts'

/** What the files of a disk cache look like: fixed when the directory is made, written in its superblock. */
export interface DiskGeometry {
  /** Parts of the key space, each with a log of its own in `shard-NN/`. */
  readonly shards: number
  readonly segmentBytes: number
  /** Records begin on multiples of this; locations count in it, so that 32 bits name the whole log of a shard. */
  readonly granuleBytes: number
}

/** Writes begin and end on multiples of this. */
export const PAGE_BYTES = 4096

/** The largest record: header, names, metadata and one block. */
export const DISK_RECORD_BYTES_MAX = BLOCK_BYTES + META_BYTES_MAX + RECORD_ROOM_BYTES

/** One write at most: two records of any size fit. */
export const GROUP_BYTES = Math.ceil((2 * DISK_RECORD_BYTES_MAX) / PAGE_BYTES) * PAGE_BYTES

/** A log turns over in steps of one segment: with fewer there is nothing left to keep while one is emptied. */
export const SEGMENTS_MIN = 4

/** Both tombstone files of a shard at their largest, its directory, and what else is small. */
export const TOMBSTONE_FILE_BYTES = 512 * 1024
const SHARD_FIXED_BYTES = 2 * TOMBSTONE_FILE_BYTES + 128 * 1024

/** Superblock, lock, epochs and the directory itself. */
const DIRECTORY_FIXED_BYTES = 128 * 1024 + EPOCH_FILES_BYTES

const SEGMENT_BYTES_MIN = segmentBytesOf(4 * 1024 * 1024)
const SEGMENT_BYTES_MAX = segmentBytesOf(64 * 1024 * 1024)
const SEGMENTS_WANTED = 64
const GRANULE_BYTES_MIN = 64
const LOCATIONS_MAX = 2 ** 32 - 1

/** File systems keep lists of where a file's bytes lie, and count them as the file's. Fragments of 16 KiB would need this share. */
const METADATA_SHARE = 1 / 256

/** The smallest cap with which a directory can be made. */
export const DISK_BYTES_MIN = diskBytesFor({ shards: 1, segmentBytes: SEGMENT_BYTES_MIN, granuleBytes: GRANULE_BYTES_MIN })

/**
 * The geometry for a new directory of at most `capBytes`: segments of 4 MiB (caps below 512 MiB a shard) to 64 MiB. `shards`
 * is lowered where so many would not have the segments they need.
 */
export function geometryFor(capBytes: number, shardsWanted: number): DiskGeometry {
  assert(capBytes >= DISK_BYTES_MIN, `Cannot lay out a disk cache of ${capBytes} bytes: wanted at least ${DISK_BYTES_MIN}`)
  let shards = shardsWanted
  while (shards > 1 && capBytes < diskBytesFor({ shards, segmentBytes: SEGMENT_BYTES_MIN, granuleBytes: GRANULE_BYTES_MIN })) shards--
  const shareBytes = (capBytes - DIRECTORY_FIXED_BYTES) / shards
  const wanted = segmentBytesOf(2 ** Math.floor(Math.log2(shareBytes / SEGMENTS_WANTED)))
  const segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.max(SEGMENT_BYTES_MIN, wanted))
  // Twice the share, so that a cap may be doubled later.
  let granuleBytes = GRANULE_BYTES_MIN
  while ((2 * shareBytes) / granuleBytes > LOCATIONS_MAX && granuleBytes < PAGE_BYTES) granuleBytes *= 2
  return { shards, segmentBytes, granuleBytes }
}

/** How many segments a shard may have so that all of it together stays below the cap, whatever the file system adds. */
export function segmentsWithin(geometry: DiskGeometry, capBytes: number): number {
  const shareBytes = (capBytes - DIRECTORY_FIXED_BYTES) / geometry.shards - SHARD_FIXED_BYTES
  const byBytes = Math.floor(shareBytes / (geometry.segmentBytes * (1 + METADATA_SHARE)))
  return Math.max(0, Math.min(byBytes, segmentsNameable(geometry)))
}

/** Segments whose records a location can name. */
export function segmentsNameable(geometry: DiskGeometry): number {
  return Math.floor(LOCATIONS_MAX / (geometry.segmentBytes / geometry.granuleBytes))
}

/** What is wrong with a geometry that was read from a file, or undefined. */
export function geometryProblem({ shards, segmentBytes, granuleBytes }: DiskGeometry): string | undefined {
  if (!Number.isInteger(shards) || shards < 1 || shards > 1024) return `${shards} shards: wanted 1 to 1024`
  if (segmentBytes % PAGE_BYTES !== 0 || segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > SEGMENT_BYTES_MAX)
    return `segments of ${segmentBytes} bytes: wanted pages of ${PAGE_BYTES} from ${SEGMENT_BYTES_MIN} to ${SEGMENT_BYTES_MAX}`
  if (!isPowerOfTwo(granuleBytes) || granuleBytes < GRANULE_BYTES_MIN || granuleBytes > PAGE_BYTES)
    return `granules of ${granuleBytes} bytes: wanted a power of two from ${GRANULE_BYTES_MIN} to ${PAGE_BYTES}`
  return undefined
}

/** The least cap for a geometry: every shard has the segments it needs. */
export function diskBytesFor(geometry: DiskGeometry): number {
  const perShard = Math.ceil(SEGMENTS_MIN * geometry.segmentBytes * (1 + METADATA_SHARE)) + SHARD_FIXED_BYTES
  return DIRECTORY_FIXED_BYTES + geometry.shards * perShard
}

/** So many whole blocks of 1 MiB as they say, with room for what stands around them. */
function segmentBytesOf(bodyBytes: number): number {
  return bodyBytes + Math.max(64 * 1024, bodyBytes / 256)
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && 2 ** Math.round(Math.log2(value)) === value
}
