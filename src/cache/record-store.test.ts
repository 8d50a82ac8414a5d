import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import type { HeadInfo, ObjectVersion } from './api.ts'
import { layoutFor } from './layout.ts'
import type { EvictionPolicy } from './policy.ts'
import { bodyOf, etagOf, META_BYTES_MAX, metaOf } from './record.ts'
import { RecordFinder, type VerifyReads } from './record-finder.ts'
import { RecordStore } from './record-store.ts'
import { S3Fifo } from './s3-fifo.ts'
import { SegmentPool } from './segment-pool.ts'
import { createCacheShare } from './share.ts'
import { headOf } from './testing/scripted-fetch.ts'

const MiB = 1024 * 1024

function newStore(options: { memoryBytes?: number; policy?: EvictionPolicy; verifyReads?: VerifyReads } = {}): RecordStore {
  const share = createCacheShare({ memoryBytes: options.memoryBytes ?? 8 * MiB, random: seededRandom(1) })
  const finder = new RecordFinder(share, 0, options.verifyReads ?? 'first')
  const policy = options.policy ?? new S3Fifo(share.layout)
  const store = new RecordStore(finder, { owner: 0, pool: new SegmentPool(share), policy })
  finder.onCorrupt = (_owner, found) => store.removeCorrupt(found)
  return store
}

function body(info: ObjectVersion): Buffer {
  return Buffer.alloc(info.sizeBytes, info.key)
}

function insert(store: RecordStore, info: HeadInfo): boolean {
  return store.insertHead(info, body(info))
}

function has(store: RecordStore, key: string, counts = false): boolean {
  const found = store.finder.findHead(key, counts)
  if (found === undefined) return false
  assert.equal(etagOf(found.view, found.offset), '"v"')
  store.finder.unpin(found.segment)
  return true
}

test('a record is found only after commit, and not after it was discarded', () => {
  const store = newStore()
  const info = headOf('k', '"v"', 10)
  const draft = { kind: 'head', version: info, meta: info.meta, validatedAtMs: 5, inline: true } as const
  const first = store.reserve(draft)
  assert.ok(first !== undefined)
  assert.equal(store.finder.findHead('k', true), undefined)
  store.discard(first)
  store.finder.unpin(first.segment)
  assert.equal(store.finder.findHead('k', true), undefined)
  const second = store.reserve(draft)
  assert.ok(second !== undefined)
  second.body.set(body(info))
  store.commit(second)
  store.finder.unpin(second.segment)
  const found = store.finder.findHead('k', true)
  assert.ok(found !== undefined && bodyOf(found.view, found.offset)?.equals(body(info)))
  assert.equal(metaOf(found.view, found.offset), info.meta)
  store.finder.unpin(found.segment)
  assert.equal(store.finder.arena.pinCount(), 0)
  assert.equal(store.counters.entries, 1)
})

test('a block belongs to one version and one number', () => {
  const store = newStore()
  const version = { key: 'k', etag: '"v"', sizeBytes: 2 * MiB }
  const reservation = store.reserve({ kind: 'block', version, blockNo: 1 })
  assert.ok(reservation !== undefined)
  store.commit(reservation)
  store.finder.unpin(reservation.segment)
  const find = (of: ObjectVersion, blockNo: number): boolean => {
    const found = store.finder.findBlock(of, blockNo, { hash: store.finder.versionHash(of), counts: true })
    if (found !== undefined) store.finder.unpin(found.segment)
    return found !== undefined
  }
  assert.equal(find(version, 1), true)
  assert.equal(find(version, 0), false)
  assert.equal(find({ ...version, etag: '"w"' }, 1), false)
  assert.equal(find({ ...version, key: 'l' }, 1), false)
  assert.equal(find({ ...version, sizeBytes: 3 * MiB }, 1), false, 'a size that contradicts the ETag finds nothing')
})

test('the store holds to its budget and keeps what is used again through a scan many times its size', () => {
  const store = newStore()
  for (let i = 0; i < 20; i++) assert.ok(insert(store, headOf(`hot-${i}`, '"v"', 50_000)))
  let found = 0
  for (let i = 0; i < 2000; i++) {
    assert.ok(insert(store, headOf(`scan-${i}`, '"v"', 50_000)))
    assert.ok(store.counters.liveBytes <= 8 * MiB)
    if (i % 10 === 0) for (let hot = 0; hot < 20; hot++) if (has(store, `hot-${hot}`, true)) found++
  }
  assert.ok(found > 200 * 20 * 0.95, `${found} of ${200 * 20} uses were hits`)
  assert.ok(store.counters.evictedEntries > 1800 && store.counters.reinsertedBytes > 0)
  assert.equal(store.finder.arena.pinCount(), 0)
})

test('with everything in use, insertion still ends and succeeds', () => {
  const store = newStore()
  for (let i = 0; i < 500; i++) {
    assert.ok(insert(store, headOf(`k-${i}`, '"v"', 200_000)))
    for (let j = 0; j <= i; j++) has(store, `k-${j}`, true)
  }
  assert.ok(store.counters.entries > 20)
})

