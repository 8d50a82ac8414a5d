import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatByteSize } from '../src/base/byte-size.ts'
import { systemClock } from '../src/base/clock.ts'
import { DiskDirectory, shardPath } from '../src/cache/disk/disk-directory.ts'
import { nodeDiskFiles } from '../src/cache/disk/disk-files.ts'
import type { DiskRecord } from '../src/cache/disk/disk-record.ts'
import { DiskShard } from '../src/cache/disk/disk-shard.ts'
import { machineProcesses } from '../src/cache/disk/process-identity.ts'

/**
 * How long a disk cache takes from its start to the first record read: with 1,000,000 records of 4 KiB (or --records) that
 * were written before. Then 10 times its size goes through a small one, and what that costs in writes is printed.
 */

const MiB = 1024 * 1024
const BODY_BYTES = 4096

interface Session {
  readonly directory: DiskDirectory
  readonly shard: DiskShard
}

async function open(path: string, capBytes: number): Promise<Session> {
  const options = { files: nodeDiskFiles, clock: systemClock, random: Math.random, processes: machineProcesses, sightings: new Map() }
  const opened = await DiskDirectory.open({ ...options, directory: path, capBytes, shards: 1, key: undefined })
  if (opened.kind !== 'open') throw new Error(opened.why)
  const { directory } = opened
  const shard = await DiskShard.open({
    ...options,
    directory: shardPath(path, 0),
    shard: 0,
    geometry: directory.geometry,
    capBytes,
    reserveFreeBytes: 1024 * MiB,
    indexBytesMax: 1024 * MiB,
    dailyWriteBytes: 1e15,
    checksumSeed: directory.checksumSeed,
    nameSeed: directory.nameSeed,
    cipher: undefined,
    unproven: directory.isUnproven,
    isOurs: async () => directory.isOurs(),
    onUnwritten: () => undefined,
  })
  return { directory, shard }
}

function recordOf(i: number, body: Buffer): DiskRecord {
  body.writeUInt32LE(i, 0)
  return {
    key: keyOf(i),
    etag: '"0123456789abcdef0123456789abcdef"',
    sizeBytes: body.length,
    blockNo: undefined,
    meta: META,
    validatedAtMs: 0,
    body,
  }
}

function keyOf(i: number): string {
  return `bucket/path/of/some/length/part-${String(i).padStart(9, '0')}.parquet`
}

const META = 'content-type: application/octet-stream\r\nlast-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n'

/** Puts a record, waiting where the disk does not keep up. */
async function put(shard: DiskShard, record: DiskRecord): Promise<void> {
  for (let result = shard.put(record); result !== 'stored'; result = shard.put(record)) {
    if (result !== 'busy' && result !== 'no-room') throw new Error(`a record was refused: ${result}`)
    await shard.flush()
    if (result === 'no-room') await shard.tick()
  }
}

async function readBack(shard: DiskShard, i: number): Promise<void> {
  const hash = shard.reader.headHash(keyOf(i))
  const found = hash === undefined ? undefined : shard.reader.find(hash, true)
  if (found === undefined) throw new Error(`record ${i} was not found`)
  const head = await shard.reader.readHead(found, keyOf(i))
  shard.reader.release(found)
  if (Buffer.from(head?.body ?? []).readUInt32LE(0) !== i) throw new Error(`record ${i} is not what was written`)
}

async function measureRestart(path: string, records: number): Promise<void> {
  const capBytes = Math.max(256 * MiB, records * 6 * 1024)
  const first = await open(path, capBytes)
  const body = Buffer.alloc(BODY_BYTES, 7)
  const writeMs = await timed(async () => {
    for (let i = 0; i < records; i++) await put(first.shard, recordOf(i, body))
    await first.shard.flush()
  })
  console.log(`written: ${records.toLocaleString('en-US')} records of 4 KiB in ${(writeMs / 1000).toFixed(1)} s`)
  // Not closed: the process that wrote them is taken for killed, its open segment has no footer.
  await first.directory.close(false)
  for (const cold of [false, true]) {
    const before = process.cpuUsage()
    let session: Session | undefined
    const readyMs = await timed(async () => {
      session = await open(path, capBytes)
    })
    const cpu = process.cpuUsage(before)
    if (session === undefined) throw new Error('not opened')
    const { shard, directory } = session
    const firstMs = await timed(async () => readBack(shard, records >> 1))
    const stats = shard.stats()
    for (let i = 0; i < records; i += Math.ceil(records / 1000)) await readBack(shard, i)
    console.log(
      `${cold ? 'again  ' : 'restart'}: ready in ${readyMs.toFixed(0)} ms (CPU ${((cpu.user + cpu.system) / 1000).toFixed(0)} ms), ` +
        `first hit after ${firstMs.toFixed(1)} ms more; ${stats.entries.toLocaleString('en-US')} records, ` +
        `index ${formatByteSize(stats.indexBytes)}: ${(stats.indexBytes / stats.entries).toFixed(1)} bytes a record; ` +
        `${((readyMs / stats.entries) * 1e6).toFixed(0)} ms per million`,
    )
    await directory.close(await shard.close())
  }
}

/** Ten times its size through a small cache, while a hot tenth is read again and again, and fetched again where it was lost. */
async function measureTurnover(path: string): Promise<void> {
  const capBytes = 256 * MiB
  const { shard, directory } = await open(path, capBytes)
  const body = Buffer.alloc(64 * 1024, 7)
  const hot = Math.floor(capBytes / body.length / 10)
  let reads = 0
  let hits = 0
  for (let i = 0; shard.stats().insertedBytes < 10 * capBytes; i++) {
    await put(shard, recordOf(hot + i, body))
    reads++
    if (use(shard, i % hot)) hits++
    else await put(shard, recordOf(i % hot, body))
  }
  await shard.flush()
  const stats = shard.stats()
  console.log(
    `turnover: ${formatByteSize(stats.insertedBytes)} through ${formatByteSize(capBytes)}: write amplification ` +
      `${(stats.writtenBytes / stats.insertedBytes).toFixed(2)}, ${((100 * stats.reinsertedBytes) / stats.writtenBytes).toFixed(1)} % of what was written was reinserted, ` +
      `${((100 * hits) / reads).toFixed(1)} % of hot reads were hits; on disk ${formatByteSize(stats.allocatedBytes)}`,
  )
  await directory.close(await shard.close())
}

/** A use without reading it; false where it is not there. */
function use(shard: DiskShard, i: number): boolean {
  const found = shard.reader.find(shard.reader.headHash(keyOf(i)) ?? { lo: 0, hi: 0 }, true)
  if (found !== undefined) shard.reader.release(found)
  return found !== undefined
}

async function timed(run: () => Promise<void>): Promise<number> {
  const beganMs = performance.now()
  await run()
  return performance.now() - beganMs
}

const { values } = parseArgs({ options: { records: { type: 'string' }, directory: { type: 'string' } } })
const parent = await mkdtemp(join(values.directory ?? tmpdir(), 'hotbucket-bench-disk-'))
try {
  await measureRestart(join(parent, 'restart'), Number(values.records ?? 1_000_000))
  await measureTurnover(join(parent, 'turnover'))
} finally {
  await rm(parent, { recursive: true, force: true })
}
