import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../base/testing/until.ts'
import type { VersionReader } from './api.ts'
import type { Cache } from './cache.ts'
import { assertQuiescent, newCache, read } from './testing/cache-harness.ts'
import { headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'

const MiB = 1024 * 1024
const CHUNK_BYTES = 64 * 1024

/** Reads on to a position, which must be the end of a piece. */
async function readTo(reader: VersionReader, wanted: Buffer, from: number, to: number): Promise<void> {
  let at = from
  while (at < to) {
    const piece = await reader.next()
    assert.ok(piece !== undefined, 'there is more')
    assert.ok(wanted.subarray(at, at + piece.bytes.length).equals(piece.bytes), `bytes from ${at} on`)
    at += piece.bytes.length
    piece.release()
  }
}

function startReader(cache: Cache, origin: ScriptedOrigin, sizeBytes: number): { reader: VersionReader; wanted: Buffer } {
  const info = headOf('k', '"v"', sizeBytes)
  const reader = cache.openReader(info, 0, sizeBytes, { ask: origin.fetch, generation: cache.generation('k') })
  return { reader, wanted: origin.content(info) }
}

test('for a reader that takes nothing more, two blocks are brought, and then the origin has its connection back', async () => {
  const cache = newCache({ pauseMsMax: 1 })
  const origin = new ScriptedOrigin({ chunkBytes: CHUNK_BYTES })
  const { reader, wanted } = startReader(cache, origin, 24 * MiB)
  await readTo(reader, wanted, 0, CHUNK_BYTES)
  await until(() => origin.calls[0]?.source.cancelled === true)
  // The chunk at which it stopped was on its way already.
  assert.ok(origin.readBytes <= 3 * MiB + CHUNK_BYTES, `${origin.readBytes} bytes`)
  await readTo(reader, wanted, CHUNK_BYTES, 24 * MiB)
  reader.close()
  assert.ok(origin.readBytes <= 24 * MiB + origin.calls.length * CHUNK_BYTES, 'nothing is fetched twice but the chunk at which it stopped')
  await assertQuiescent(cache)
})

test('a reader that is slower than any pause costs a request for several blocks, not for each', async () => {
  const cache = newCache({ pauseMsMax: 1 })
  const origin = new ScriptedOrigin({ chunkBytes: CHUNK_BYTES })
  const { reader, wanted } = startReader(cache, origin, 64 * MiB)
  for (let block = 0; block < 64; block++) {
    await readTo(reader, wanted, block * MiB, (block + 1) * MiB)
    await until(() => cache.stats().fillsInProgress === 0)
  }
  reader.close()
  assert.ok(origin.calls.length <= 16, `${origin.calls.length} requests for 64 blocks`)
  await assertQuiescent(cache)
})

test('a second reader joins a run that paused, and both get every byte', async () => {
  const cache = newCache({ pauseMsMax: 60_000 })
  const origin = new ScriptedOrigin({ chunkBytes: CHUNK_BYTES })
  const { reader, wanted } = startReader(cache, origin, 8 * MiB)
  await readTo(reader, wanted, 0, CHUNK_BYTES)
  await until(() => origin.readBytes > 2 * MiB)
  await read({ cache, origin }, headOf('k', '"v"', 8 * MiB), [0, 8 * MiB])
  await readTo(reader, wanted, CHUNK_BYTES, 8 * MiB)
  reader.close()
  assert.equal(origin.readBytes, 8 * MiB)
  await assertQuiescent(cache)
})

test('slow readers whose pieces fill the cache do not cost what is used its place', async () => {
  const cache = newCache({ memoryBytes: 48 * MiB, pauseMsMax: 60_000 })
  const origin = new ScriptedOrigin()
  const hot = headOf('hot', '"v"', 300_000)
  const generation = cache.generation('hot')
  cache.adopt({ info: hot, start: 0, end: hot.sizeBytes, body: origin.body(hot, 0, hot.sizeBytes), generation, ask: origin.fetch })
  // The second use brings it to the main log when the small one turns over.
  for (let use = 0; use < 3; use++) await read({ cache, origin }, hot, [0, hot.sizeBytes])
  for (let i = 0; i < 60; i++) await read({ cache, origin }, headOf(`once-${i}`, '"v"', MiB), [0, MiB])
  for (let use = 0; use < 3; use++) await read({ cache, origin }, hot, [0, hot.sizeBytes])
  const held = []
  for (let i = 0; i < 64; i++) {
    const info = headOf(`slow-${i}`, '"v"', 2 * MiB)
    const reader = cache.openReader(info, 0, info.sizeBytes, { ask: origin.fetch, generation: cache.generation(info.key) })
    const piece = reader.next()
    held.push({ reader, piece })
  }
  await until(() => cache.isPinnedFull)
  const { sources } = await read({ cache, origin }, hot, [0, hot.sizeBytes])
  assert.deepEqual([...sources], ['memory'])
  for (const { reader, piece } of held) {
    void piece.then((arrived) => arrived?.release())
    reader.close()
  }
  await assertQuiescent(cache)
})
