import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { BodyMismatch, VersionGone, type FetchRange, type HeadInfo } from './api.ts'
import { BLOCK_BYTES } from './block.ts'
import { Cache, type CacheOptions } from './cache.ts'
import { UNREAD_BYTES_MAX } from './remote-reader.ts'
import { createCacheShare } from './share.ts'
import { openAbsent, readAll, settle } from './testing/cache-harness.ts'
import { headOf, ScriptedOrigin } from './testing/scripted-fetch.ts'
import { ScriptedNetwork } from './testing/scripted-network.ts'

const MiB = 1024 * 1024

interface Pair {
  readonly owner: Cache
  readonly reader: Cache
  readonly network: ScriptedNetwork
  readonly origin: ScriptedOrigin
  /** A head whose object the owner owns. */
  info(name: string, sizeBytes: number): HeadInfo
}

/** Two workers; the second one reads what the first one owns. */
function newPair(options: Partial<CacheOptions> & { memoryBytes?: number; owners?: number } = {}): Pair {
  const random = seededRandom(3)
  const { memoryBytes = 64 * MiB, owners = 2 } = options
  const share = createCacheShare({ memoryBytes, workers: 2, owners, random })
  const network = new ScriptedNetwork(2, random)
  const origin = new ScriptedOrigin()
  const fetcher = options.fetcher ?? (() => origin.fetch)
  const [owner, reader] = [0, 1].map((worker) => {
    const cache = new Cache({ verifyReads: 'always', ...options, share, worker, post: network.postFrom(worker), fetcher })
    network.connect(worker, cache)
    return cache
  })
  assert.ok(owner !== undefined && reader !== undefined)
  const info = (name: string, sizeBytes: number): HeadInfo => {
    let key = name
    while (owner.ownerOf(key) !== 0) key += '+'
    return headOf(key, '"v"', sizeBytes)
  }
  return { owner, reader, network, origin, info }
}

async function within<Value>(pair: Pair, work: Promise<Value>): Promise<Value> {
  const watched = { done: false }
  const finished = work.finally(() => (watched.done = true))
  finished.catch(() => undefined)
  while (!watched.done) await pair.network.deliverAll()
  return finished
}

async function assertNothingHeld(pair: Pair): Promise<void> {
  await pair.network.deliverAll()
  await settle()
  for (const cache of [pair.owner, pair.reader]) {
    const { pins, flights, fillsInProgress, foreignReaders } = cache.stats()
    assert.deepEqual({ pins, flights, fillsInProgress, foreignReaders }, { pins: 0, flights: 0, fillsInProgress: 0, foreignReaders: 0 })
  }
}

test('what is in memory is read by any worker without a message', async () => {
  const pair = newPair()
  const { owner, reader, origin } = pair
  for (const sizeBytes of [10, BLOCK_BYTES, 3 * MiB + 5]) {
    const info = pair.info(`k${sizeBytes}`, sizeBytes)
    openAbsent(owner, origin, info)
    await settle()
    const head = reader.lookupHead(info.key)
    assert.equal(head?.etag, info.etag)
    head.release()
    const result = await readAll(reader.openReader(info, 1, sizeBytes, { ask: 0, generation: reader.generation(info.key) }))
    assert.ok(result.bytes.equals(origin.content(info).subarray(1)))
    assert.deepEqual([...result.sources], ['memory'])
  }
  assert.deepEqual(pair.network.counts, {})
  await assertNothingHeld(pair)
})

test('what is missing comes through the owner, fetched once for readers of both workers', async () => {
  const pair = newPair()
  const { owner, reader, origin } = pair
  const info = pair.info('k', 20 * MiB)
  const reads = [owner, reader, reader].map(async (cache) =>
    readAll(cache.openReader(info, 0, info.sizeBytes, { ask: 0, generation: cache.generation(info.key) })),
  )
  for (const { bytes } of await within(pair, Promise.all(reads))) assert.ok(bytes.equals(origin.content(info)))
  assert.equal(origin.fetchedBytes, info.sizeBytes)
  await assertNothingHeld(pair)
})

test('an owner sends no more than the reader keeps up with, in few messages', async () => {
  const pair = newPair()
  const { owner, reader, origin } = pair
  const info = pair.info('k', 16 * MiB)
  await within(pair, readAll(owner.openReader(info, 0, info.sizeBytes, { ask: 0, generation: 0 })))
  // "own" makes it ask, although all is in memory.
  const slow = reader.openReader(info, 0, info.sizeBytes, { ask: 0, generation: 0, own: true })
  const first = slow.next()
  await pair.network.deliverAll()
  const piece = await first
  await pair.network.deliverAll()
  const pinned = owner.stats().pins
  assert.ok(pinned > 1 && pinned <= UNREAD_BYTES_MAX / MiB + 2, `${pinned} pieces are on their way to a reader that took one`)
  piece?.release()
  const rest = await within(pair, readAll(slow))
  assert.ok(rest.bytes.equals(origin.content(info).subarray(piece?.bytes.length)))
  assert.ok((pair.network.counts.pieces ?? 0) <= 18, `${pair.network.counts.pieces} messages for 16 blocks`)
  await assertNothingHeld(pair)
})

