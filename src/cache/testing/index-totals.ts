import { Arena } from '../arena.ts'
import { HashIndex } from '../hash-index.ts'
import { BUCKET_SLOTS } from '../layout.ts'
import { recordBytes } from '../record.ts'
import type { CacheShare } from '../share.ts'

/** For tests: how many records an owner's index names, and their bytes. Only while nobody writes. */
export function indexTotals(share: CacheShare, owner: number): { entries: number; liveBytes: number } {
  const index = new HashIndex(share, owner)
  const arena = new Arena(share, 0)
  let entries = 0
  let liveBytes = 0
  for (let slot = 0; slot < share.layout.bucketCount * BUCKET_SLOTS; slot++) {
    const location = index.locationAt(slot)
    if (location === 0) continue
    entries++
    liveBytes += recordBytes(arena.view(arena.segmentOf(location)), arena.offsetOf(location))
  }
  return { entries, liveBytes }
}
