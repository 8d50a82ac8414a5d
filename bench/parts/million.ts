import { freemem } from 'node:os'

import type { LoadResult } from '../generators/load-plan.ts'
import { runReadOnce, runLoad } from '../generators/run-generator.ts'
import { onceValid } from '../harness/accounting.ts'
import { highestBucket, scrape, sumOf, type Sample } from '../harness/metrics-text.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { residentBytes } from '../harness/proc-memory.ts'
import { plainRequests } from '../harness/requests.ts'
import { spreadOf } from '../harness/statistics.ts'
import { BenchUnavailable } from '../harness/tools.ts'
import { generatedPath } from '../servers/generated-origin.ts'
import { startHotbucket, type HotbucketServer } from '../servers/hotbucket.ts'
import { authority } from '../servers/server.ts'
import { startSimulatedS3 } from '../servers/start-simulated-s3.ts'

const SIZE_BYTES = 4096
const MIB = 1024 ** 2
/**
 * What an object may take with its head and its share of the index. The budget is for all of them: with less, objects would be evicted; with
 * more, the index, which follows the budget, would be larger than so many objects need.
 */
const OBJECT_BYTES_MAX = 5000
const MEMORY_MIB_MIN = 64
const FILL_CONNECTIONS = 64
const WATCH_CONNECTIONS = 16
/** LuaJIT takes no more constants in one table. */
const WATCH_OBJECTS_MAX = 50_000
const SAMPLE_MS = 1000

/** A million small objects in the cache: what the garbage collector sees of them, and what the index takes. */
export async function million(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus, place, sizes, say } = context
  const count = sizes.cachedObjects
  const memoryMiB = Math.max(MEMORY_MIB_MIN, Math.ceil((count * OBJECT_BYTES_MAX) / MIB))
  if (freemem() < memoryMiB * MIB * 1.5) throw new BenchUnavailable(`needs ${Math.round(memoryMiB * 1.5)} MiB of free memory`)
  return withServers(async (keep) => {
    const origin = await keep(startSimulatedS3(place.cpus, undefined))
    const source = { kind: 's3', port: origin.port } as const
    const hotbucket = await keep(startHotbucket({ source, memoryMiB, workers: 1, cpus, workDirectory }))
    const { host, port, tls } = hotbucket
    const requests = (first: number, wanted: number, step: number): string[] =>
      plainRequests(
        Array.from({ length: wanted }, (_, i) => generatedPath(SIZE_BYTES, first + i * step)),
        authority(hotbucket),
      )
    // The first thousand grow the heap to what a working process has.
    await fill(1000)
    const empty = await leastHeap(hotbucket, 5)
    say(`\n${count.toLocaleString('en-US')} objects of 4 KiB: filling ${memoryMiB} MiB`)
    const filled = await fill(count)
    say(`  ${Math.round(filled.requests / filled.seconds)} objects/s`)
    const watched = Math.min(count, WATCH_OBJECTS_MAX)
    const shape = { generator: 'wrk', bodyBytes: SIZE_BYTES, connections: WATCH_CONNECTIONS, threads: 1 } as const
    const plan = { ...shape, host, port, tls, requests: requests(0, watched, Math.floor(count / watched)), seconds: sizes.watchSeconds }
    const watch = async (): Promise<Watched> => {
      const before = await scrape(hotbucket.admin)
      const [load, heapBytes] = await Promise.all([runLoad(plan, place), leastHeap(hotbucket, sizes.watchSeconds)])
      const after = await scrape(hotbucket.admin)
      return { load, heapBytes, after, pauseMs: highestBucket(before, after, 'hotbucket_gc_pause_seconds') * 1000 }
    }
    const { value, counts } = await onceValid({ server: hotbucket.pids(), fixtures: origin.pids() }, watch, say)
    const { load, after, pauseMs, heapBytes: full } = value
    const entries = sumOf(after, 'hotbucket_cache_entries')
    const hits = `${Math.round(load.requests / load.seconds).toLocaleString('en-US')} hits/s for ${Math.round(load.seconds)} s`
    const note = `million: ${entries.toLocaleString('en-US')} of ${count.toLocaleString('en-US')} entries kept, ${hits}, resident ${Math.round(residentBytes(hotbucket.pids()) / MIB)} MiB; heap: least of one sample a second`
    const one = (value: number): ReturnType<typeof spreadOf> => spreadOf([value])
    return {
      findings: [
        { name: 'million-heap', measured: one((full - empty) / MIB), rounds: counts, notes: [note] },
        {
          name: 'million-pause',
          measured: one(pauseMs),
          rounds: counts,
          notes: [note, 'pauses: upper bound of the highest bucket of the histogram'],
        },
        { name: 'million-index', measured: one(sumOf(after, 'hotbucket_cache_index_bytes') / entries), rounds: counts, notes: [note] },
      ],
      rows: [],
      details: { count, entries, empty, full, pauseMs, fillSeconds: filled.seconds, load },
    }

    async function fill(objects: number): Promise<{ requests: number; seconds: number }> {
      const template = { before: `GET ${generatedPath(SIZE_BYTES, '')}`, after: ` HTTP/1.1\r\nHost: ${authority(hotbucket)}\r\n\r\n` }
      const numbered = { ...template, count: objects }
      const result = await runReadOnce({ host, port, requests: numbered, bodyBytes: SIZE_BYTES, connections: FILL_CONNECTIONS }, place)
      if (result.errors > 0) throw new Error(`Cannot fill the cache: ${result.errors} answers were wrong`)
      return result
    }
  })
}

interface Watched {
  readonly load: LoadResult
  readonly heapBytes: number
  readonly after: readonly Sample[]
  readonly pauseMs: number
}

/** The least JavaScript heap in use, all threads, over some seconds, bytes: what is left after a collection. */
async function leastHeap(hotbucket: HotbucketServer, seconds: number): Promise<number> {
  const used = (samples: readonly Sample[]): number => sumOf(samples, 'hotbucket_heap_bytes', { kind: 'used' })
  let least = Infinity
  for (let second = 0; second < seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
    least = Math.min(least, used(await scrape(hotbucket.admin)))
  }
  return least
}
