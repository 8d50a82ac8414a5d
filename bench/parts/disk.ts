import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { Pool } from 'undici'

import { formatByteSize } from '../../src/base/byte-size.ts'
import { runReadOnce } from '../generators/run-generator.ts'
import type { BarName } from '../harness/bars.ts'
import { runClosedLoop, shapeFor, throughputFinding } from '../harness/closed-loop.ts'
import type { ComparisonRow } from '../harness/comparison.ts'
import type { Finding } from '../harness/finding.ts'
import { scrape, sumOf } from '../harness/metrics-text.ts'
import { makeObjectRoot, type ObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { plainRequests } from '../harness/requests.ts'
import { spreadOf } from '../harness/statistics.ts'
import { startHotbucket, type HotbucketServer } from '../servers/hotbucket.ts'
import { startNginx } from '../servers/nginx.ts'
import { authority, type BenchServer } from '../servers/server.ts'

const MIB = 1024 ** 2

/** The least that can be configured: the sets are read in turn, which a cache this much smaller cannot help with. */
const MEMORY_MIB = 16
const DISK_MIB = 4096
const WARM_CONNECTIONS = 16
const COLD_CONNECTIONS = 16
/** nginx keeps every object's file open, as one would configure it who knows how many there are. */
const OPEN_FILES = 16_000
const DISK_METRIC = 'hotbucket_response_bytes_total'

/** Sets that are many times the memory, and fit the page cache. LuaJIT takes no more constants in one table than 50,000. */
const SETS: readonly { readonly bytes: number; readonly count: number; readonly bar: BarName }[] = [
  { bytes: 4096, count: 15_000, bar: 'disk-4k' },
  { bytes: MIB, count: 512, bar: 'disk-1m' },
]

/**
 * Hits from disk beside nginx with proxy_cache, both in directories of the same file system and out of the page cache; then the large set
 * from the device itself, with nothing of it in the page cache, beside `dd` reading the same files.
 */
export async function disk(context: PartContext): Promise<PartResult> {
  const { serverCpus: cpus, place, say } = context
  const workDirectory = await mkdtemp(join(tmpdir(), 'hotbucket-bench-disk-'))
  try {
    return await withServers(async (keep) => {
      const root = await makeObjectRoot(workDirectory)
      const directory = join(workDirectory, 'disk')
      const origin = await keep(startNginx({ source: { kind: 'files', root }, workers: 1, cpus: place.cpus, workDirectory }))
      const cache = { kind: 'cache', originPort: origin.port } as const
      const proxyCache = await keep(startNginx({ source: cache, workers: 1, cpus, workDirectory, openFiles: OPEN_FILES }))
      const source = { kind: 'files', root } as const
      const onDisk = { directory, max: `${DISK_MIB}MiB` }
      const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory, disk: onDisk }))
      const findings: Finding[] = []
      const rows: ComparisonRow[] = []
      let large: ObjectSet | undefined
      for (const { bytes, count, bar } of SETS) {
        const set = await writeSet(root, bytes, Math.min(count, context.sizes.diskObjects))
        say(`\n${set.paths.length} objects of ${set.name}: ${formatByteSize(bytes * set.paths.length)}, memory ${MEMORY_MIB} MiB`)
        await fill(proxyCache, root, set)
        await fill(hotbucket, root, set)
        const before = await scrape(hotbucket.admin)
        const contenders = [proxyCache, hotbucket].map((server) => ({
          name: server.name,
          server,
          requests: () => plainRequests(set.paths, authority(server)),
        }))
        const compared = await runClosedLoop({ name: `${set.name} on disk`, set, contenders }, context, shapeFor(set, context))
        rows.push(...compared.rows)
        const finding = throughputFinding(bar, compared, { of: hotbucket.name, to: proxyCache.name })
        findings.push({ ...finding, notes: [...finding.notes, await sourcesSince(hotbucket, before)] })
        large = set
      }
      if (large !== undefined) findings.push(await fromDevice(context, hotbucket, large, directory))
      return { findings, rows }
    })
  } finally {
    await rm(workDirectory, { recursive: true, force: true })
  }
}

