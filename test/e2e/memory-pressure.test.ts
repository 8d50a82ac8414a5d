import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { request } from 'undici'
import { until } from '../../src/base/testing/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { createOrigin } from '../../src/origin/create-origin.ts'
import type { RequestRecord } from '../../src/signals/record.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { MemoryOrigin } from '../support/memory-origin.ts'
import { configOf } from '../support/origin-requests.ts'

const MIB = 1024 * 1024
const MEMORY_BYTES = 16 * MIB
/** Room for copies of what few of the stalled readers hold: the others keep theirs pinned. */
const BUFFER_BYTES = 8 * MIB
/** More than the memory has segments, also when some of what they hold was copied. */
const STALLED_READERS = 40
/** More than the kernel holds for a client that does not read. */
const STALLED_BYTES = 8 * MIB

const OTHERS = 10
/** The origin shares its thread with everything else here. */
const PATIENT = { headTimeoutMs: 60_000, bodyTimeoutMs: 60_000 }
const STALL_TIMEOUT_MS = 500

interface Setup {
  readonly origin: MemoryOrigin
  readonly proxy: InProcessProxy
}

async function setUp(t: TestContext, workers: number): Promise<Setup> {
  const origin = new MemoryOrigin()
  const url = await origin.start()
  const s3 = await createOrigin(configOf(url, { credentials: { kind: 'unsigned' }, connections: 256, ...PATIENT }), { clock: systemClock })
  t.after(async () => {
    await s3.close()
    await origin.stop()
  })
  const proxy = await proxyFor(t, {
    origin: s3,
    workers,
    memoryBytes: MEMORY_BYTES * workers,
    bufferBytes: BUFFER_BYTES,
    limits: { stallTimeoutMs: STALL_TIMEOUT_MS },
  })
  return { origin, proxy }
}

/** Every object has bytes of its own, which cost the origin nothing. */
function bodyOf(path: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, `${path}|`)
}

function putFilled(origin: MemoryOrigin, path: string, sizeBytes: number): void {
  const body = bodyOf(path, sizeBytes)
  origin.putBytes(path, body)
}

/** A client that asks and never reads. */
async function stalledReader(t: TestContext, endpoint: string, path: string): Promise<net.Socket> {
  const { hostname, port, host } = new URL(endpoint)
  const socket = net.connect({ host: hostname, port: Number(port) })
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return socket
}

async function read(endpoint: string, path: string): Promise<Uint8Array> {
  const response = await request(`${endpoint}${path}`)
  assert.equal(response.statusCode, 200)
  return new Uint8Array(await response.body.arrayBuffer())
}

for (const workers of [1, 2] as const) {
  test(`with ${workers} workers, stalled readers keep nobody from misses and hits, and are cut when their memory is needed`, async (t) => {
    const { origin, proxy } = await setUp(t, workers)
    const stalled = proxy.workers[0]
    // The clients of one worker stall, those of the other need the memory.
    const [stalledAt, readAt] = [proxy.endpoints[0] ?? '', proxy.endpoints[workers - 1] ?? '']
    assert.ok(stalled !== undefined)
    for (let i = 0; i < STALLED_READERS * workers; i += 1) {
      putFilled(origin, `/b/stalled-${i}`, STALLED_BYTES)
      await stalledReader(t, stalledAt, `/b/stalled-${i}`)
    }
    const { gateway } = stalled
    await until(() => gateway.cache.isPinnedFull)

    // Twice each: a miss, then a hit unless it was evicted meanwhile; on until somebody had to go for it.
    const cut = (): RequestRecord[] => proxy.records.filter(({ outcome }) => outcome === 'client-gone')
    for (let i = 0; i < OTHERS; i += 1) putFilled(origin, `/b/other-${i}`, MIB)
    let usedBytesMax = 0
    for (let turn = 0; turn < 2 * OTHERS || cut().length === 0; turn += 1) {
      const path = `/b/other-${turn % OTHERS}`
      assert.ok(bodyOf(path, MIB).equals(await read(readAt, path)), path)
      usedBytesMax = Math.max(usedBytesMax, gateway.budget.usedBytes)
    }
    assert.ok(usedBytesMax <= BUFFER_BYTES, `${usedBytesMax} bytes were held outside the cache`)
    assert.ok(cut().every(({ reason, failure }) => reason === 'stalled-reader' && failure !== undefined))
    assert.equal(proxy.records.filter(({ outcome }) => outcome === 'failed').length, 0)
    // The drain cuts those that still stall: what is on its way between workers then must be given back too, which the end of the test checks.
  })
}

test('while memory for bytes on their way is used up, new uploads are told to slow down, and small requests and hits go on', async (t) => {
  const { origin, proxy } = await setUp(t, 1)
  const { endpoint } = proxy
  const budget = proxy.workers[0]?.gateway.budget
  assert.ok(budget !== undefined)
  putFilled(origin, '/b/hit', MIB)
  await read(endpoint, '/b/hit')
  budget.take('response', BUFFER_BYTES - MIB)
  const put = async (path: string, sizeBytes: number): Promise<{ status: number; retryAfter: unknown; text: string }> => {
    const response = await request(`${endpoint}${path}`, { method: 'PUT', body: bodyOf(path, sizeBytes) })
    return { status: response.statusCode, retryAfter: response.headers['retry-after'], text: await response.body.text() }
  }
  assert.equal((await put('/b/last', 100 * 1024)).status, 200)
  budget.take('response', MIB)
  const refused = await put('/b/big', 100 * 1024)
  assert.equal(refused.status, 503)
  assert.equal(refused.retryAfter, '1')
  assert.match(refused.text, /<Code>SlowDown<\/Code>/)
  assert.equal((await put('/b/small', 64 * 1024)).status, 200)
  assert.ok(bodyOf('/b/hit', MIB).equals(await read(endpoint, '/b/hit')))
  budget.give('response', BUFFER_BYTES)
  assert.equal((await put('/b/big', 100 * 1024)).status, 200)
  const overload = proxy.records.filter(({ reason }) => reason === 'overload')
  assert.deepEqual(
    overload.map(({ outcome, key }) => ({ outcome, key })),
    [{ outcome: 'refused', key: 'big' }],
  )
})
