import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { GhostList } from './ghost-list.ts'
import { HashIndex } from './hash-index.ts'
import { drawHash, NameHasher } from './name-hash.ts'
import { createCacheShare } from './share.ts'

function newIndex(): HashIndex {
  return new HashIndex(createCacheShare({ memoryBytes: 8 * 1024 * 1024 }), 0)
}

test('the index finds what was published until it is cleared, and every record of one hash', () => {
  const index = newIndex()
  const hash = { lo: 123, hi: -456 }
  for (const location of [7, 4_000_000_000]) index.publish(index.roomFor(hash), hash, location)
  const first = index.slotOf(hash, 7)
  const second = index.slotOf(hash, 4_000_000_000)
  assert.ok(first !== undefined && second !== undefined && first !== second)
  index.relocate(second, 9)
  assert.equal(index.locationAt(second), 9)
  index.clear(first)
  assert.equal(index.slotOf(hash, 7), undefined)
  assert.equal(index.slotOf(hash, 9), second)
  assert.equal(index.slotOf({ lo: 123, hi: 1 }, 9), undefined)
})

test('the index counts uses up to three', () => {
  const index = newIndex()
  const hash = { lo: 1, hi: 2 }
  const slot = index.roomFor(hash)
  index.publish(slot, hash, 5)
  for (let i = 0; i < 10; i++) index.touch(slot)
  assert.equal(index.frequencyAt(slot), 3)
  index.clear(slot)
  index.publish(slot, hash, 6)
  assert.equal(index.frequencyAt(slot), 0)
})

test('a full pair of buckets offers its coldest slot', () => {
  const index = newIndex()
  const hash = { lo: 77, hi: -1 }
  for (let i = 1; i <= 16; i++) index.publish(index.roomFor(hash), hash, i)
  for (let i = 1; i <= 16; i++) {
    const slot = index.slotOf(hash, i)
    assert.ok(slot !== undefined)
    if (i !== 11) index.touch(slot)
  }
  assert.equal(index.locationAt(index.roomFor(hash)), 11)
})

test('hashes spread names that differ little, and seeds change them', () => {
  const hasher = new NameHasher(drawHash(seededRandom(5)))
  const other = new NameHasher(drawHash(seededRandom(6)))
  const seen = new Set<string>()
  const buckets = new Uint32Array(256)
  for (let i = 0; i < 50_000; i++) {
    hasher.hashHead(`bucket/path/part-${i}`)
    seen.add(`${hasher.lo},${hasher.hi}`)
    const bucket = hasher.lo >>> 24
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  assert.equal(seen.size, 50_000)
  assert.ok(buckets.every((count) => count > 120 && count < 280))
  hasher.hashHead('a')
  other.hashHead('a')
  assert.notEqual(hasher.lo, other.lo)
  for (const [a, b] of [
    ['a', 'a\0'],
    ['', '\0'],
    ['ab', 'ba'],
    ['abcd', 'abcde'],
  ] as const) {
    hasher.hashHead(a)
    const { lo, hi } = hasher
    hasher.hashHead(b)
    assert.ok(lo !== hasher.lo && hi !== hasher.hi)
  }
})

test('block names of one version differ from each other and from other versions', () => {
  const hasher = new NameHasher(drawHash(seededRandom(9)))
  const seen = new Set<string>()
  for (const etag of ['"a"', '"b"']) {
    const version = hasher.hashVersion('key', etag)
    for (let blockNo = 0; blockNo < 10_000; blockNo++) {
      hasher.hashBlock(version, blockNo)
      seen.add(`${hasher.lo},${hasher.hi}`)
    }
  }
  assert.equal(seen.size, 20_000)
})

test('a ghost is told once, with the bytes dropped since, and forgotten beyond the window', () => {
  const ghosts = new GhostList(1024, 10_000)
  const name = { lo: 5, hi: 0 }
  assert.equal(ghosts.take(name), undefined)
  ghosts.add(name, 640)
  ghosts.add({ lo: 1 << 30, hi: 9 }, 1280)
  assert.equal(ghosts.take(name), 1920)
  assert.equal(ghosts.take(name), undefined)
  ghosts.add(name, 64)
  ghosts.add({ lo: 1 << 29, hi: 7 }, 20_000)
  assert.equal(ghosts.take(name), undefined)
})
