import assert from 'node:assert/strict'
import type { FetchRange, HeadInfo, VersionReader } from '../api.ts'
import { Cache, type CacheOptions } from '../cache.ts'
import { alignRun } from '../run.ts'
import { createCacheShare, type ShareOptions } from '../share.ts'
import type { ScriptedOrigin } from './scripted-fetch.ts'

const MiB = 1024 * 1024

/** For tests: a cache with one owner that checks every checksum at every read, and is asked by giving it a FetchRange. */
export function newCache(options: Partial<CacheOptions & ShareOptions> = {}): Cache {
  const share = createCacheShare({ memoryBytes: 160 * MiB, ...options })
  return new Cache({ share, worker: 0, post: refusePost, fetcher: (ask) => ask as FetchRange, verifyReads: 'always', ...options })
}

function refusePost(): void {
  assert.fail('one worker has nobody to post to')
}

/** For tests: what the gateway does with an absent object. */
export function openAbsent(cache: Cache, origin: ScriptedOrigin, info: HeadInfo): number {
  const generation = cache.generation(info.key)
  const run = alignRun(0, undefined)
  const end = Math.min(run.end, info.sizeBytes)
  const start = Math.min(run.start, end)
  cache.adopt({ info, start, end, body: origin.body(info, start, end), generation, ask: origin.fetch })
  return generation
}

/** For tests: a reader's bytes to its end, and where they came from. */
export async function readAll(reader: VersionReader): Promise<{ bytes: Buffer; sources: Set<string> }> {
  const chunks: Buffer[] = []
  const sources = new Set<string>()
  for (let piece = await reader.next(); piece !== undefined; piece = reader.nextNow() ?? (await reader.next())) {
    chunks.push(Buffer.from(piece.bytes))
    sources.add(piece.source)
    piece.release()
  }
  reader.close()
  return { bytes: Buffer.concat(chunks), sources }
}

/** For tests: reads a range and compares every byte. */
export async function read(
  { cache, origin }: { readonly cache: Cache; readonly origin: ScriptedOrigin },
  info: HeadInfo,
  range: [number, number],
  own = false,
): Promise<{ bytes: Buffer; sources: Set<string> }> {
  const generation = cache.generation(info.key)
  const result = await readAll(cache.openReader(info, ...range, { ask: origin.fetch, generation, own }))
  const wanted = origin.content(info).subarray(...range)
  assert.ok(result.bytes.equals(wanted), `bytes ${range[0]}-${range[1]} of ${info.key}`)
  return result
}

/** For tests: lets everything that needs no one's permission happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** For tests: nothing is held or on its way. */
export async function assertQuiescent(cache: Cache): Promise<void> {
  await settle()
  const { pins, flights, fillsInProgress } = cache.stats()
  assert.deepEqual({ pins, flights, fillsInProgress }, { pins: 0, flights: 0, fillsInProgress: 0 })
}
