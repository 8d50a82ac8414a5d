import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from './arena.ts'
import { BUCKET_SLOTS, layoutFor, MEMORY_BYTES_MAX, MEMORY_BYTES_MIN, RECORD_BYTES_MAX, SLOT_BYTES } from './layout.ts'
import { createCacheShare } from './share.ts'

const MiB = 1024 * 1024

test('layoutFor() never takes more than the budget and wastes less than a segment and a block', () => {
  for (let memoryBytes = MEMORY_BYTES_MIN; memoryBytes < 40 * 1024 * MiB; memoryBytes = Math.floor(memoryBytes * 1.37) + 12345) {
    const layout = layoutFor(memoryBytes)
    const takenBytes = layout.indexBytes + layout.segmentBytes * layout.segmentCount
    assert.ok(takenBytes <= memoryBytes, `${memoryBytes}: takes ${takenBytes}`)
    assert.ok(takenBytes > memoryBytes - layout.segmentBytes - RECORD_BYTES_MAX, `${memoryBytes}: takes only ${takenBytes}`)
    assert.ok(layout.segmentCount >= (memoryBytes < 40 * MiB ? 6 : 32))
  }
})

test('layoutFor() has a slot for every 4 KiB object at no more than 64 bytes each', () => {
  const layout = layoutFor(5 * 1024 * MiB)
  const objects = (layout.segmentBytes * layout.segmentCount) / 4700
  assert.ok(objects > 1e6)
  assert.ok(layout.indexBytes / objects < 80)
  assert.ok((layout.bucketCount * BUCKET_SLOTS * SLOT_BYTES) / objects <= 64)
})

test('layoutFor() refuses budgets that cannot work', () => {
  assert.throws(() => layoutFor(MEMORY_BYTES_MIN - 1), /Cannot lay out/)
  assert.throws(() => layoutFor(MEMORY_BYTES_MAX + 1), /Cannot lay out/)
})

test('an arena larger than 4 GiB is reached to its last byte', () => {
  const share = createCacheShare({ memoryBytes: 5 * 1024 * MiB })
  const { layout } = share
  const arena = new Arena(share, 0)
  const last = layout.segmentCount - 1
  const offset = layout.segmentBytes - RECORD_BYTES_MAX
  const location = arena.locationOf(last, offset)
  assert.equal(arena.segmentOf(location), last)
  assert.equal(arena.offsetOf(location), offset)
  const { bytes } = arena.view(last)
  bytes[layout.segmentBytes - 1] = 7
  assert.equal(new Uint8Array(share.records, layout.segmentBytes * layout.segmentCount - 1, 1)[0], 7)
})

test('an arena refuses to give back a pin that was not taken', () => {
  const arena = new Arena(createCacheShare({ memoryBytes: MEMORY_BYTES_MIN }), 0)
  arena.pin(2)
  arena.pin(2)
  assert.equal(arena.pinCount(), 2)
  assert.equal(arena.unpin(2), false)
  assert.equal(arena.unpin(2), true)
  assert.throws(() => arena.unpin(2), /unpinned/)
})
