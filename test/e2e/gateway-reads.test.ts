import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawClient } from '../../src/http/testing/raw-client.ts'
import { errorReply, Gate } from '../support/function-origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { assertSameBytes, errorCode, patterned, S3Client, type Answer } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const ROUNDS = ['cold', 'warm'] as const

/** The bytes that a simple range means, or undefined where it means none. */
function slice(bytes: Uint8Array, range: string): { bytes: Uint8Array; contentRange: string } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  const start = first === '' ? Math.max(0, bytes.length - Number(last)) : Number(first)
  const end = first === '' || last === '' ? bytes.length : Math.min(bytes.length, Number(last) + 1)
  if (start >= end) return undefined
  return { bytes: bytes.subarray(start, end), contentRange: `bytes ${start}-${end - 1}/${bytes.length}` }
}

for (const size of [0, 1, 1000, MIB - 1, MIB, MIB + 1, 3 * MIB + 17]) {
  test(`an object of ${size} bytes is read whole, first from the origin, then from memory without asking again`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    const { bytes } = store.put('bucket/key', patterned(size))
    for (const round of ROUNDS) {
      const answer = await client.get('/bucket/key')
      assert.equal(answer.status, 200, round)
      assert.equal(answer.fields.get('content-length'), String(size))
      assert.ok(answer.complete)
      assertSameBytes(answer.body, bytes, round)
      const record = await proxy.takeRecord()
      assert.equal(record.bytesSent, size)
      assert.equal(record.outcome, round === 'cold' ? 'miss' : 'memory')
      const head = await client.head('/bucket/key')
      await proxy.takeRecord()
      assert.equal(head.status, 200)
      assert.equal(head.fields.get('content-length'), String(size))
      assert.equal(head.body.length, 0)
      if (round === 'cold') origin.takeAsked()
    }
    assert.deepEqual(origin.takeAsked(), [])
  })
}

test('HEAD of an absent object asks by HEAD, and the GET after it brings the body alone', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const { bytes, etag } = store.put('bucket/key', patterned(2 * MIB))
  const head = await client.head('/bucket/key')
  assert.equal(head.fields.get('content-length'), String(2 * MIB))
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
  assertSameBytes((await client.get('/bucket/key')).body, bytes)
  assert.deepEqual(origin.takeAsked(), [`GET bytes=0-${2 * MIB - 1} if-match ${etag}`])
  await proxy.takeRecord()
  assert.equal((await proxy.takeRecord()).reason, 'body-evicted')
})

const RANGES = [
  'bytes=0-0',
  'bytes=0-',
  'bytes=5-9',
  'bytes=1048570-1048585',
  'bytes=1048576-1048576',
  'bytes=2000000-',
  'bytes=3000000-9223372036854775807',
  'bytes=-1',
  'bytes=-1048577',
  'bytes=-99999999',
  'bytes=3145744-3145744',
] as const

for (const range of RANGES) {
  test(`a range ${range} gives exactly those bytes, cold, warm and on top of a part that is there`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    const { bytes } = store.put('bucket/key', patterned(3 * MIB + 17))
    store.put('bucket/partly', bytes)
    await client.get('/bucket/partly', { range: 'bytes=1100000-1100001' })
    const expected = slice(bytes, range)
    for (const path of ['/bucket/key', '/bucket/key', '/bucket/partly']) {
      const answer = await client.get(path, { range })
      assert.equal(answer.status, 206)
      assert.equal(answer.fields.get('content-range'), expected?.contentRange)
      assert.equal(answer.fields.get('content-length'), String(expected?.bytes.length))
      assertSameBytes(answer.body, expected?.bytes ?? new Uint8Array())
      const head = await client.head(path, { range })
      assert.equal(head.status, 206)
      assert.equal(head.fields.get('content-range'), expected?.contentRange)
      assert.equal(head.fields.get('content-length'), String(expected?.bytes.length))
    }
  })
}

test('a small range of a large object costs the origin one block, and is then in memory', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(20 * MIB))
  await client.get('/bucket/key', { range: `bytes=${5 * MIB + 10}-${5 * MIB + 20}` })
  assert.deepEqual(origin.takeAsked(), [`GET bytes=${5 * MIB}-${6 * MIB - 1}`])
  await client.get('/bucket/key', { range: `bytes=${6 * MIB - 10}-${6 * MIB - 1}` })
  assert.deepEqual(origin.takeAsked(), [])
})

