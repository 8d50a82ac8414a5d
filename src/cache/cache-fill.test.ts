import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyMismatch, VersionGone } from './api.ts'
import { assertQuiescent, newCache, openAbsent, read, readAll, settle } from './testing/cache-harness.ts'
import { Gate, headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'

const MiB = 1024 * 1024

test('a body that breaks off is resumed once where it stopped', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  origin.fault({ breaksAt: 1_500_000 })
  const info = headOf('k', '"v"', 3 * MiB)
  openAbsent(cache, origin, info)
  await read({ cache, origin }, info, [0, 3 * MiB], true)
  assert.deepEqual(
    origin.calls.map((call) => [call.start, call.end]),
    [
      [0, 3 * MiB],
      [1_500_000, 3 * MiB],
    ],
  )
  await settle()
  assert.deepEqual([...(await read({ cache, origin }, info, [0, 3 * MiB])).sources], ['memory'])
  await assertQuiescent(cache)
})

test('a body that breaks off twice fails all who wait, keeps whole blocks, and the next reader starts over', async () => {
  const cache = newCache()
  const gate = new Gate(false)
  const origin = new ScriptedOrigin({ gate })
  origin.fault({ breaksAt: 1_500_000 }, { breaksAt: 200_000 })
  const info = headOf('k', '"v"', 3 * MiB)
  const generation = openAbsent(cache, origin, info)
  const readers = Array.from({ length: 5 }, () => readAll(cache.openReader(info, 0, 3 * MiB, { ask: origin.fetch, generation })))
  const failures = Promise.all(readers.map((reader) => assert.rejects(reader, /connection reset/)))
  gate.open()
  await failures
  const before = origin.fetchedBytes
  await read({ cache, origin }, info, [0, 3 * MiB])
  assert.equal(origin.fetchedBytes - before, 2 * MiB, 'the first block was whole')
})

test('a body with too few or too many bytes is never stored', async () => {
  for (const fault of [{ endsAt: 1000 }, { extraBytes: 1 }, { extraBytes: 100_000 }]) {
    const cache = newCache()
    const origin = new ScriptedOrigin()
    const info = headOf('k', '"v"', 70_000)
    // A short body is resumed once; one that goes on is not worth another try.
    origin.fault(fault)
    if ('endsAt' in fault) origin.fault({ endsAt: 5 })
    const generation = openAbsent(cache, origin, info)
    const reader = cache.openReader(info, 0, 70_000, { ask: origin.fetch, generation })
    const bytes = await readAll(reader).catch((error: unknown) => error)
    assert.ok(bytes instanceof BodyMismatch || 'extraBytes' in fault)
    await settle()
    assert.equal(cache.lookupHead('k'), undefined)
    assert.equal(cache.stats().entries, 0)
    await read({ cache, origin }, info, [0, 70_000])
    await assertQuiescent(cache)
  }
})

test('a version that is gone fails its readers with VersionGone and loses its head', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  const info = headOf('k', '"v"', 30 * MiB)
  openAbsent(cache, origin, info)
  await read({ cache, origin }, info, [0, MiB], true)
  origin.remove(info)
  await assert.rejects(read({ cache, origin }, info, [20 * MiB, 21 * MiB]), VersionGone)
  assert.equal(cache.lookupHead('k'), undefined)
})

test('what was asked for before an invalidation is read to the end, joined by nobody, and not stored', async () => {
  for (const sizeBytes of [500_000, 5 * MiB]) {
    const cache = newCache()
    const gate = new Gate(false)
    const origin = new ScriptedOrigin({ gate })
    const info = headOf('k', '"v"', sizeBytes)
    const generation = openAbsent(cache, origin, info)
    const before = readAll(cache.openReader(info, 0, sizeBytes, { ask: origin.fetch, generation, own: true }))
    gate.step()
    await settle()
    await cache.invalidate('k')
    assert.equal(cache.lookupHead('k'), undefined)
    const late = readAll(cache.openReader(info, 0, sizeBytes, { ask: origin.fetch, generation }))
    const calls = origin.calls.length
    const newcomer = readAll(cache.openReader(info, 0, sizeBytes, { ask: origin.fetch, generation: cache.generation('k') }))
    await settle()
    assert.equal(origin.calls.length, calls + 1, 'a newcomer asks for itself')
    gate.open()
    for (const reading of [before, late, newcomer]) assert.ok((await reading).bytes.equals(origin.content(info)))
    assert.equal(cache.lookupHead('k'), undefined)
    await assertQuiescent(cache)
  }
})

test('putHead() and adopt() under an outdated generation store nothing', async () => {
  const cache = newCache()
  const origin = new ScriptedOrigin()
  const generation = cache.generation('k')
  await cache.invalidate('k')
  assert.equal(cache.putHead(headOf('k', '"v"', 10), generation), false)
  const info = headOf('k', '"v"', 10)
  cache.adopt({ info, start: 0, end: 10, body: origin.body(info, 0, 10), generation, ask: origin.fetch })
  const reader = cache.openReader(info, 0, 10, { ask: origin.fetch, generation, own: true })
  assert.ok((await readAll(reader)).bytes.equals(origin.content(info)))
  assert.equal(cache.stats().entries, 0)
  assert.equal(origin.calls.length, 1)
  await assertQuiescent(cache)
})

test('a later version replaces the head while its body is on its way, and old blocks never join it', async () => {
  const cache = newCache()
  const gate = new Gate(true)
  const origin = new ScriptedOrigin({ gate })
  const old = headOf('k', '"a"', 3 * MiB, 10)
  openAbsent(cache, origin, old)
  await read({ cache, origin }, old, [0, 3 * MiB])
  const next = headOf('k', '"b"', 3 * MiB, 20)
  openAbsent(cache, origin, next)
  const head = cache.lookupHead('k')
  assert.equal(head?.etag, '"b"')
  head.release()
  await read({ cache, origin }, next, [0, 3 * MiB])
  const small = headOf('k', '"c"', 100, 30)
  openAbsent(cache, origin, small)
  const pending = cache.lookupHead('k')
  assert.equal(pending?.etag, '"c"')
  pending.release()
  await read({ cache, origin }, small, [0, 100])
  await assertQuiescent(cache)
})
