import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Piece, type VersionReader } from './api.ts'
import { BLOCK_BYTES } from './block.ts'
import { assertQuiescent, newCache, openAbsent, read, readAll, settle } from './testing/cache-harness.ts'
import { Gate, headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'

const MiB = 1024 * 1024

test('when the last reader leaves, the run goes on within the budget for abandoned bytes and stops beyond it', async () => {
  for (const abandonedBytesMax of [8 * MiB, 1 * MiB]) {
    const cache = newCache({ abandonedBytesMax })
    const gate = new Gate(false)
    const origin = new ScriptedOrigin({ gate })
    const info = headOf('k', '"v"', 6 * MiB)
    const generation = openAbsent(cache, origin, info)
    const reader = cache.openReader(info, 0, 6 * MiB, { ask: origin.fetch, generation, own: true })
    const first = reader.next()
    gate.step()
    const piece = await first
    reader.close()
    assert.ok(
      origin
        .content(info)
        .subarray(0, piece?.bytes.length)
        .equals(piece?.bytes ?? Buffer.alloc(0)),
      'a piece outlives its reader',
    )
    piece?.release()
    gate.open()
    await settle()
    const goesOn = abandonedBytesMax > 6 * MiB
    assert.equal(origin.calls[0]?.source.cancelled, !goesOn)
    assert.equal(cache.stats().entries, goesOn ? 7 : 1)
    await assertQuiescent(cache)
  }
})

test('a stalled reader does not stop the others', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  const info = headOf('k', '"v"', 40 * MiB)
  const generation = openAbsent(cache, origin, info)
  const stalled = cache.openReader(info, 0, info.sizeBytes, { ask: origin.fetch, generation, own: true })
  const held = await stalled.next()
  await read({ cache, origin }, info, [0, info.sizeBytes])
  held?.release()
  const rest = await readAll(stalled)
  assert.ok(rest.bytes.equals(origin.content(info).subarray(held?.bytes.length)))
  assert.equal(origin.fetchedBytes, 40 * MiB)
  await assertQuiescent(cache)
})

test('an object much larger than the cache streams through it in bounded memory', async () => {
  const cache = newCache({ memoryBytes: 8 * MiB })
  const sizeBytes = 100 * MiB
  const chunk = Buffer.alloc(64 * 1024, 7)
  let fetched = 0
  const fetch: ScriptedOrigin['fetch'] = async (_version, start, end) => {
    let left = end - start
    fetched += left
    return {
      length: left,
      read: async () => {
        const next = chunk.subarray(0, Math.min(chunk.length, left))
        left -= next.length
        return next.length === 0 ? undefined : next
      },
      cancel: () => undefined,
    }
  }
  const info = headOf('large', '"v"', sizeBytes)
  cache.putHead(info, cache.generation('large'))
  const reader = cache.openReader(info, 0, sizeBytes, { ask: fetch, generation: cache.generation('large') })
  let position = 0
  for (let piece = await reader.next(); piece !== undefined; piece = reader.nextNow() ?? (await reader.next())) {
    position += piece.bytes.length
    piece.release()
    const { liveBytes, memoryBytes, pins } = cache.stats()
    assert.ok(liveBytes <= memoryBytes && pins <= 4)
  }
  reader.close()
  assert.equal(position, sizeBytes)
  assert.equal(fetched, sizeBytes, 'nothing was evicted before it was read')
  await assertQuiescent(cache)
})

test('while everything is pinned, blocks pass through bounded private memory, and then the origin waits', async () => {
  const cache = newCache({ memoryBytes: 8 * MiB, overflowBytesMax: 2 * MiB })
  const origin = new ScriptedOrigin()
  const held: (Piece | undefined)[] = []
  const readers: VersionReader[] = []
  const stuck: Promise<Piece | undefined>[] = []
  // Every reader takes one piece and keeps it: first the arena fills up with pins, then private memory.
  for (let i = 0; i < 14; i++) {
    const info = headOf(`k${i}`, '"v"', BLOCK_BYTES - 1000)
    const reader = cache.openReader(info, 0, info.sizeBytes, { ask: origin.fetch, generation: cache.generation(info.key) })
    readers.push(reader)
    const first = reader.next()
    await settle()
    const piece = await Promise.race([first, Promise.resolve(undefined)])
    if (piece === undefined) stuck.push(first)
    else held.push(piece)
  }
  assert.ok(held.length >= 8, `${held.length} readers got bytes`)
  assert.ok(stuck.length >= 3, `${stuck.length} readers wait for room`)
  assert.ok(cache.stats().reserveFailures > 0)
  assert.ok(cache.stats().liveBytes <= 8 * MiB)
  for (const piece of held) piece?.release()
  for (const reader of readers.slice(0, held.length)) reader.close()
  const pieces = await Promise.all(stuck)
  assert.ok(pieces.every((piece) => piece !== undefined))
  for (const piece of pieces) piece?.release()
  for (const reader of readers) reader.close()
  await assertQuiescent(cache)
})

test('close() ends fills, tells those who wait, and leaves nothing held', async () => {
  const cache = newCache()
  const gate = new Gate(false)
  const origin = new ScriptedOrigin({ gate })
  const info = headOf('k', '"v"', 40 * MiB)
  const generation = openAbsent(cache, origin, info)
  const reader = cache.openReader(info, 0, info.sizeBytes, { ask: origin.fetch, generation, own: true })
  const waiting = assert.rejects(reader.next(), /cache was closed/)
  gate.step()
  await cache.close()
  await waiting
  reader.close()
  const { pins, flights, fillsInProgress } = cache.stats()
  assert.deepEqual({ pins, flights, fillsInProgress }, { pins: 0, flights: 0, fillsInProgress: 0 })
  assert.equal(origin.calls[0]?.source.cancelled, true)
})

test('names and heads that are too long to store are served all the same', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  for (const info of [
    headOf('k'.repeat(5000), '"v"', 3 * MiB),
    headOf('m'.repeat(5000), '"v"', 3000),
    { ...headOf('meta', '"v"', 3 * MiB), meta: 'x'.repeat(70_000) },
  ]) {
    openAbsent(cache, origin, info)
    await read({ cache, origin }, info, [0, info.sizeBytes], true)
    await settle()
    assert.equal(cache.lookupHead(info.key), undefined)
  }
  await assertQuiescent(cache)
})

test('a head whose metadata does not fit beside its body is kept apart from it', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  const info = { ...headOf('k', '"v"', BLOCK_BYTES), meta: 'x'.repeat(60_000) }
  openAbsent(cache, origin, info)
  await read({ cache, origin }, info, [0, info.sizeBytes], true)
  await settle()
  const head = cache.lookupHead('k')
  assert.equal(head?.meta.length, 60_000)
  head.release()
  assert.deepEqual([...(await read({ cache, origin }, info, [0, info.sizeBytes])).sources], ['memory'])
  await assertQuiescent(cache)
})