test('a name that comes back soon after it was dropped goes straight to the main log', () => {
  const store = newStore()
  const policy = new S3Fifo(layoutFor(8 * MiB))
  const name = { lo: 1, hi: 2 }
  assert.equal(policy.admit(name, 100), 'small')
  policy.dropped('small', name, 100)
  assert.equal(policy.admit(name, 100), 'main')
  assert.equal(policy.admit(name, 100), 'small', 'it is told once')
  assert.equal(store.counters.entries, 0)
})

test('a damaged record is a miss, counted and forgotten', () => {
  for (const verifyReads of ['first', 'always'] as const) {
    const store = newStore({ verifyReads })
    insert(store, headOf('k', '"v"', 1000))
    if (verifyReads === 'always') assert.equal(has(store, 'k'), true)
    const bytes = new Uint8Array(store.finder.arena.view(0).bytes.buffer)
    const at = bytes.findIndex((byte, i) => byte === 107 && bytes[i + 1] === 107 && bytes[i + 2] === 107)
    bytes[at + 500] = 0
    assert.equal(store.finder.findHead('k', true), undefined)
    assert.equal(store.counters.corruptEntries, 1)
    assert.equal(store.counters.entries, 0)
    assert.equal(store.counters.liveBytes, 0)
    assert.equal(store.finder.arena.pinCount(), 0)
  }
})

test('a segment that gets a pin while it is emptied is not written to until the pin is gone', () => {
  let pinned: number | undefined
  let pinAt = 0
  const policy: EvictionPolicy = {
    smallTargetBytes: 2 * MiB,
    admit: () => 'small',
    victims: () => ['small'],
    keep: () => undefined,
    dropped: () => {
      // Another thread found a record of this segment a moment ago.
      if (pinned === undefined && pinAt > 0) {
        pinned = 1
        store.finder.arena.pin(pinned)
      }
    },
  }
  const store = newStore({ policy })
  pinAt = 1
  for (let i = 0; i < 6; i++) assert.ok(insert(store, headOf(`k-${i}`, '"v"', MiB - 2000)))
  // Segment 0 is the spare; segment 1 was the first one to be filled and is the first one to be emptied.
  for (let i = 6; i < 60; i++) {
    assert.ok(insert(store, headOf(`k-${i}`, '"v"', MiB - 2000)))
  }
  assert.equal(pinned, 1)
  const before = Buffer.from(store.finder.arena.view(1).bytes.subarray(0, 4096))
  for (let i = 60; i < 80; i++) insert(store, headOf(`k-${i}`, '"v"', MiB - 2000))
  assert.ok(before.equals(store.finder.arena.view(1).bytes.subarray(0, 4096)))
  store.finder.unpin(1)
  for (let i = 80; i < 100; i++) insert(store, headOf(`k-${i}`, '"v"', MiB - 2000))
  assert.ok(!before.equals(store.finder.arena.view(1).bytes.subarray(0, 4096)), 'the segment is in use again')
})

test('nothing is reserved while every segment is pinned, and the spare is not given away', () => {
  const layout = layoutFor(8 * MiB)
  const store = newStore()
  const held = []
  for (let i = 0; i < layout.segmentCount + 3; i++) {
    const version = { key: `k-${i}`, etag: '"v"', sizeBytes: 2 * MiB }
    const reservation = store.reserve({ kind: 'block', version, blockNo: 0 })
    if (reservation !== undefined) held.push(reservation)
  }
  assert.equal(held.length, layout.segmentCount - 1)
  assert.equal(store.counters.reserveFailures, 4)
  for (const reservation of held) {
    store.discard(reservation)
    store.finder.unpin(reservation.segment)
  }
  assert.ok(insert(store, headOf('k', '"v"', 1000)))
})

test('a table full of tiny records gives up cold ones', () => {
  const store = newStore()
  const layout = layoutFor(8 * MiB)
  for (let i = 0; i < 12_000; i++) assert.ok(insert(store, { ...headOf(`k-${i}`, '"v"', 1), meta: '' }))
  assert.ok(store.counters.entries <= layout.bucketCount * 8)
  assert.ok(store.counters.entries > layout.bucketCount * 8 * 0.9, `${store.counters.entries} entries`)
  assert.ok(store.counters.evictedEntries > 0)
})

test('text that is not latin1 is refused, for two names could become one', () => {
  const store = newStore()
  assert.throws(() => insert(store, headOf('Ā', '"v"', 1)), /latin1/)
  assert.throws(() => insert(store, { ...headOf('k', '"v"', 1), meta: '→' }), /latin1/)
})

test('metadata beyond the limit is not stored', () => {
  const store = newStore()
  assert.equal(store.putHead({ ...headOf('k', '"v"', 1), meta: 'x'.repeat(META_BYTES_MAX + 1) }), false)
  assert.equal(store.putHead({ ...headOf('k', '"v"', 1), meta: 'x'.repeat(META_BYTES_MAX) }), true)
})
