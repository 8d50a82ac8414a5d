import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { nodeDiskFiles } from './disk-files.ts'
import { DiskDirectory, type DirectoryOptions } from './disk-directory.ts'
import { DISK_BYTES_MIN, geometryFor, segmentsWithin } from './disk-geometry.ts'
import { LEASE_MS } from './directory-lock.ts'
import { machineProcesses, type ProcessIdentity, type Processes } from './process-identity.ts'
import { bodyOf, headRecord, openSession, readHeadOf, ScriptedProcesses, SMALL_CAP_BYTES, withDirectory } from './testing/disk-harness.ts'

const MiB = 1024 * 1024
const START_MS = 1_700_000_000_000

function optionsFor(directory: string, more: Partial<DirectoryOptions> = {}): DirectoryOptions {
  return {
    files: nodeDiskFiles,
    directory,
    capBytes: SMALL_CAP_BYTES,
    shards: 1,
    key: undefined,
    processes: new ScriptedProcesses(1),
    clock: new ManualClock(START_MS),
    random: Math.random,
    sightings: new Map(),
    ...more,
  }
}

async function whyNot(options: DirectoryOptions): Promise<string> {
  const opened = await DiskDirectory.open(options)
  return opened.kind === 'open' ? 'open' : opened.why
}

test('a directory with anything in it that is not of a disk cache is refused by name and left alone', async () => {
  await withDirectory(async (path) => {
    await mkdir(path)
    await writeFile(join(path, 'thesis.tex'), 'precious')
    assert.match(
      await whyNot(optionsFor(path)),
      /^Cannot open disk cache ".*": it holds "thesis\.tex", which is not of a disk cache: wanted an empty directory$/,
    )
    assert.equal(await readFile(join(path, 'thesis.tex'), 'utf8'), 'precious')
  })
})

test('a superblock that is damaged, of another format version or of another program is refused', async () => {
  await withDirectory(async (path) => {
    await (await openSession(path)).close()
    const name = join(path, 'superblock')
    const text = await readFile(name, 'utf8')
    for (const [changed, why] of [
      [text.replace('"version": 1', '"version": 2'), /it has format version 2: wanted 1/],
      [text.replace('"shards": 1', '"shards": 2'), /its superblock is damaged/],
      [text.slice(0, 50), /its superblock is damaged/],
      ['{"format":"other"}', /not that of a disk cache/],
      ['', /its superblock is damaged/],
    ] as const) {
      await writeFile(name, changed)
      assert.match(await whyNot(optionsFor(path)), why)
    }
    await writeFile(name, text)
    assert.equal(await whyNot(optionsFor(path, { processes: new ScriptedProcesses(2) })), 'open')
  })
})

test('a cap that is too small for anything, or for the directory as it was made, is refused with what is needed', async () => {
  await withDirectory(async (path) => {
    assert.match(await whyNot(optionsFor(path, { capBytes: DISK_BYTES_MIN - 1 })), /are too little: wanted at least 18\.2 MiB/)
    const large = await DiskDirectory.open(optionsFor(path, { capBytes: 1024 * MiB, shards: 4 }))
    assert.ok(large.kind === 'open' && large.directory.geometry.shards === 4)
    await large.directory.close(true)
    assert.match(await whyNot(optionsFor(path)), /24\.0 MiB are too little for it: wanted at least/)
  })
})

test('an encrypted directory opens with its key only, and nothing in it can be read on the disk', async () => {
  await withDirectory(async (path) => {
    const key = Buffer.alloc(32, 1)
    const session = await openSession(path, { key })
    const body = Buffer.from('a body that must not be seen. '.repeat(100))
    session.shard.put(headRecord('bucket/secret-name', '"secret-etag"', body))
    await session.shard.flush()
    assert.deepEqual((await readHeadOf(session.shard, 'bucket/secret-name'))?.body, body)
    await session.close()
    for (const name of ['segment-00000', 'segment-00001', 'tombstones.1']) {
      const stored = await readFile(join(path, 'shard-00', name))
      for (const text of ['must not be seen', 'secret-name', 'secret-etag', 'x-meta'])
        assert.ok(!stored.includes(text), `${text} in ${name}`)
    }
    assert.match(await whyNot(optionsFor(path)), /it is encrypted: wanted its key/)
    assert.match(await whyNot(optionsFor(path, { key: Buffer.alloc(32, 2) })), /it is encrypted with another key/)
    const again = await openSession(path, { key })
    assert.deepEqual((await readHeadOf(again.shard, 'bucket/secret-name'))?.body, body)
    await again.close()
  })
  await withDirectory(async (path) => {
    await (await openSession(path)).close()
    assert.match(await whyNot(optionsFor(path, { key: Buffer.alloc(32) })), /it is not encrypted: wanted no key/)
  })
})

