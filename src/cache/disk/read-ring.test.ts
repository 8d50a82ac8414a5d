import assert from 'node:assert/strict'
import { open, mkdtemp, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { until } from '../../base/testing/until.ts'
import { seededRandom } from '../../base/random.ts'
import { RING_READ_BYTES_MAX } from './read-ring.ts'
import { RING_SLOTS } from './ring-layout.ts'
import { ScriptedReader } from './testing/scripted-reader.ts'

const MIB = 1024 * 1024
const WINDOW_BYTES = MIB
const FILE_BYTES = 4 * MIB

interface Stage {
  readonly reader: ScriptedReader
  readonly file: FileHandle
  readonly content: Buffer
  /** Memory that the thread reads into, or does not. */
  readonly records: Buffer
  readonly read: (targetAt: number, length: number, position: number) => Promise<number>
}

/** So rarely that on a busy machine, too, the thread is never found to be stuck. */
const HARDLY_EVER_MS = 600_000

async function setUp(t: TestContext, watchMs = HARDLY_EVER_MS): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'hotbucket-ring-'))
  const file = await open(join(directory, 'data'), 'w+')
  t.after(async () => {
    await file.close()
    await rm(directory, { recursive: true })
  })
  const random = seededRandom(1)
  const content = Buffer.from(Array.from({ length: FILE_BYTES / 64 }, () => Math.floor(random() * 256))).toString('latin1')
  const bytes = Buffer.from(content.repeat(64), 'latin1')
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at)
  await file.write(bytes)
  const memory = new SharedArrayBuffer(4 * WINDOW_BYTES)
  const reader = new ScriptedReader(memory, WINDOW_BYTES, watchMs)
  t.after(async () => reader.kill())
  const records = Buffer.from(memory)
  await until(() => reader.ring.isReady)
  return {
    reader,
    file,
    content: bytes,
    records,
    read: async (targetAt, length, position) => reader.read(file.fd, [records.subarray(targetAt, targetAt + length)], position),
  }
}

/** Reads until the thread takes as much as it ever does. */
async function warm({ reader, read }: Stage): Promise<void> {
  while (reader.threadReads < RING_SLOTS) await Promise.all(Array.from({ length: RING_SLOTS }, async (_, n) => read(n * 64, 64, 0)))
}

test('small reads into the records are done by the thread, each byte where it belongs', async (t) => {
  const stage = await setUp(t)
  const { content, records, reader, read } = stage
  await warm(stage)
  reader.poolReads = 0
  const reads = Array.from({ length: RING_SLOTS }, (_, n) => ({ targetAt: n * 8192 + n, length: 1 + n * 29, position: n * 12_345 }))
  const got = await Promise.all(reads.map(async ({ targetAt, length, position }) => read(targetAt, length, position)))
  assert.equal(reader.poolReads, 0)
  for (const [n, { targetAt, length, position }] of reads.entries()) {
    assert.equal(got[n], length)
    assert.ok(records.subarray(targetAt, targetAt + length).equals(content.subarray(position, position + length)), `read ${n}`)
  }
  assert.equal(reader.ring.reading, 0)
})

test('what the thread has no room for goes to the pool', async (t) => {
  const stage = await setUp(t)
  const { reader, read, records, content } = stage
  await warm(stage)
  reader.poolReads = 0
  const count = RING_SLOTS + 10
  await Promise.all(Array.from({ length: count }, async (_, n) => read(n * 4096, 4096, n * 4096)))
  assert.equal(reader.poolReads, 10)
  assert.ok(records.subarray(0, count * 4096).equals(content.subarray(0, count * 4096)))
})

test("the largest small read is the thread's, one byte more the pool's", async (t) => {
  const { reader, read, records, content } = await setUp(t)
  assert.equal(await read(0, RING_READ_BYTES_MAX, 5), RING_READ_BYTES_MAX)
  assert.deepEqual([reader.threadReads, reader.poolReads], [1, 0])
  assert.equal(await read(MIB, RING_READ_BYTES_MAX + 1, 7), RING_READ_BYTES_MAX + 1)
  assert.deepEqual([reader.threadReads, reader.poolReads], [1, 1])
  assert.ok(records.subarray(0, RING_READ_BYTES_MAX).equals(content.subarray(5, 5 + RING_READ_BYTES_MAX)))
  assert.ok(records.subarray(MIB, MIB + RING_READ_BYTES_MAX + 1).equals(content.subarray(7, 8 + RING_READ_BYTES_MAX)))
})

