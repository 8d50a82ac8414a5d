import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceOf } from '../base/byte-source.ts'
import { type VersionReader } from './api.ts'
import { BLOCK_BYTES } from './block.ts'
import { assertQuiescent, newCache, openAbsent, read, readAll, settle } from './testing/cache-harness.ts'
import { Gate, headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'

const MiB = 1024 * 1024

test('an object of any size is read from the origin once and then from memory', async () => {
  for (const sizeBytes of [
    0,
    1,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    8 * BLOCK_BYTES - 1,
    8 * BLOCK_BYTES,
    8 * BLOCK_BYTES + 1,
    19 * MiB + 7,
  ]) {
    const cache = newCache()
    const origin = new ScriptedOrigin()
    const info = headOf('bucket/key', '"v1"', sizeBytes)
    openAbsent(cache, origin, info)
    const cold = await read({ cache, origin }, info, [0, sizeBytes], true)
    if (sizeBytes > 0) assert.deepEqual([...cold.sources], ['origin'])
    await settle()
    assert.equal(origin.fetchedBytes, sizeBytes)
    const head = cache.lookupHead(info.key)
    assert.equal(head?.etag, '"v1"')
    assert.equal(head.meta, info.meta)
    assert.equal(head.sizeBytes, sizeBytes)
    if (sizeBytes <= BLOCK_BYTES) assert.ok(origin.content(info).equals(head.body ?? Buffer.from('no body')))
    else assert.equal(head.body, undefined)
    head.release()
    const hot = await read({ cache, origin }, info, [0, sizeBytes])
    if (sizeBytes > 0) assert.deepEqual([...hot.sources], ['memory'])
    assert.equal(origin.fetchedBytes, sizeBytes)
    await assertQuiescent(cache)
    await cache.close()
  }
})

test('a 64 KiB range of a large cold object costs the origin at most two blocks', async () => {
  const KiB64 = 64 * 1024
  for (const start of [
    0,
    1,
    KiB64,
    KiB64 + 1,
    BLOCK_BYTES / 2,
    BLOCK_BYTES - 1,
    BLOCK_BYTES - KiB64,
    3 * BLOCK_BYTES - 17,
    5 * 1024 * MiB - KiB64,
  ]) {
    const cache = newCache()
    const origin = new ScriptedOrigin()
    const info = { ...headOf('big', '"v"', 5 * 1024 * MiB) }
    const calls: number[] = []
    const fetch: typeof origin.fetch = async (_version, from, to) => {
      calls.push(to - from)
      return sourceOf(Buffer.alloc(to - from))
    }
    const result = await readAll(cache.openReader(info, start, start + KiB64, { ask: fetch, generation: cache.generation('big') }))
    assert.equal(result.bytes.length, KiB64)
    await settle()
    const spent = calls.reduce((sum, bytes) => sum + bytes, 0)
    const blocks = Math.floor((start + KiB64 - 1) / BLOCK_BYTES) - Math.floor(start / BLOCK_BYTES) + 1
    assert.equal(spent, blocks * BLOCK_BYTES)
    assert.ok(spent <= 2 * MiB)
    await assertQuiescent(cache)
  }
})

test('200 readers of a cold 64 MiB version share one fetch of every byte, and nobody notices that the first one leaves', async () => {
  const cache = newCache()
  const gate = new Gate(false)
  const origin = new ScriptedOrigin({ gate, chunkBytes: 256 * 1024 })
  const info = headOf('bucket/64', '"v1"', 64 * MiB)
  const generation = openAbsent(cache, origin, info)
  const content = origin.content(info)
  let firstBytes = 0
  const readers = Array.from({ length: 200 }, (_, i) =>
    cache.openReader(info, 0, info.sizeBytes, { ask: origin.fetch, generation, own: i === 0 }),
  )
  const follow = async (reader: VersionReader, leaveAt: number): Promise<number> => {
    let position = 0
    for (let piece = await reader.next(); piece !== undefined; piece = reader.nextNow() ?? (await reader.next())) {
      if (position === 0) firstBytes++
      assert.ok(content.subarray(position, position + piece.bytes.length).equals(piece.bytes))
      position += piece.bytes.length
      piece.release()
      if (position >= leaveAt) break
    }
    reader.close()
    return position
  }
  const all = Promise.all(readers.map((reader, i) => follow(reader, i === 0 ? 20 * MiB : Infinity)))
  gate.step()
  gate.step()
  await settle()
  assert.equal(firstBytes, 200, 'everybody has the first byte while the first block is still arriving')
  gate.open()
  const lengths = await all
  assert.ok(lengths.slice(1).every((length) => length === info.sizeBytes))
  assert.equal(origin.fetchedBytes, 64 * MiB)
  assert.equal(origin.calls.length, 8)
  await assertQuiescent(cache)
})

test('a follower counts as coalesced, the caller who asked as origin', async () => {
  const cache = newCache()
  const gate = new Gate(false)
  const origin = new ScriptedOrigin({ gate })
  const info = headOf('k', '"v"', 300_000)
  const generation = openAbsent(cache, origin, info)
  const head = cache.lookupHead('k')
  assert.equal(head?.etag, '"v"', 'the head is known while the body arrives')
  assert.equal(head.body, undefined)
  head.release()
  const own = readAll(cache.openReader(info, 0, 300_000, { ask: origin.fetch, generation, own: true }))
  const other = readAll(cache.openReader(info, 0, 300_000, { ask: origin.fetch, generation }))
  gate.open()
  assert.deepEqual([...(await own).sources], ['origin'])
  assert.deepEqual([...(await other).sources], ['coalesced'])
  await assertQuiescent(cache)
})

test('the wanted bytes come before the rest of their block, which is fetched afterwards', async () => {
  const cache = newCache()
  const gate = new Gate(false)
  const origin = new ScriptedOrigin({ gate })
  const info = headOf('k', '"v"', 4 * MiB)
  const reader = cache.openReader(info, 700_000, 800_000, { ask: origin.fetch, generation: 0 })
  const bytes = readAll(reader)
  const early = readAll(cache.openReader(info, 0, 10, { ask: origin.fetch, generation: 0 }))
  gate.open()
  assert.ok((await bytes).bytes.equals(origin.content(info).subarray(700_000, 800_000)))
  const prefix = await early
  assert.ok(prefix.bytes.equals(origin.content(info).subarray(0, 10)))
  assert.deepEqual([...prefix.sources], ['coalesced'])
  await settle()
  assert.deepEqual(
    origin.calls.map((call) => [call.start, call.end]),
    [
      [700_000, MiB],
      [0, 700_000],
    ],
  )
  assert.deepEqual([...(await read({ cache, origin }, info, [0, MiB])).sources], ['memory'])
  await assertQuiescent(cache)
})

test('a head learned by HEAD gets its body when it is read, and keeps it when its metadata changes', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  const info = headOf('k', '"v"', 4000, 10)
  assert.equal(cache.putHead(info, cache.generation('k')), true)
  await read({ cache, origin }, info, [0, 4000])
  await settle()
  const changed = { ...info, meta: 'x-amz-meta-colour: blue\r\n', validatedAtMs: 20 }
  assert.equal(cache.putHead(changed, cache.generation('k')), true)
  const head = cache.lookupHead('k')
  assert.equal(head?.meta, changed.meta)
  assert.ok(origin.content(info).equals(head.body ?? Buffer.from('no body')))
  head.release()
  assert.equal(cache.putHead({ ...info, validatedAtMs: 15 }, cache.generation('k')), true, 'an older answer changes nothing')
  const still = cache.lookupHead('k')
  assert.equal(still?.meta, changed.meta)
  still.release()
  assert.equal(cache.putHead({ ...headOf('k', '"old"', 1), validatedAtMs: 15 }, cache.generation('k')), false)
  await assertQuiescent(cache)
})

test('putHead() renews the time of a head in place, never backwards', async () => {
  const cache = newCache()
  for (const validatedAtMs of [10, 500, 400]) {
    assert.equal(cache.putHead(headOf('k', '"v"', 4 * MiB, validatedAtMs), cache.generation('k')), true)
  }
  const head = cache.lookupHead('k')
  assert.equal(head?.validatedAtMs, 500)
  assert.equal(cache.stats().entries, 1)
  const copy = head.detached()
  head.release()
  assert.deepEqual(copy, { ...headOf('k', '"v"', 4 * MiB, 10), validatedAtMs: 500 }, 'a detached head outlives the pin')
  assert.throws(() => head.etag, /pinned/)
  assert.throws(() => head.release(), /released once/)
  await assertQuiescent(cache)
})
