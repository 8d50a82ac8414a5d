import assert from 'node:assert/strict'
import { afterEach, test, type TestContext } from 'node:test'
import { withDirectory } from '../../src/cache/disk/testing/disk-harness.ts'
import { FaultyFiles } from '../../src/cache/disk/testing/faulty-files.ts'
import { diskUse } from '../support/disk-use.ts'
import { Gate, type FunctionOrigin } from '../support/function-origin.ts'
import { startInProcess, ttlMode, type InProcessOptions, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { assertSameBytes, patterned, S3Client } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const IMMUTABLE = { kind: 'immutable' } as const
const START_MS = Date.UTC(2026, 0, 1)

/** What the lock is looked after with. */
const LOOKS: ReadonlySet<string> = new Set(['facts', 'list', 'touch'])

/** A proxy with a disk cache, its client, and what its origin was asked. */
interface Session {
  readonly proxy: InProcessProxy
  readonly client: S3Client
  readonly origin: FunctionOrigin
}

type StartOptions = Partial<InProcessOptions> & { readonly origin: FunctionOrigin; readonly directory: string }

async function start({ directory, origin, ...options }: StartOptions): Promise<Session> {
  const proxy = await startInProcess({ mode: IMMUTABLE, memoryBytes: 64 * MIB, disk: { directory }, ...options, origin })
  running.add(proxy)
  return { proxy, client: new S3Client(proxy), origin }
}

/** What a test that failed left behind would keep this process from ending. */
const running = new Set<InProcessProxy>()
afterEach(async () => {
  for (const proxy of running) await proxy.kill()
  running.clear()
})

/** Ends it in order; nothing is held then. */
async function close({ proxy }: Session): Promise<void> {
  running.delete(proxy)
  await proxy.close()
  assert.deepEqual(proxy.held(), { pins: 0, flights: 0, fillsInProgress: 0 })
}

async function kill(session: Session): Promise<void> {
  await session.proxy.diskTick()
  await killAtOnce(session)
}

async function killAtOnce({ proxy }: Session): Promise<void> {
  running.delete(proxy)
  await proxy.kill()
}

for (const workers of [1, 3]) {
  for (const size of [0, 1000, MIB, 3 * MIB + 17]) {
    test(`an object of ${size} bytes comes from disk after a restart, then from memory, with ${workers} workers`, async () =>
      withDirectory(async (directory) => {
        const { store, origin } = storeOrigin()
        const { bytes } = store.put('bucket/key', patterned(size))
        const before = await start({ directory, origin, workers })
        await before.client.get('/bucket/key')
        await close(before)
        origin.takeAsked()

        const after = await start({ directory, origin, workers })
        for (const outcome of ['disk', 'memory'] as const) {
          const answer = await after.client.get('/bucket/key')
          assert.equal(answer.status, 200)
          assertSameBytes(answer.body, bytes)
          const record = await after.proxy.takeRecord()
          assert.equal(record.outcome, outcome)
          assert.equal(record.reason, 'fresh')
          const [memory, disk] = outcome === 'disk' ? [0, size] : [size, 0]
          assert.deepEqual([record.bytesFromMemory, record.bytesFromDisk, record.originRequests], [memory, disk, 0])
          const detail = outcome === 'disk' ? 'hotbucket; hit; detail=disk' : 'hotbucket; hit'
          assert.equal(answer.fields.get('cache-status'), detail)
        }
        assert.deepEqual(origin.takeAsked(), [])
        await close(after)
      }))
  }
}

test('ranges and HEAD are answered from disk', async () =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    const { bytes } = store.put('bucket/key', patterned(5 * MIB))
    const before = await start({ directory, origin })
    await before.client.get('/bucket/key')
    await close(before)
    origin.takeAsked()

    const after = await start({ directory, origin })
    const head = await after.client.head('/bucket/key')
    assert.equal(head.fields.get('content-length'), String(5 * MIB))
    assert.equal((await after.proxy.takeRecord()).outcome, 'disk')
    for (const [from, to] of [
      [MIB + 5, MIB + 9],
      [3 * MIB - 100, 4 * MIB + 100],
      [0, 1],
    ] as const) {
      const answer = await after.client.get('/bucket/key', { range: `bytes=${from}-${to - 1}` })
      assert.equal(answer.status, 206)
      assertSameBytes(answer.body, bytes.subarray(from, to))
      assert.equal((await after.proxy.takeRecord()).outcome, 'disk')
    }
    assert.deepEqual(origin.takeAsked(), [])
    await close(after)
  }))