const BEYOND: readonly [size: number, range: string][] = [
  [10, 'bytes=10-'],
  [10, 'bytes=10-20'],
  [10, 'bytes=9223372036854775807-'],
  [0, 'bytes=0-0'],
  [0, 'bytes=0-'],
  [0, 'bytes=-5'],
  [2 * MIB, `bytes=${2 * MIB}-`],
]

for (const [size, range] of BEYOND) {
  test(`a range ${range} of ${size} bytes is answered 416 with the size, cold and warm`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    store.put('bucket/key', patterned(size))
    for (const round of ROUNDS) {
      const answer = await client.get('/bucket/key', { range })
      assert.equal(answer.status, 416, round)
      assert.equal(errorCode(answer), 'InvalidRange')
      assert.equal(answer.fields.get('content-range'), `bytes */${size}`)
      const xml = answer.body.toString()
      assert.match(xml, new RegExp(`<RangeRequested>${range}</RangeRequested><ActualObjectSize>${size}</ActualObjectSize>`))
      const record = await proxy.takeRecord()
      assert.equal(`${record.outcome} ${record.reason} ${record.errorCode}`, 'refused range-not-satisfiable InvalidRange')
      const head = await client.head('/bucket/key', { range })
      assert.equal(head.status, 416)
      assert.equal(head.body.length, 0)
      await proxy.takeRecord()
    }
    const whole = await client.get('/bucket/key')
    assert.equal(whole.status, 200)
    assert.equal(whole.body.length, size)
  })
}

for (const range of ['bytes=0-1,4-5', 'bytes=abc', 'bytes=4-2', 'bytes=-0', 'bytes=-', 'chunks=0-1', 'bytes= 0-1']) {
  test(`a range "${range}" goes to the origin as it is, warm too, and its answer is passed on`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    store.put('bucket/key', 'abcdefgh')
    await client.get('/bucket/key')
    await proxy.takeRecord()
    origin.takeAsked()
    origin.answer = () => errorReply(416, 'OriginsOwnWord')
    const answer = await client.get('/bucket/key', { range })
    assert.deepEqual(origin.takeAsked(), [`GET ${range}`])
    assert.equal(answer.status, 416)
    assert.equal(errorCode(answer), 'OriginsOwnWord')
    const record = await proxy.takeRecord()
    assert.equal(`${record.outcome} ${record.reason}`, 'pass unusual-range')
  })
}

test('many clients who want the same cold object cost the origin one request, and each gets all of it', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const { bytes } = store.put('bucket/key', patterned(3 * MIB))
  const gate = new Gate()
  origin.answer = async (request) => {
    await gate.pass()
    return store.answer(request)
  }
  const asked = Array.from({ length: 20 }, async () => client.get('/bucket/key'))
  await gate.reached()
  while (proxy.lookups() < 20) await new Promise((resolve) => setImmediate(resolve))
  gate.open()
  for (const answer of await Promise.all(asked)) assertSameBytes(answer.body, bytes)
  assert.equal(origin.requests.length, 1)
  const records = await Promise.all(asked.map(async () => proxy.takeRecord()))
  const counts = Map.groupBy(records, (record) => record.outcome)
  assert.equal(counts.get('miss')?.length, 1)
  assert.equal(counts.get('coalesced')?.length, 19)
  assert.equal(
    records.reduce((sum, record) => sum + record.originRequests, 0),
    1,
  )
})

