import assert from 'node:assert/strict'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { seededRandom } from '../../src/base/random.ts'
import { indexTotals } from '../../src/cache/testing/index-totals.ts'
import { SegmentPool } from '../../src/cache/segment-pool.ts'
import { createCacheShare, type CacheShare } from '../../src/cache/share.ts'
import { StressObjects } from './stress-objects.ts'
import type { StressReport, StressWorkerData } from './stress-worker.ts'

const MiB = 1024 * 1024
const SETTLE_LIMIT_MS = 20_000
/** How long a run goes on at most to reach what it is to do at least: a busy machine may give its threads little. */
const EFFORT_LIMIT_MS = 120_000

export interface StressOptions {
  readonly seed: number
  readonly durationMs: number
  /** What is to be done at least; the run goes on until then. */
  readonly atLeast?: { readonly operations: number; readonly evictedEntries: number }
  /** 2 to 4, by the seed where absent. */
  readonly workers?: number
  /** Only lookups and overwrites, as many as go; by the seed where absent. */
  readonly churns?: boolean
}

const NOTHING = { operations: 0, evictedEntries: 0 }

export interface StressSummary {
  readonly workers: number
  readonly owners: number
  readonly memoryBytes: number
  readonly churns: boolean
  readonly operations: number
  readonly hits: number
  readonly pieces: number
  readonly evictedEntries: number
}

/**
 * Lets several threads do everything to one small cache at once, so that reclaim never pauses, and checks every byte that any of
 * them gets. At the end nothing may be held, and memory must add up. Throws what a thread failed with.
 */
export async function stressCache(options: StressOptions): Promise<StressSummary> {
  const random = seededRandom(options.seed)
  const workers = options.workers ?? 2 + Math.floor(random() * 3)
  const owners = 1 + Math.floor(random() * workers)
  const memoryBytes = (3 + owners * 5 + Math.floor(random() * 4)) * MiB
  const share = createCacheShare({ memoryBytes, workers, owners, random })
  const churns = options.churns ?? options.seed % 2 === 1
  const objects = new StressObjects()
  const threads = startThreads({ share, objects: objects.memory, churns }, options.seed)
  const failures = threads.map(async (thread): Promise<never> => {
    const [error] = (await once(thread, 'error')) as [Error]
    throw error
  })
  try {
    const work = finish(threads, share, objects, options)
    const reports = await Promise.race([work, ...failures])
    return { workers, owners, memoryBytes, churns, ...sumOf(reports) }
  } finally {
    objects.stop()
    for (const failure of failures) failure.catch(() => undefined)
    await Promise.all(threads.map(async (thread) => thread.terminate()))
  }
}

function startThreads(common: Pick<StressWorkerData, 'share' | 'objects' | 'churns'>, seed: number): Worker[] {
  const { workers } = common.share.layout
  const ports: (MessagePort | undefined)[][] = Array.from({ length: workers }, () => [])
  for (let a = 0; a < workers; a++) {
    for (let b = a + 1; b < workers; b++) {
      const { port1, port2 } = new MessageChannel()
      ;(ports[a] ?? [])[b] = port1
      ;(ports[b] ?? [])[a] = port2
    }
  }
  return ports.map((own, worker) => {
    const data: StressWorkerData = { ...common, worker, seed: seed * 64 + worker, ports: own }
    const transferList = own.filter((port) => port !== undefined)
    return new Worker(new URL('./stress-worker.ts', import.meta.url), { workerData: data, transferList })
  })
}

async function finish(
  threads: readonly Worker[],
  share: CacheShare,
  objects: StressObjects,
  { durationMs, atLeast = NOTHING }: StressOptions,
): Promise<StressReport[]> {
  // Loading the program may take threads longer than their work: the time runs when all are there.
  await Promise.all(threads.map(ask))
  const giveUpMs = performance.now() + EFFORT_LIMIT_MS
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, durationMs))
    const done = sumOf(await Promise.all(threads.map(ask)))
    if (done.operations >= atLeast.operations && done.evictedEntries >= atLeast.evictedEntries) break
    assert.ok(performance.now() < giveUpMs, `too little was done: ${JSON.stringify(done)}`)
  }
  objects.stop()
  const deadlineMs = performance.now() + SETTLE_LIMIT_MS
  for (;;) {
    const reports = await Promise.all(threads.map(ask))
    const held = heldOf(reports)
    if (Object.values(held).every((count) => count === 0)) {
      checkMemory(share, reports)
      return reports
    }
    assert.ok(performance.now() < deadlineMs, `still held after the end: ${JSON.stringify(held)}`)
  }
}

async function ask(thread: Worker): Promise<StressReport> {
  const answer = once(thread, 'message') as Promise<[StressReport]>
  thread.postMessage('report')
  const [report] = await answer
  return report
}

function heldOf(reports: readonly StressReport[]): Record<string, number> {
  const held: Record<string, number> = {}
  for (const { stats, tasks } of reports) {
    const { pins, flights, fillsInProgress, foreignReaders } = stats
    for (const [name, count] of Object.entries({ tasks, pins, flights, fillsInProgress, foreignReaders })) {
      held[name] = (held[name] ?? 0) + count
    }
  }
  return held
}

/** Every segment is somebody's or free, and what owners counted is what stands in their indexes. */
function checkMemory(share: CacheShare, reports: readonly StressReport[]): void {
  const { owners, segmentCount } = share.layout
  const pool = new SegmentPool(share)
  let segments = pool.freeCount
  for (let owner = 0; owner < owners; owner++) {
    segments += pool.heldBy(owner)
    const { entries, liveBytes, corruptEntries } = reports[owner]?.stats ?? {}
    assert.deepEqual({ entries, liveBytes }, indexTotals(share, owner), `what owner ${owner} counts`)
    assert.equal(corruptEntries, 0)
  }
  assert.equal(segments, segmentCount, 'segments add up')
}

function sumOf(reports: readonly StressReport[]): Pick<StressSummary, 'operations' | 'hits' | 'pieces' | 'evictedEntries'> {
  const sum = { operations: 0, hits: 0, pieces: 0, evictedEntries: 0 }
  for (const { operations, hits, pieces, stats } of reports) {
    sum.operations += operations
    sum.hits += hits
    sum.pieces += pieces
    sum.evictedEntries += stats.evictedEntries
  }
  return sum
}

const ROUND_MS = 5000

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string' } } })
  const first = Number(values.seed ?? Date.now() % 1_000_000_007)
  const seconds = Number(values.seconds ?? 60)
  const endMs = performance.now() + seconds * 1000
  for (let seed = first; performance.now() < endMs; seed++) {
    const durationMs = Math.min(ROUND_MS, Math.max(500, endMs - performance.now()))
    try {
      console.log(`seed ${seed}: ${JSON.stringify(await stressCache({ seed, durationMs }))}`)
    } catch (error) {
      console.error(`cache stress failed; again: npm run test:stress -- --seed ${seed} --seconds ${Math.ceil(durationMs / 1000)}`)
      throw error
    }
  }
}

if (import.meta.main) await main()