test('after a restart an object is as old as it was: fresh within its ttl, asked about after it, and always in strict mode', async () =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    const { bytes } = store.put('bucket/key', patterned(2 * MIB))
    const before = await start({ directory, origin, mode: ttlMode(60_000) })
    await before.client.get('/bucket/key')
    await close(before)
    origin.takeAsked()
    for (const [mode, laterMs, outcome, asked] of [
      [ttlMode(60_000), 59_000, 'disk', []],
      [ttlMode(60_000), 61_000, 'revalidated', ['HEAD']],
      [{ kind: 'strict' }, 62_000, 'revalidated', ['HEAD']],
    ] as const) {
      const after = await start({ directory, origin, mode, startMs: START_MS + laterMs })
      const answer = await after.client.get('/bucket/key')
      assertSameBytes(answer.body, bytes)
      const record = await after.proxy.takeRecord()
      assert.equal(record.outcome, outcome)
      assert.equal(record.bytesFromDisk, 2 * MIB)
      assert.deepEqual(origin.takeAsked(), asked)
      await close(after)
    }
  }))

test('a client that wants cached answers only is given what is on disk', async () =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    store.put('bucket/key', patterned(1000))
    const before = await start({ directory, origin })
    await before.client.get('/bucket/key')
    await close(before)
    origin.takeAsked()
    const after = await start({ directory, origin })
    const wish = { 'cache-control': 'only-if-cached' }
    assert.equal((await after.client.get('/bucket/key', wish)).status, 200)
    assert.equal((await after.client.get('/bucket/other', wish)).status, 504)
    assert.deepEqual(origin.takeAsked(), [])
    await close(after)
  }))

for (const workers of [1, 3]) {
  for (const write of ['PUT', 'DELETE'] as const) {
    test(`what a ${write} replaced is not served after a kill right after its answer, with ${workers} workers`, async () =>
      withDirectory(async (directory) => {
        const { store, origin } = storeOrigin()
        const before = await start({ directory, origin, workers })
        for (let i = 0; i < 8; i++) {
          store.put(`bucket/key-${i}`, patterned(1000 + i))
          await before.client.get(`/bucket/key-${i}`)
        }
        await before.proxy.diskTick()
        for (let i = 0; i < 8; i++)
          await before.client.ask({ method: write, path: `/bucket/key-${i}`, body: write === 'PUT' ? `new ${i}` : '' })
        await killAtOnce(before)

        const after = await start({ directory, origin, workers })
        for (let i = 0; i < 8; i++) {
          const answer = await after.client.get(`/bucket/key-${i}`)
          if (write === 'PUT') assert.equal(String(answer.body), `new ${i}`)
          else assert.equal(answer.status, 404)
        }
        await close(after)
      }))
  }
}

for (const workers of [1, 3]) {
  test(`what is read while it is being overwritten does not get to disk, with ${workers} workers`, async () =>
    withDirectory(async (directory) => {
      const { store, origin } = storeOrigin()
      const gate = new Gate()
      origin.answer = async (request) => {
        if (request.method === 'PUT') await gate.pass()
        return store.answer(request)
      }
      const before = await start({ directory, origin, workers })
      for (let i = 0; i < 6; i++) store.put(`bucket/key-${i}`, 'old')
      const writes = Array.from({ length: 6 }, async (_, i) => before.client.put(`/bucket/key-${i}`, 'new').catch(() => undefined))
      await gate.reached(6)
      for (let i = 0; i < 6; i++) assert.equal(String((await before.client.get(`/bucket/key-${i}`)).body), 'old')
      await before.proxy.diskTick()
      const killed = killAtOnce(before)
      gate.open()
      await Promise.all([killed, ...writes])

      const after = await start({ directory, origin, workers })
      for (let i = 0; i < 6; i++) assert.equal(String((await after.client.get(`/bucket/key-${i}`)).body), 'new')
      await close(after)
    }))
}

test('a bucket that was forgotten stays forgotten after a kill', async () =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    store.put('bucket/key', patterned(1000))
    store.put('other/key', patterned(1000))
    const before = await start({ directory, origin })
    await before.client.get('/bucket/key')
    await before.client.get('/other/key')
    await before.proxy.diskTick()
    await before.client.ask({ method: 'DELETE', path: '/bucket', body: '' })
    await killAtOnce(before)
    origin.takeAsked()

    const after = await start({ directory, origin })
    await after.client.get('/other/key')
    assert.deepEqual(origin.takeAsked(), [])
    await after.client.get('/bucket/key')
    assert.equal(origin.takeAsked().length, 1)
    await kill(after)
    // The second session noted what the first one did, too.
    const again = await start({ directory, origin })
    await again.client.get('/bucket/key')
    assert.deepEqual(origin.takeAsked(), [])
    await close(again)
  }))

