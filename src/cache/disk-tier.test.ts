import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import type { HeadInfo } from './api.ts'
import { FaultyFiles } from './disk/testing/faulty-files.ts'
import { withDirectory } from './disk/testing/disk-harness.ts'
import { assertQuiescent, openAbsent, read, settle } from './testing/cache-harness.ts'
import { headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'
import { findHead, openTiered, type TieredCache } from './testing/tiered-cache.ts'

const MiB = 1024 * 1024

/** Reads all of an object that is not in memory, as its first reader. */
async function fill(tier: TieredCache, origin: ScriptedOrigin, info: HeadInfo): Promise<void> {
  openAbsent(tier.cache, origin, info)
  await read({ cache: tier.cache, origin }, info, [0, info.sizeBytes], true)
  await assertQuiescent(tier.cache)
}

for (const [what, sizeBytes] of [
  ['a small object', 4096],
  ['an empty object', 0],
  ['an object of one block', MiB],
  ['an object of several blocks', 3 * MiB + 17],
] as const) {
  for (const key of [undefined, Buffer.alloc(32, 5)]) {
    const isEncrypted = key !== undefined
    test(`${what} is there after a restart without asking the origin${isEncrypted ? ', encrypted' : ''}`, async () =>
      withDirectory(async (path) => {
        const options = isEncrypted ? { key } : {}
        const origin = new ScriptedOrigin()
        const info = headOf('bucket/object', '"v1"', sizeBytes, 1_699_999_999_000.25)
        const before = await openTiered(path, options)
        await fill(before, origin, info)
        await before.close()

        const after = await openTiered(path, options)
        const asked = origin.calls.length
        const { head, recalled } = await findHead(after.cache, info.key)
        assert.equal(recalled, 'promoted')
        assert.deepEqual(head, info)
        if (sizeBytes > 0) {
          const { sources } = await read({ cache: after.cache, origin }, info, [0, sizeBytes])
          assert.deepEqual([...sources], [sizeBytes > MiB ? 'disk' : 'memory'])
        }
        assert.equal(origin.calls.length, asked)
        await assertQuiescent(after.cache)
        await after.close()
      }))
  }
}

test('what memory had to give up is read from disk', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const tier = await openTiered(path, { capBytes: 200 * MiB, memoryBytes: 8 * MiB })
    const objects = Array.from({ length: 20 }, (_, i) => headOf(`object-${i}`, '"v"', 2 * MiB))
    for (const info of objects) {
      await fill(tier, origin, info)
      await tier.flush()
    }
    const asked = origin.calls.length
    for (const info of objects) {
      const { head } = await findHead(tier.cache, info.key)
      assert.deepEqual(head, info)
      await read({ cache: tier.cache, origin }, info, [0, info.sizeBytes])
    }
    assert.equal(origin.calls.length, asked)
    assert.ok((tier.cache.disk?.counters.hitBytes ?? 0) > 20 * MiB)
    await assertQuiescent(tier.cache)
    await tier.close()
  }))

test('what was invalidated does not come back after a kill', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const info = headOf('object', '"v1"', 4096)
    const before = await openTiered(path)
    await fill(before, origin, info)
    await before.flush()
    await before.cache.invalidate(info.key)
    assert.deepEqual(await findHead(before.cache, info.key), { head: undefined, recalled: undefined })

    const after = await openTiered(path)
    assert.deepEqual(await findHead(after.cache, info.key), { head: undefined, recalled: undefined })
    await after.close()
  }))

test('an invalidation of what is being invalidated waits for the same tombstone', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const info = headOf('object', '"v1"', 4096)
    const tier = await openTiered(path)
    await fill(tier, origin, info)
    const first = tier.cache.invalidate(info.key)
    const second = tier.cache.invalidate(info.key)
    assert.ok(first instanceof Promise && second instanceof Promise)
    await second
    assert.equal(tier.cache.invalidate(info.key), undefined)
    await tier.close()
  }))

test('a head that is invalidated while it is read from disk does not get into memory', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const info = headOf('object', '"v1"', 4096)
    const before = await openTiered(path)
    await fill(before, origin, info)
    await before.close()

    const after = await openTiered(path)
    const recalled = after.cache.recall(info.key)
    await after.cache.invalidate(info.key)
    assert.equal(await recalled, 'missed')
    assert.equal(after.cache.lookupHead(info.key), undefined)
    await assertQuiescent(after.cache)
    await after.close()
  }))

test('a newer version in memory leaves no older one on disk', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    // A disk without room for more: the newer head is refused.
    const before = await openTiered(path, { dailyWriteBytes: 0 })
    const old = headOf('object', '"v1"', 4096, 1000)
    await fill(before, origin, old)
    for (let i = 0; i < 40; i++) {
      await fill(before, origin, headOf(`filler-${i}`, '"v"', MiB / 2))
      await before.flush()
    }
    assert.equal(before.session.shard.put({ ...old, key: 'another', blockNo: undefined, body: Buffer.alloc(4096) }), 'not-admitted')
    before.cache.putHead({ ...headOf('object', '"v2"', 5000, 2000) }, before.cache.generation('object'))
    await before.cache.disk?.remove('nothing')
    await before.flush()
    await before.close()

    const after = await openTiered(path)
    const { head } = await findHead(after.cache, 'object')
    assert.notEqual(head?.etag, '"v1"')
    await after.close()
  }))