test('one process holds a directory: others are refused by its number until it lets go or is dead', async () => {
  await withDirectory(async (path) => {
    const first = await DiskDirectory.open(optionsFor(path, { processes: machineProcesses }))
    assert.ok(first.kind === 'open' && first.directory.lastSession === 'none')
    assert.match(await whyNot(optionsFor(path, { processes: machineProcesses })), new RegExp(`process ${process.pid} on .* uses it`))
    await first.directory.close(true)
    const second = await DiskDirectory.open(optionsFor(path, { processes: machineProcesses }))
    assert.ok(second.kind === 'open' && second.directory.lastSession === 'clean')
    await second.directory.close(false)
    const third = await DiskDirectory.open(optionsFor(path, { processes: machineProcesses }))
    assert.ok(third.kind === 'open' && third.directory.lastSession === 'lost')
  })
})

test('a process with the same number that was started later is not the holder', async () => {
  await withDirectory(async (path) => {
    const self = await machineProcesses.self()
    const earlier: Processes = { ...machineProcesses, self: async (): Promise<ProcessIdentity> => ({ ...self, startTicks: '1' }) }
    const first = await DiskDirectory.open(optionsFor(path, { processes: earlier }))
    assert.equal(first.kind, 'open')
    const second = await DiskDirectory.open(optionsFor(path, { processes: machineProcesses }))
    assert.ok(second.kind === 'open' && second.directory.lastSession === 'killed')
    assert.ok(first.kind === 'open' && !(await first.directory.isOurs()), 'the first one sees that it was taken over')
    assert.equal(await second.directory.isOurs(), true)
  })
})

test('a holder of which nothing is known counts as dead when it gave no sign of life for a lease', async () => {
  await withDirectory(async (path) => {
    const clock = new ManualClock(Date.now())
    const there = optionsFor(path, { processes: new ScriptedProcesses(1, 'boot-a', 'host-a'), clock })
    const holder = await DiskDirectory.open(there)
    assert.ok(holder.kind === 'open')
    const here = optionsFor(path, { processes: new ScriptedProcesses(1, 'boot-b', 'host-b'), clock })
    const kinds: string[] = []
    for (let i = 0; i < 3; i++) {
      kinds.push((await DiskDirectory.open(here)).kind)
      clock.advance(LEASE_MS - 1000)
      assert.equal(await holder.directory.isOurs(), true)
    }
    assert.deepEqual(kinds, ['waiting', 'waiting', 'waiting'])
    assert.equal((await DiskDirectory.open(here)).kind, 'waiting')
    clock.advance(LEASE_MS + 1)
    const taken = await DiskDirectory.open(here)
    assert.ok(taken.kind === 'open' && taken.directory.lastSession === 'lost', 'what another machine wrote may not be here')
    assert.equal(await holder.directory.isOurs(), false)
  })
})

test('of many that find a dead holder at once one takes over', async () => {
  await withDirectory(async (path) => {
    const dead = await DiskDirectory.open(optionsFor(path, { processes: new ScriptedProcesses(1) }))
    assert.equal(dead.kind, 'open')
    for (let round = 0; round < 10; round++) {
      const racers = Array.from({ length: 8 }, async (_, i) =>
        DiskDirectory.open(optionsFor(path, { processes: racer(100 * (round + 1) + i) })),
      )
      const opened = (await Promise.all(racers)).filter(({ kind }) => kind === 'open')
      assert.equal(opened.length, 1, `round ${round}`)
    }
  })
})

/** Of each round only its own processes live. */
function racer(pid: number): Processes {
  return {
    self: async () => ({ pid, host: 'host', bootId: 'boot', startTicks: '1', pidNamespace: 'ns' }),
    liveness: async (of) => (Math.floor(of.pid / 100) === Math.floor(pid / 100) ? 'alive' : 'dead'),
  }
}

test('a directory that was begun and not finished is begun anew', async () => {
  await withDirectory(async (path) => {
    await mkdir(path)
    await mkdir(join(path, 'shard-00'))
    await writeFile(join(path, 'superblock.new'), '{"form')
    await writeFile(join(path, 'shard-00', 'segment-00000'), 'of a directory that was there before')
    const { shard, close } = await openSession(path)
    assert.equal(shard.stats().damagedSegments, 1)
    shard.put(headRecord('k', '"v"', bodyOf(1, 100)))
    assert.deepEqual((await readHeadOf(shard, 'k'))?.body, bodyOf(1, 100))
    await close()
  })
})

test('a geometry leaves room for what the file system adds, and names every granule in 32 bits', () => {
  for (const capBytes of [DISK_BYTES_MIN, 100 * MiB, 4096 * MiB, 2 ** 40, 2 ** 45, 2 ** 47]) {
    for (const shards of [1, 3, 16]) {
      const geometry = geometryFor(capBytes, shards)
      const segments = segmentsWithin(geometry, capBytes)
      assert.ok(segments >= 4, `${capBytes} in ${shards}`)
      assert.ok(geometry.shards * segments * geometry.segmentBytes <= capBytes)
      assert.ok((segments * geometry.segmentBytes) / geometry.granuleBytes < 2 ** 32)
    }
  }
})
