import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiskRecord } from './disk-record.ts'
import type { DiskShard } from './disk-shard.ts'
import { bodyOf, headRecord, openSession, readHeadOf, withDirectory } from './testing/disk-harness.ts'

const MiB = 1024 * 1024

test('a record can be read before and after it is written, and after the shard was opened again', async () => {
  await withDirectory(async (path) => {
    const first = await openSession(path)
    const body = bodyOf(1, 5000)
    assert.equal(first.shard.put(headRecord('k', '"v"', body)), 'stored')
    assert.deepEqual((await readHeadOf(first.shard, 'k'))?.body, body)
    await first.shard.flush()
    const read = await readHeadOf(first.shard, 'k')
    assert.deepEqual(read?.body, body)
    assert.equal(read?.meta, 'x-meta: k\r\n')
    assert.equal(read?.etag, '"v"')
    assert.equal(read?.validatedAtMs, 1000)
    assert.equal(read?.proven, true)
    await first.close()
    const second = await openSession(path)
    assert.equal(second.directory.lastSession, 'clean')
    assert.deepEqual((await readHeadOf(second.shard, 'k'))?.body, body)
    assert.equal(await readHeadOf(second.shard, 'other'), undefined)
    assert.equal(second.shard.stats().pins, 0)
    await second.close()
  })
})

test('what was not sealed is found again by scanning', async () => {
  await withDirectory(async (path) => {
    const first = await openSession(path)
    for (let i = 0; i < 100; i++) first.shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, 1 + i * 100)))
    await first.shard.flush()
    const second = await openSession(path)
    assert.equal(second.directory.lastSession, 'killed')
    for (let i = 0; i < 100; i++) assert.deepEqual((await readHeadOf(second.shard, `k${i}`))?.body, bodyOf(i, 1 + i * 100), `k${i}`)
    await second.close()
  })
})

test('the log turns over and stays below its cap', async () => {
  await withDirectory(async (path) => {
    const { shard, close } = await openSession(path)
    for (let i = 0; i < 120; i++) {
      const result = shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, MiB)))
      if (result !== 'stored') {
        await shard.flush()
        await shard.tick()
        assert.equal(shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, MiB))), 'stored', `${i}`)
      }
      await shard.flush()
    }
    const stats = shard.stats()
    assert.equal(stats.entries + stats.evictedRecords, 120)
    assert.ok(stats.writtenBytes < 1.02 * stats.insertedBytes, 'nobody asked for anything: nothing was written twice')
    assert.equal(stats.segments, stats.segmentsMax)
    assert.deepEqual((await readHeadOf(shard, 'k119'))?.body, bodyOf(119, MiB))
    await close()
  })
})

const VERSION = { key: 'large', etag: '"v"', sizeBytes: 2 * MiB + 1000 }

function blockRecord(blockNo: number): DiskRecord {
  const body = bodyOf(blockNo, Math.min(MiB, VERSION.sizeBytes - blockNo * MiB))
  return { ...VERSION, blockNo, meta: '', validatedAtMs: 0, body }
}

async function readRange(
  shard: DiskShard,
  blockNo: number,
  [from, to]: readonly [number, number],
  version = VERSION,
): Promise<Buffer | undefined> {
  const { reader } = shard
  const found = reader.find(reader.blockHash(reader.versionHash(VERSION), blockNo), true)
  if (found === undefined) return undefined
  const target = Buffer.alloc(to - from)
  const isRead = await reader.readBlock(found, { version, blockNo, from, to }, target)
  reader.release(found)
  return isRead ? target : undefined
}

for (const key of [undefined, Buffer.alloc(32, 5)]) {
  test(`blocks ${key === undefined ? '' : 'that are encrypted '}are read whole and in part, first and again, from memory and from disk`, async () => {
    await withDirectory(async (path) => {
      const { shard, close } = await openSession(path, key === undefined ? {} : { key })
      for (const blockNo of [0, 1, 2]) assert.equal(shard.put(blockRecord(blockNo)), 'stored')
      assert.equal(shard.put(blockRecord(1)), 'present')
      for (const isOnDisk of [false, true]) {
        if (isOnDisk) await shard.flush()
        for (const blockNo of [2, 0, 1]) {
          const { body } = blockRecord(blockNo)
          for (const range of [
            [500, 900],
            [0, body.length],
            [body.length - 1, body.length],
            [0, 1],
            [7, 7],
          ] as const)
            assert.deepEqual(
              await readRange(shard, blockNo, range),
              Buffer.from(body.subarray(...range)),
              `block ${blockNo}, ${range.join('-')}`,
            )
        }
      }
      assert.equal(await readRange(shard, 0, [0, 10], { ...VERSION, etag: '"w"' }), undefined, 'the stored name decides')
      assert.equal(await readRange(shard, 0, [0, MiB], { ...VERSION, sizeBytes: 5 * MiB }), undefined)
      assert.equal(await readRange(shard, 3, [0, 10]), undefined)
      assert.equal(shard.stats().pins, 0)
      assert.equal(shard.stats().damagedRecords, 0)
      await close()
    })
  })
}

test('what is used stays through many times its size, at less than twice the writes', async () => {
  await withDirectory(async (path) => {
    const { shard, close } = await openSession(path, { capBytes: 64 * MiB })
    const put = async (key: string, seed: number): Promise<void> => {
      for (let turn = 0; shard.put(headRecord(key, '"v"', bodyOf(seed, 200_000))) !== 'stored' && turn < 5; turn++) await shard.tick()
    }
    for (let i = 0; i < 20; i++) await put(`hot-${i}`, i)
    let hits = 0
    for (let i = 0; i < 1500; i++) {
      await put(`scan-${i}`, 1000 + i)
      const hot = await readHeadOf(shard, `hot-${i % 20}`)
      if (hot === undefined) continue
      hits++
      assert.deepEqual(hot.body, bodyOf(i % 20, 200_000))
    }
    assert.ok(hits > 1450, `${hits} of 1500`)
    const { writtenBytes, insertedBytes, reinsertedRecords } = shard.stats()
    assert.ok(reinsertedRecords > 20 && writtenBytes < 2 * insertedBytes)
    await close()
  })
})

test('a disk that is full takes what was offered before, and lets a scan pass', async () => {
  await withDirectory(async (path) => {
    const { shard, close } = await openSession(path, { dailyWriteBytes: 0 })
    let i = 0
    while (shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, 500_000))) !== 'not-admitted') {
      i++
      await shard.flush()
      await shard.tick()
    }
    const before = shard.stats().insertedRecords
    for (let j = 0; j < 100; j++) assert.equal(shard.put(headRecord(`scan-${j}`, '"v"', bodyOf(j, 1000))), 'not-admitted')
    assert.equal(shard.put(headRecord('scan-99', '"v"', bodyOf(99, 1000))), 'stored')
    assert.equal(shard.stats().insertedRecords, before + 1)
    await close()
  })
})