test('after a power cut a body is used only when the origin named its version again', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const info = headOf('object', '"v1"', 4096, 1000)
    const before = await openTiered(path, { bootId: 'before' })
    await fill(before, origin, info)
    await before.flush()

    const after = await openTiered(path, { bootId: 'after', clock: laterClock() })
    assert.deepEqual(await findHead(after.cache, info.key), { head: undefined, recalled: 'unproven' })
    const confirmed = { ...info, validatedAtMs: 5000 }
    assert.equal(after.cache.putHead(confirmed, after.cache.generation(info.key)), true)
    const asked = origin.calls.length
    await read({ cache: after.cache, origin }, confirmed, [0, info.sizeBytes])
    assert.equal(origin.calls.length, asked)
    await after.close()

    const again = await openTiered(path, { bootId: 'after', clock: laterClock() })
    assert.deepEqual(await findHead(again.cache, info.key), { head: confirmed, recalled: 'promoted' })
    await again.close()
  }))

test('a head from the future is asked about first', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const info = headOf('object', '"v1"', 4096, 1_800_000_000_000)
    const before = await openTiered(path)
    await fill(before, origin, info)
    await before.close()
    const after = await openTiered(path)
    assert.deepEqual(await findHead(after.cache, info.key), { head: undefined, recalled: 'unproven' })
    await after.close()
  }))

test('a block that cannot be read comes from the origin, within the same read', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const files = new FaultyFiles()
    const info = headOf('object', '"v1"', 4 * MiB)
    const before = await openTiered(path)
    await fill(before, origin, info)
    await before.close()

    const after = await openTiered(path, { files })
    await findHead(after.cache, info.key)
    let reads = 0
    files.fail = (operation) => (operation === 'read' && ++reads > 1 ? 'EIO' : undefined)
    const { sources } = await read({ cache: after.cache, origin }, info, [0, info.sizeBytes])
    assert.deepEqual([...sources].toSorted(), ['disk', 'origin'])
    files.fail = undefined
    await assertQuiescent(after.cache)
    await after.close()
  }))

test('a reader that leaves while its block is read from disk frees what it held', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const files = new FaultyFiles()
    const info = headOf('object', '"v1"', 4 * MiB)
    const before = await openTiered(path)
    await fill(before, origin, info)
    await before.close()

    const after = await openTiered(path, { files })
    await findHead(after.cache, info.key)
    const held = Promise.withResolvers<void>()
    files.delay = (operation) => (operation === 'read' ? held.promise : undefined)
    const reader = after.cache.openReader(info, 0, info.sizeBytes, { ask: origin.fetch, generation: after.cache.generation(info.key) })
    const first = reader.next()
    await after.cache.invalidate(info.key)
    reader.close()
    assert.equal(await first, undefined)
    assert.ok(after.cache.stats().fillsInProgress > 0)
    held.resolve()
    await after.cache.disk?.tick()
    // The read goes on in the thread pool, at its own time.
    while (after.cache.stats().fillsInProgress > 0) await settle()
    await assertQuiescent(after.cache)
    await after.close()
  }))

test('ranges that follow each other are read ahead, and others are not', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const info = headOf('object', '"v1"', 12 * MiB)
    const before = await openTiered(path, { capBytes: 64 * MiB })
    before.session.shard.put({ ...info, blockNo: undefined, body: Buffer.alloc(0) })
    for (let blockNo = 0; blockNo < 12; blockNo++) {
      const body = origin.content(info).subarray(blockNo * MiB, (blockNo + 1) * MiB)
      assert.equal(before.session.shard.put({ ...info, blockNo, meta: '', validatedAtMs: 0, body }), 'stored')
      await before.flush()
    }
    await before.close()

    const after = await openTiered(path, { capBytes: 64 * MiB, memoryBytes: 160 * MiB })
    await findHead(after.cache, info.key)
    const readFrom = async (start: number): Promise<string[]> => {
      const { sources } = await read({ cache: after.cache, origin }, info, [start, start + MiB / 2])
      while (after.cache.stats().fillsInProgress > 0) await new Promise((resolve) => setImmediate(resolve))
      return [...sources]
    }
    assert.deepEqual(await readFrom(8 * MiB), ['disk'])
    assert.deepEqual(await readFrom(0), ['disk'])
    const sequence: string[] = []
    for (let start = MiB / 2; start < 8 * MiB; start += MiB / 2) sequence.push(...(await readFrom(start)))
    assert.deepEqual(new Set(sequence.slice(2)), new Set(['memory']))
    await after.close()
  }))

test('what came from disk for one reader is not kept as if it had been used again', async () =>
  withDirectory(async (path) => {
    const origin = new ScriptedOrigin()
    const tier = await openTiered(path, { capBytes: 200 * MiB, memoryBytes: 8 * MiB })
    const objects = Array.from({ length: 24 }, (_, i) => headOf(`object-${i}`, '"v"', MiB / 2))
    for (const info of objects) {
      await fill(tier, origin, info)
      await tier.flush()
    }
    const before = tier.cache.stats().reinsertedBytes
    for (let round = 0; round < 3; round++) for (const { key } of objects) await findHead(tier.cache, key)
    assert.equal(tier.cache.stats().reinsertedBytes, before)
    await tier.close()
  }))

function laterClock(): ManualClock {
  return new ManualClock(Date.now() + 3_600_000)
}
