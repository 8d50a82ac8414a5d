import { assert } from '../base/assert.ts'
import { BLOCK_BYTES } from './block.ts'
import { poolBytes } from './segment-pool.ts'

/** Records begin on multiples of this; locations count in it, so 32 bits name 256 GiB. */
export const GRANULE_BYTES = 64

/** What stands before the body in a block record at most: header, key and ETag. */
export const RECORD_ROOM_BYTES = 2048

/** The largest record, and the unit that segments are multiples of. */
export const RECORD_BYTES_MAX = BLOCK_BYTES + RECORD_ROOM_BYTES

/** Below this the log has too few segments to turn over. */
export const MEMORY_BYTES_MIN = 8 * 1024 * 1024

/** 32-bit locations in granules. */
export const MEMORY_BYTES_MAX = 2 ** 32 * GRANULE_BYTES

/** Bytes of one index slot: hash (8), location (4), frequency (4). */
export const SLOT_BYTES = 16

/** Slots of one bucket; a record may stand in any slot of two buckets. */
export const BUCKET_SLOTS = 8

/** One slot for so many bytes of budget: 59 bytes of slots for a 4 KiB object with its head (some 4.6 KiB). */
const BUDGET_BYTES_PER_SLOT = 1280

/** Small enough that reclaiming one copies for a millisecond or two, large enough that a cache of 256 GiB has few. */
const SEGMENT_UNITS_MAX = 8

const SEGMENTS_WANTED = 64

const GENERATIONS_MAX = 65_536

/** Pins of one worker begin on a cache line of their own: 64 bytes. */
const PIN_STRIPE_WORDS = 16

/** Among how many threads a cache is divided. */
export interface ThreadCounts {
  /** Workers that own a part of the objects. */
  readonly owners: number
  /** All workers: each has pins of its own. */
  readonly workers: number
}

/** How a memory budget is divided. All of it together never exceeds the budget. */
export interface CacheLayout extends ThreadCounts {
  readonly memoryBytes: number
  readonly segmentBytes: number
  readonly segmentCount: number
  /** Of the index of one owner. */
  readonly bucketCount: number
  /** Remembered names of records dropped from the small log and from the main log, for each owner. */
  readonly smallGhosts: number
  readonly mainGhosts: number
  readonly generations: number
  /** 32-bit counts that each worker has for its pins, rounded up to whole cache lines. */
  readonly pinStripeWords: number
  /** Index, ghosts, generations, pins and pool: everything beside the arena. */
  readonly indexBytes: number
}

/** Divides the budget: the index takes what its slots need, the arena gets the rest in equal segments. */
export function layoutFor(memoryBytes: number, threads: ThreadCounts = { owners: 1, workers: 1 }): CacheLayout {
  const { owners, workers } = threads
  assert(
    memoryBytes >= MEMORY_BYTES_MIN && memoryBytes <= MEMORY_BYTES_MAX,
    `Cannot lay out a cache of ${memoryBytes} bytes: wanted ${MEMORY_BYTES_MIN} to ${MEMORY_BYTES_MAX}`,
  )
  const bucketCount = Math.floor(memoryBytes / BUDGET_BYTES_PER_SLOT / BUCKET_SLOTS / owners)
  const slots = bucketCount * BUCKET_SLOTS
  const smallGhosts = powerOfTwoUpTo(slots / 2)
  const mainGhosts = powerOfTwoUpTo(slots / 8)
  const generations = Math.min(GENERATIONS_MAX, powerOfTwoUpTo(slots * owners))
  const units = Math.floor(memoryBytes / RECORD_BYTES_MAX)
  const partBytes = slots * SLOT_BYTES + (smallGhosts + mainGhosts) * 8
  const tableBytes = partBytes * owners + (generations + roundUp(units, PIN_STRIPE_WORDS) * workers) * 4 + poolBytes(units, owners)
  const arenaUnits = Math.floor((memoryBytes - tableBytes) / RECORD_BYTES_MAX)
  const segmentUnits = Math.max(1, Math.min(SEGMENT_UNITS_MAX, Math.floor(arenaUnits / SEGMENTS_WANTED)))
  const segmentCount = Math.floor(arenaUnits / segmentUnits)
  return {
    ...threads,
    memoryBytes,
    segmentBytes: segmentUnits * RECORD_BYTES_MAX,
    segmentCount,
    bucketCount,
    smallGhosts,
    mainGhosts,
    generations,
    pinStripeWords: roundUp(segmentCount, PIN_STRIPE_WORDS),
    indexBytes: tableBytes,
  }
}

function roundUp(count: number, multiple: number): number {
  return Math.ceil(count / multiple) * multiple
}

function powerOfTwoUpTo(limit: number): number {
  return 2 ** Math.floor(Math.log2(limit))
}