test("memory of one's own, and reads in several parts, are the pool's", async (t) => {
  const { reader, file, records, content } = await setUp(t)
  const own = Buffer.alloc(100)
  assert.equal(await reader.read(file.fd, [own], 4000), 100)
  assert.equal(await reader.read(file.fd, [records.subarray(0, 10), records.subarray(50, 60)], 0), 20)
  assert.deepEqual([reader.threadReads, reader.poolReads], [0, 2])
  assert.ok(own.equals(content.subarray(4000, 4100)))
  assert.ok(records.subarray(50, 60).equals(content.subarray(10, 20)))
})

test('a read past the end of the file says how much there was', async (t) => {
  const { reader, read } = await setUp(t)
  assert.equal(await read(0, 1000, FILE_BYTES - 10), 10)
  assert.equal(await read(0, 1000, FILE_BYTES), 0)
  assert.equal(reader.poolReads, 0)
})

test("a failure has the system's code", async (t) => {
  const { reader, records } = await setUp(t)
  await assert.rejects(reader.read(2 ** 30, [records.subarray(0, 10)], 0), { code: 'EBADF' })
  assert.equal(reader.threadReads, 1)
})

test('while a read hangs, others go to the pool; the thread is used again when it has come back', async (t) => {
  const stage = await setUp(t, 200)
  const { reader, read } = stage
  await warm(stage)
  let begun = reader.threadReads
  while (reader.threadReads === begun) await read(0, 100, 0)
  reader.poolReads = 0
  reader.held = true
  begun = reader.threadReads
  let isAnswered = false
  const hanging = read(0, 100, 0).then(() => (isAnswered = true))
  const behind = Array.from({ length: 20 }, async (_, n) => read(n * 1000, 100, n))
  await Promise.all(behind)
  assert.equal(reader.poolReads, 20)
  assert.equal(await read(0, 100, 0), 100)
  assert.deepEqual([reader.threadReads - begun, reader.poolReads, isAnswered], [1, 21, false])
  reader.held = false
  await hanging
  while (reader.threadReads === begun + 1) await read(0, 100, 0)
  assert.equal(reader.ring.reading, 0)
})

test('what waits behind slow reads is given back to the pool, and answered once', async (t) => {
  const stage = await setUp(t, 200)
  const { reader, read, records, content } = stage
  await warm(stage)
  reader.poolReads = 0
  reader.readMs = 5
  const begun = reader.threadReads
  const got = await Promise.all(Array.from({ length: 50 }, async (_, n) => read(n * 4096, 4096, n * 4096)))
  assert.deepEqual(new Set(got), new Set([4096]))
  assert.equal(reader.threadReads - begun, 2)
  assert.equal(reader.poolReads, 48)
  assert.ok(records.subarray(0, 50 * 4096).equals(content.subarray(0, 50 * 4096)))
  reader.readMs = 0
  while (reader.threadReads === begun + 2) await read(0, 100, 0)
})

test('one slow read in eight is no reason to leave the thread', async (t) => {
  const stage = await setUp(t)
  const { reader, read } = stage
  await warm(stage)
  reader.poolReads = 0
  for (let round = 0; round < 4; round++) {
    reader.readMs = 5
    await read(0, 100, 0)
    reader.readMs = 0
    for (let n = 0; n < 7; n++) await read(0, 100, 0)
  }
  assert.equal(reader.poolReads, 0)
})

test('reads that the thread had when it ended are done by the pool, and all after them', async (t) => {
  const stage = await setUp(t)
  const { reader, read, records, content } = stage
  await warm(stage)
  reader.poolReads = 0
  reader.held = true
  const begun = reader.threadReads
  const reads = Promise.all(Array.from({ length: 30 }, async (_, n) => read(n * 4096, 4096, n * 4096)))
  await until(() => reader.threadReads === begun + 1)
  await reader.kill()
  await reads
  assert.equal(reader.poolReads, 30)
  assert.equal(await read(MIB, 100, 9), 100)
  assert.equal(reader.poolReads, 31)
  assert.ok(records.subarray(0, 30 * 4096).equals(content.subarray(0, 30 * 4096)))
  assert.equal(reader.ring.reading, 0)
})

test('a thread that is closed ends by itself', async (t) => {
  const { reader, read } = await setUp(t)
  await read(0, 100, 0)
  assert.equal(await reader.close(), 0)
})
