import assert from 'node:assert/strict'
import { test } from 'node:test'
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
    console.log(stats)
    assert.deepEqual((await readHeadOf(shard, 'k119'))?.body, bodyOf(119, MiB))
    await close()
  })
})