async function writeSet(root: string, sizeBytes: number, count: number): Promise<ObjectSet> {
  const name = sizeBytes < MIB ? `${sizeBytes / 1024}KiB` : `${sizeBytes / MIB}MiB`
  await mkdir(join(root, 'bench', name), { recursive: true })
  const content = Buffer.allocUnsafe(sizeBytes)
  const paths = Array.from({ length: count }, (_, number) => `/bench/${name}/${String(number).padStart(5, '0')}`)
  for (const path of paths) await writeFile(join(root, path), randomFillSync(content))
  return { name, sizeBytes, paths }
}

/** Reads every object through the server until all of them are on its disk, and compares it with its file. */
async function fill(server: BenchServer, root: string, set: ObjectSet): Promise<void> {
  const pool = new Pool(`http://${authority(server)}`, { connections: WARM_CONNECTIONS })
  try {
    for (let pass = 0; pass < FILL_PASSES_MAX; pass++) {
      const queue = set.paths.values()
      let misses = 0
      const reader = async (): Promise<void> => {
        for (const path of queue) {
          const { statusCode, headers, body } = await pool.request({ path, method: 'GET' })
          const bytes = Buffer.from(await body.arrayBuffer())
          if (statusCode !== 200 || !bytes.equals(await readFile(join(root, path))))
            throw new Error(`${server.name}: "${path}" answered ${statusCode} with ${bytes.length} bytes`)
          if (!/hit/i.test(String(headers['cache-status'] ?? ''))) misses++
        }
      }
      await Promise.all(Array.from({ length: WARM_CONNECTIONS }, reader))
      if (misses === 0) return
    }
    throw new Error(`Cannot measure ${server.name}: after ${FILL_PASSES_MAX} passes some of its ${set.name} objects are still misses`)
  } finally {
    await pool.close()
  }
}

/** A disk that is offered more than it can take at once lets some go: they are offered again with the next read. */
const FILL_PASSES_MAX = 6

/** What answered: so that nobody takes hits in memory for hits on disk. */
async function sourcesSince(hotbucket: HotbucketServer, before: Awaited<ReturnType<typeof scrape>>): Promise<string> {
  const after = await scrape(hotbucket.admin)
  const bytes = (source: string): number => sumOf(after, DISK_METRIC, { source }) - sumOf(before, DISK_METRIC, { source })
  const [fromDisk, fromMemory, fromOrigin] = [bytes('disk'), bytes('memory'), bytes('origin') + bytes('coalesced')]
  const share = (part: number): string => `${((100 * part) / (fromDisk + fromMemory + fromOrigin)).toFixed(1)} %`
  return `of hotbucket's bytes ${share(fromDisk)} came from disk, ${share(fromMemory)} from memory, ${share(fromOrigin)} from elsewhere`
}

/** The whole set once, with nothing of it in the page cache, in turns with `dd` over the files that hold it. */
async function fromDevice(context: PartContext, hotbucket: HotbucketServer, set: ObjectSet, directory: string): Promise<Finding> {
  const { host, port } = hotbucket
  const ratios: number[] = []
  for (let round = 0; round < context.rounds; round++) {
    const files = await segmentsOf(directory)
    await forget(files)
    const requests = plainRequests(set.paths, authority(hotbucket))
    const read = await runReadOnce({ host, port, requests, bodyBytes: set.sizeBytes, connections: COLD_CONNECTIONS }, context.place)
    await forget(files)
    const beganMs = performance.now()
    let rawBytes = 0
    for (const file of files) {
      await run('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M'])
      rawBytes += (await stat(file)).blocks * 512
    }
    const raw = rawBytes / ((performance.now() - beganMs) / 1000)
    const ours = read.bytes / read.seconds
    context.say(`  cold: hotbucket ${formatByteSize(ours)}/s, dd ${formatByteSize(raw)}/s, ${read.errors} errors`)
    ratios.push(ours / raw)
  }
  return { name: 'disk-device', measured: spreadOf(ratios), rounds: undefined, notes: [] }
}

const run = promisify(execFile)

async function segmentsOf(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true })
  return names.filter((name) => /segment-\d+$/.test(name)).map((name) => join(directory, name))
}

/** Nothing of the files is in the page cache afterwards: `dd` without a byte to copy tells the kernel so, for a whole file. */
async function forget(files: readonly string[]): Promise<void> {
  await run('sync', [...files])
  for (const file of files) await run('dd', [`if=${file}`, 'iflag=nocache', 'count=0'])
}
