import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { DiskIndex } from './disk-index.ts'
import { entryInfo, infoGranules, infoIsHead } from './segment-format.ts'

const MiB = 1024 * 1024

function hashesFrom(seed: number): () => { lo: number; hi: number } {
  const random = seededRandom(seed)
  return () => ({ lo: (random() * 2 ** 32) | 0, hi: (random() * 2 ** 32) | 0 })
}

test('the index grows with its records, finds all of them at every size, and needs 24 bytes for each at most', () => {
  const index = new DiskIndex(DiskIndex.allocate(64 * MiB, 0))
  const next = hashesFrom(1)
  const hashes: { lo: number; hi: number }[] = []
  for (let i = 0; i < 200_000; i++) {
    const hash = next()
    hashes.push(hash)
    assert.equal(index.put(hash, i + 1, entryInfo(7, i % 2 === 0)), undefined)
    if (i % 5000 !== 0) continue
    for (let j = 0; j <= i; j += 97) {
      const slot = index.find(hashes[j]!)
      assert.ok(slot !== undefined && index.locationAt(slot) === j + 1, `record ${j} of ${i}`)
    }
  }
  for (const [i, hash] of hashes.entries()) {
    const slot = index.slotOf(hash, i + 1)
    assert.ok(slot !== undefined, `record ${i}`)
    assert.equal(infoGranules(index.infoAt(slot)), 7)
    assert.equal(infoIsHead(index.infoAt(slot)), i % 2 === 0)
  }
  assert.equal(index.entries, 200_000)
  // Memory comes in steps of 1 MiB.
  assert.ok(index.bytes - MiB < 24 * 200_000, `${index.bytes / 200_000} bytes a record`)
})

test('the index answers like a map through insertions, replacements, removals and moves', () => {
  const index = new DiskIndex(DiskIndex.allocate(8 * MiB, 100))
  const random = seededRandom(7)
  const next = hashesFrom(8)
  const hashes = Array.from({ length: 30_000 }, next)
  const model = new Map<number, number>()
  for (let step = 1; step <= 200_000; step++) {
    const i = Math.floor(random() * hashes.length)
    const hash = hashes[i]!
    const slot = index.find(hash)
    assert.equal(slot === undefined ? undefined : index.locationAt(slot), model.get(i), `step ${step}`)
    if (random() < 0.6) {
      assert.equal(index.put(hash, step, 1), undefined)
      model.set(i, step)
    } else if (slot !== undefined) {
      if (random() < 0.5) {
        index.clear(slot)
        model.delete(i)
      } else {
        index.relocate(slot, step, 1)
        model.set(i, step)
      }
    }
    assert.equal(index.entries, model.size)
  }
})

test('a full index drops the coldest record of two buckets, says which, and never grows beyond its limit', () => {
  const limit = 1024 * 128 + 128
  const index = new DiskIndex(DiskIndex.allocate(limit, 0))
  const next = hashesFrom(3)
  let displaced = 0
  for (let i = 1; i <= 20_000; i++) {
    const hash = next()
    const gone = index.put(hash, i, 1)
    if (gone !== undefined) {
      displaced++
      assert.equal(index.slotOf(gone.hash, gone.location), undefined)
    }
    assert.ok(index.slotOf(hash, i) !== undefined)
  }
  assert.ok(index.bytes <= limit)
  assert.equal(index.entries + displaced, 20_000)
  assert.ok(index.entries > 0.95 * 1024 * 8, 'two choices and one move fill it nearly')
})

test('uses are counted up to three, survive nothing but their own record, and a check of the checksum is remembered', () => {
  const index = new DiskIndex(DiskIndex.allocate(MiB, 0))
  const hash = { lo: 5, hi: -9 }
  index.put(hash, 4_000_000_000, entryInfo(1000, true))
  const slot = index.find(hash)!
  for (let i = 0; i < 6; i++) index.touch(slot, index.infoAt(slot))
  assert.equal(index.frequencyAt(slot), 3)
  assert.equal(infoGranules(index.infoAt(slot)), 1000)
  index.touch(slot, 12345)
  assert.equal(index.frequencyAt(slot), 3, 'what was seen before the slot changed hands counts for nothing')
  index.markVerified(hash, 4_000_000_000)
  assert.ok(index.isVerified(index.infoAt(slot)))
  index.relocate(slot, 8, 2)
  assert.ok(!index.isVerified(index.infoAt(slot)))
  assert.equal(index.frequencyAt(slot), 2)
  assert.equal(infoGranules(index.infoAt(slot)), 1000)
  index.put(hash, 9, entryInfo(4, true))
  assert.equal(index.frequencyAt(slot), 0)
})

test('clearRange() forgets exactly the records of a range of locations', () => {
  const index = new DiskIndex(DiskIndex.allocate(MiB, 0))
  const next = hashesFrom(4)
  const hashes = Array.from({ length: 1000 }, next)
  for (const [i, hash] of hashes.entries()) index.put(hash, i + 1, 1)
  assert.equal(index.clearRange(101, 201), 100)
  assert.equal(index.entries, 900)
  for (const [i, hash] of hashes.entries()) assert.equal(index.find(hash) === undefined, i >= 100 && i < 200)
})

test('another view of the same memory sees what was added after it was made', () => {
  const memory = DiskIndex.allocate(16 * MiB, 0)
  const owner = new DiskIndex(memory)
  const reader = new DiskIndex(memory)
  const next = hashesFrom(5)
  const hashes = Array.from({ length: 50_000 }, next)
  for (const [i, hash] of hashes.entries()) owner.put(hash, i + 1, 1)
  for (const [i, hash] of hashes.entries()) {
    const slot = reader.find(hash)
    assert.equal(slot === undefined ? undefined : reader.locationAt(slot), i + 1)
  }
})
