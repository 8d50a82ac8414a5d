import type { DiskRecord } from './disk/disk-record.ts'
import type { DiskShard } from './disk/disk-shard.ts'
import type { NameHash } from './name-hash.ts'
import {
  blockNoOf,
  bodyChecksumOf,
  bodyOf,
  etagOf,
  isHead,
  isOnDisk as isUnchanged,
  keyOf,
  metaOf,
  recordHash,
  setOnDisk,
  sizeOf,
  validatedAtOf,
} from './record.ts'
import type { FoundRecord } from './record-finder.ts'

/** Above this it takes less time to compute a checksum from another one than from the bytes. */
const LONG_BODY_BYTES = 64 * 1024

const EMPTY = new Uint8Array(0)

/** Whether the head that the disk has of the same key, if any, may stay there. */
export type Offered = 'fine' | 'outdated'

/** Offers what was just committed in memory. A head that the disk does not take must not leave an older one there. */
export function offerCommitted(shard: DiskShard, found: FoundRecord): Offered {
  const record = diskRecordOf(found)
  const result = shard.put(record)
  if (record.blockNo !== undefined) return 'fine'
  if (result !== 'stored') return isOnDisk(shard, recordHash(found.view, found.offset)) ? 'outdated' : 'fine'
  setOnDisk(found.view, found.offset)
  return 'fine'
}

/** Offers what memory gives up after it was used there: what the disk refused at first, and heads that the origin confirmed since. */
export function offerDropped(shard: DiskShard, found: FoundRecord): Offered {
  const { view, offset } = found
  const isKnown = isOnDisk(shard, recordHash(view, offset)) && (!isHead(view, offset) || isUnchanged(view, offset))
  if (!isKnown) shard.put(diskRecordOf(found))
  return 'fine'
}

function isOnDisk(shard: DiskShard, hash: NameHash): boolean {
  return shard.context.index.find(hash) !== undefined
}

function diskRecordOf({ view, offset }: FoundRecord): DiskRecord {
  const body = bodyOf(view, offset) ?? EMPTY
  const head = isHead(view, offset)
  return {
    key: keyOf(view, offset),
    etag: etagOf(view, offset),
    sizeBytes: sizeOf(view, offset),
    blockNo: head ? undefined : blockNoOf(view, offset),
    meta: head ? metaOf(view, offset) : '',
    validatedAtMs: head ? validatedAtOf(view, offset) : 0,
    body,
    bodyChecksum: body.length >= LONG_BODY_BYTES ? bodyChecksumOf(view, offset) : undefined,
  }
}