test('a reader that leaves gives back what it has, what waits for it and what is on its way to it', async () => {
  const pair = newPair()
  const { reader, origin } = pair
  const info = pair.info('k', 12 * MiB)
  for (let messages = 0; messages < 12; messages++) {
    const leaving = reader.openReader(info, 0, info.sizeBytes, { ask: 0, generation: reader.generation(info.key) })
    const first = leaving.next()
    for (let i = 0; i < messages; i++) {
      pair.network.deliver()
      await settle()
    }
    leaving.close()
    const piece = await first
    assert.equal(leaving.nextNow(), undefined)
    if (piece !== undefined) assert.ok(origin.content(info).subarray(0, piece.bytes.length).equals(piece.bytes))
    piece?.release()
    piece?.release()
    await assertNothingHeld(pair)
  }
})

class Refused extends Error {
  readonly status = 503
}

test('failures get to a reader in another worker as what they are, after the bytes that came before', async () => {
  const failures = [new VersionGone('gone'), new BodyMismatch('too long', true), new Refused('slow down')]
  for (const failure of failures) {
    const origin = new ScriptedOrigin()
    let fails = true
    const fetch: FetchRange = async (version, start, end, signal) => {
      if (start >= BLOCK_BYTES && fails) throw failure
      return origin.fetch(version, start, end, signal)
    }
    const errors: CacheOptions['errors'] = {
      encode: (error) => (error as Error).message,
      decode: (message) => new Refused(String(message)),
    }
    const pair = newPair({ fetcher: () => fetch, errors, fetchRunBytes: MiB })
    const info = pair.info('k', 2 * MiB)
    const generation = pair.reader.generation(info.key)
    const reader = pair.reader.openReader(info, 0, info.sizeBytes, { ask: 0, generation })
    let bytes = 0
    const read = async (): Promise<void> => {
      for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
        bytes += piece.bytes.length
        piece.release()
      }
    }
    const error: unknown = await within(pair, read()).catch((reason: unknown) => reason)
    assert.equal(bytes, MiB)
    assert.ok(error instanceof failure.constructor && error instanceof Error)
    assert.equal(error.message, failure.message)
    if (failure instanceof BodyMismatch) assert.equal((error as BodyMismatch).longer, true)
    fails = false
    await within(pair, read())
    assert.equal(bytes, 2 * MiB, 'who goes on after a failure asks anew')
    reader.close()
    await assertNothingHeld(pair)
  }
})

test('an invalidation is done when no worker finds the object any more', async () => {
  const pair = newPair()
  const { owner, reader, origin } = pair
  const info = pair.info('k', 100)
  openAbsent(owner, origin, info)
  await settle()
  const generation = owner.generation(info.key)
  const done = reader.invalidate(info.key)
  assert.ok(done !== undefined)
  assert.notEqual(owner.generation(info.key), generation, 'nothing that was asked before is stored from now on')
  await within(pair, done)
  assert.equal(owner.lookupHead(info.key), undefined)
  assert.equal(reader.lookupHead(info.key), undefined)
  assert.equal(owner.invalidate(info.key), undefined)
})

test('a damaged record that another worker finds is a miss there, and its owner forgets it', async () => {
  const pair = newPair()
  const { owner, reader, origin } = pair
  const info = pair.info('k', 1000)
  openAbsent(owner, origin, info)
  await settle()
  const head = owner.lookupHead(info.key)
  assert.ok(head?.body !== undefined)
  head.body[500] = (head.body[500] ?? 0) ^ 1
  head.release()
  assert.equal(reader.lookupHead(info.key), undefined)
  await pair.network.deliverAll()
  assert.equal(owner.stats().corruptEntries, 1)
  assert.equal(owner.stats().entries, 0)
  assert.equal(owner.stats().pins, 0)
})

test('a load on one owner uses the memory of all, until the other one needs it', async () => {
  const pair = newPair({ memoryBytes: 64 * MiB })
  const { owner, reader } = pair
  const large = pair.info('large', 50 * MiB)
  await within(pair, readAll(owner.openReader(large, 0, large.sizeBytes, { ask: 0, generation: 0 })))
  assert.ok(owner.stats().liveBytes >= 50 * MiB)
  for (let i = 0; i < 20; i++) {
    let key = `other-${i}-`
    while (owner.ownerOf(key) !== 1) key += '+'
    const other = headOf(key, '"v"', 4 * MiB)
    await within(pair, readAll(reader.openReader(other, 0, other.sizeBytes, { ask: 0, generation: 0 })))
  }
  assert.ok(reader.stats().liveBytes >= 20 * MiB, `${reader.stats().liveBytes} bytes of the newcomer`)
  assert.ok(owner.stats().liveBytes + reader.stats().liveBytes <= 64 * MiB)
})