test('an absent object asked for by many costs one request, and each gets the origin’s error', async (t) => {
  const gate = new Gate()
  const { origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  origin.answer = async (request) => {
    await gate.pass()
    return errorReply(404, 'NoSuchKey', request.method)
  }
  const asked = Array.from({ length: 5 }, async () => client.get('/bucket/key'))
  while (proxy.lookups() < 5) await new Promise((resolve) => setImmediate(resolve))
  gate.open()
  for (const answer of await Promise.all(asked)) assert.equal(errorCode(answer), 'NoSuchKey')
  assert.equal(origin.requests.length, 1)
  await client.get('/bucket/key')
  assert.equal(origin.requests.length, 2, 'an error is not kept')
})

test('every read is accounted: where its bytes came from, what it cost, how it ended', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(1000))
  const ask = async (answer: Promise<Answer>): Promise<Record<string, unknown>> => {
    await answer
    const { status, outcome, reason, bytesSent, bytesFromMemory, bytesFromOrigin, bytesCoalesced, originRequests } =
      await proxy.takeRecord()
    return { status, outcome, reason, bytesSent, bytesFromMemory, bytesFromOrigin, bytesCoalesced, originRequests }
  }
  const nothing = { bytesSent: 0, bytesFromMemory: 0, bytesFromOrigin: 0, bytesCoalesced: 0, originRequests: 0 }
  assert.deepEqual(await ask(client.get('/bucket/key')), {
    ...nothing,
    status: 200,
    outcome: 'miss',
    reason: 'absent',
    bytesSent: 1000,
    bytesFromOrigin: 1000,
    originRequests: 1,
  })
  assert.deepEqual(await ask(client.get('/bucket/key', { range: 'bytes=0-99' })), {
    ...nothing,
    status: 206,
    outcome: 'memory',
    reason: 'fresh',
    bytesSent: 100,
    bytesFromMemory: 100,
  })
  assert.deepEqual(await ask(client.head('/bucket/key')), { ...nothing, status: 200, outcome: 'memory', reason: 'fresh' })
  assert.deepEqual(await ask(client.get('/bucket/none')), {
    ...nothing,
    status: 404,
    outcome: 'miss',
    reason: 'absent',
    bytesSent: errorReply(404, 'NoSuchKey').body.length,
    originRequests: 1,
  })
  for (const record of proxy.records) {
    assert.equal(record.bucket, 'bucket')
    assert.equal(record.origin, 'origin')
    assert.ok(record.ttfbMs !== undefined)
  }
})

test('a client that leaves its read, even the one that began it, leaves the others and the cache with all of it', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const { bytes } = store.put('bucket/key', patterned(2 * MIB))
  const gate = new Gate()
  origin.answer = async (request) => {
    const answer = await store.answer(request)
    let first = true
    const read = async (): Promise<Uint8Array | undefined> => {
      if (!first) await gate.pass()
      first = false
      return answer.body.read()
    }
    return { ...answer, body: { ...answer.body, read } }
  }
  const leaver = await RawClient.connect(Number(new URL(proxy.endpoint).port))
  leaver.send('GET /bucket/key HTTP/1.1\r\nHost: h\r\n\r\n')
  await leaver.bytes(1)
  const follower = client.get('/bucket/key')
  while (proxy.lookups() < 2) await new Promise((resolve) => setImmediate(resolve))
  leaver.socket.resetAndDestroy()
  const left = await proxy.takeRecord()
  assert.equal(left.outcome, 'client-gone')
  assert.ok(left.bytesSent < bytes.length)
  gate.open()
  assertSameBytes((await follower).body, bytes)
  assert.equal((await proxy.takeRecord()).outcome, 'coalesced')
  assertSameBytes((await client.get('/bucket/key')).body, bytes)
  assert.equal((await proxy.takeRecord()).outcome, 'memory')
  assert.equal(origin.requests.length, 1)
})

test('a read whose last client has left is finished for those who come later', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const { bytes } = store.put('bucket/key', patterned(2 * MIB))
  const gate = new Gate()
  origin.answer = async (request) => {
    await gate.pass()
    return store.answer(request)
  }
  const leaver = await RawClient.connect(Number(new URL(proxy.endpoint).port))
  leaver.send('GET /bucket/key HTTP/1.1\r\nHost: h\r\n\r\n')
  await gate.reached()
  leaver.socket.resetAndDestroy()
  gate.open()
  assert.equal((await proxy.takeRecord()).outcome, 'client-gone')
  assertSameBytes((await client.get('/bucket/key')).body, bytes)
  assert.equal(origin.requests.length, 1)
})

test('the parameter that only names the operation changes nothing', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', 'body')
  await client.get('/bucket/key')
  assert.equal((await client.get('/bucket/key?x-id=GetObject')).body.toString(), 'body')
  assert.equal(origin.requests.length, 1)
})

test('an HTTP/1.0 client gets a hit and a miss with a length', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  store.put('bucket/key', 'abc')
  for (const round of ROUNDS) {
    const raw = await RawClient.connect(Number(new URL(proxy.endpoint).port))
    raw.send('GET /bucket/key HTTP/1.0\r\n\r\n')
    const text = (await raw.rest()).toString('latin1')
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/, round)
    assert.match(text, /\r\nContent-Length: 3\r\n/)
    assert.ok(text.endsWith('\r\n\r\nabc'))
    raw.destroy()
  }
})
