import { assert } from '../base/assert.ts'
import { BUCKET_SLOTS, layoutFor, SLOT_BYTES, type CacheLayout } from './layout.ts'
import { drawHash, type NameHash } from './name-hash.ts'
import { fillPool, poolBytes } from './segment-pool.ts'

/** So much memory gives one more worker a part of the cache of its own: below it a part has too few segments to turn over. */
const MEMORY_BYTES_PER_OWNER = 16 * 1024 * 1024

/** Its spare, one to fill of each log, and one that passes. */
const SEGMENTS_PER_OWNER_MIN = 4

/** What the threads of one cache have in common: it is made once, and posted to every worker as it is. */
export interface CacheShare {
  readonly layout: CacheLayout
  /** Seeds the hashes, which all threads must compute alike. */
  readonly seed: NameHash
  /** Parts of the key space, dealt out to the owners: as many as owners, or as shards on disk. */
  readonly parts: number
  /** There is a disk below the memory. */
  readonly hasDisk: boolean
  readonly records: SharedArrayBuffer
  readonly pins: SharedArrayBuffer
  readonly index: SharedArrayBuffer
  readonly generations: SharedArrayBuffer
  readonly pool: SharedArrayBuffer
}

export interface ShareOptions {
  /** Everything that is shared and the private tables of every owner, together. */
  readonly memoryBytes: number
  /** Threads that read. 1 where absent. */
  readonly workers?: number
  /** How many of the workers, from number 0 on, own a part of the objects. As many as the memory is good for where absent. */
  readonly owners?: number
  /** What a disk cache was made with: names are hashed as there, and no shard has two owners. */
  readonly disk?: { readonly shards: number; readonly seed: NameHash } | undefined
  readonly random?: () => number
}

/** Allocates the memory of one cache for all of its workers. */
export function createCacheShare(options: ShareOptions): CacheShare {
  const { memoryBytes, workers = options.owners ?? 1, disk, random = Math.random } = options
  const owners = Math.min(options.owners ?? ownersFor(workers, memoryBytes), disk?.shards ?? Infinity)
  assert(owners >= 1 && owners <= workers, 'owners are workers')
  const layout = layoutFor(memoryBytes, { owners, workers })
  assert(
    layout.segmentCount >= owners * SEGMENTS_PER_OWNER_MIN,
    `Cannot divide ${memoryBytes} bytes among ${owners} owners: wanted more memory`,
  )
  const pool = new SharedArrayBuffer(poolBytes(layout.segmentCount, owners))
  fillPool(pool, layout.segmentCount, owners)
  return {
    layout,
    seed: disk?.seed ?? drawHash(random),
    parts: disk?.shards ?? owners,
    hasDisk: disk !== undefined,
    records: new SharedArrayBuffer(layout.segmentBytes * layout.segmentCount),
    pins: new SharedArrayBuffer(layout.pinStripeWords * workers * 4),
    index: new SharedArrayBuffer(layout.bucketCount * BUCKET_SLOTS * SLOT_BYTES * owners),
    generations: new SharedArrayBuffer(layout.generations * 4),
    pool,
  }
}

function ownersFor(workers: number, memoryBytes: number): number {
  return Math.min(workers, Math.max(1, Math.floor(memoryBytes / MEMORY_BYTES_PER_OWNER)))
}