test('after a power cut every object is asked about once, and its bytes still come from disk', async () =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    store.put('bucket/small', patterned(1000))
    store.put('bucket/large', patterned(2 * MIB))
    store.put('bucket/changed', patterned(2000))
    const before = await start({ directory, origin, disk: { directory, bootId: 'first' } })
    for (const key of ['small', 'large', 'changed']) await before.client.get(`/bucket/${key}`)
    await kill(before)
    store.put('bucket/changed', 'something else')
    origin.takeAsked()

    const startMs = Date.now() + 3_600_000
    const after = await start({ directory, origin, startMs, disk: { directory, bootId: 'second' } })
    for (const [key, outcome] of [
      ['small', 'revalidated'],
      ['large', 'revalidated'],
      ['small', 'memory'],
    ] as const) {
      const answer = await after.client.get(`/bucket/${key}`)
      assertSameBytes(answer.body, store.objects.get(`bucket/${key}`)?.bytes ?? new Uint8Array())
      assert.equal((await after.proxy.takeRecord()).outcome, outcome)
    }
    assert.deepEqual(origin.takeAsked(), ['HEAD', 'HEAD'])
    assert.equal(String((await after.client.get('/bucket/changed')).body), 'something else')
    await close(after)
  }))

test('a disk that fails costs hits, never a request', async () =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    const files = new FaultyFiles()
    const objects = Array.from({ length: 12 }, (_, i) => store.put(`bucket/key-${i}`, patterned(200_000 + i)))
    const session = await start({ directory, origin, memoryBytes: 16 * MIB, disk: { directory, files } })
    const readAll = async (): Promise<void> => {
      for (const [i, { bytes }] of objects.entries()) {
        const answer = await session.client.get(`/bucket/key-${i}`)
        assert.equal(answer.status, 200)
        assertSameBytes(answer.body, bytes)
      }
    }
    for (const code of ['ENOSPC', 'EIO', 'EROFS', 'ENOENT']) {
      await readAll()
      // The supervisor's look at its lock has a clock of its own, and another test.
      files.fail = (operation) => (LOOKS.has(operation) ? undefined : code)
      await session.client.ask({ method: 'PUT', path: '/bucket/key-0', body: Buffer.from(objects[0]?.bytes ?? []) })
      await readAll()
      await session.proxy.diskTick()
      await readAll()
      files.fail = undefined
      session.proxy.clock.advance(120_000)
      await session.proxy.diskTick()
      const [shard] = session.proxy.workers[0]?.gateway.cache.disk?.stats() ?? []
      assert.equal(shard?.trouble, 'none', `${code} is over`)
    }
    await close(session)
  }))

test('ten times its cap goes through the disk, which never takes a byte more than its cap', async (t: TestContext) =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    const capBytes = 20 * MIB
    const session = await start({ directory, origin, memoryBytes: 16 * MIB, disk: { directory, capBytes, dailyWriteBytes: 1e15 } })
    const body = patterned(MIB / 2)
    const shard = session.proxy.workers[0]?.gateway.cache.disk
    const writtenBytes = (): number => shard?.stats()[0]?.writtenBytes ?? 0
    let mostBytes = 0
    for (let i = 0; writtenBytes() < 10 * capBytes; i++) {
      store.put(`bucket/key-${i}`, body)
      const answer = await session.client.get(`/bucket/key-${i}`)
      assert.equal(answer.body.length, body.length)
      store.objects.delete(`bucket/key-${i}`)
      if (i % 8 === 0) await session.proxy.diskTick()
      const bytes = await diskUse(directory)
      mostBytes = Math.max(mostBytes, bytes)
      assert.ok(bytes <= capBytes, `${bytes} bytes on disk: the cap is ${capBytes}`)
    }
    t.diagnostic(`${writtenBytes()} bytes written, ${mostBytes} on disk at most`)
    await close(session)
  }))

test('an encrypted disk cache serves what it holds with its key alone', async (t: TestContext) =>
  withDirectory(async (directory) => {
    const { store, origin } = storeOrigin()
    const { bytes } = store.put('bucket/key', patterned(3 * MIB))
    const disk = { directory, key: '5a'.repeat(32) }
    const before = await start({ directory, origin, disk })
    await before.client.get('/bucket/key')
    await close(before)
    origin.takeAsked()
    const after = await start({ directory, origin, disk })
    assertSameBytes((await after.client.get('/bucket/key')).body, bytes)
    assert.deepEqual(origin.takeAsked(), [])
    await close(after)
    await assert.rejects(start({ directory, origin }), /it is encrypted: wanted its key/)
    t.diagnostic('the directory was refused without the key')
  }))
