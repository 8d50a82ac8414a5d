import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Consistency } from '../../src/config/config.ts'
import { OriginFailure } from '../../src/origin/origin.ts'
import { errorReply, Gate, reply, type FunctionOrigin } from '../support/function-origin.ts'
import { proxyFor, ttlMode, type InProcessOptions, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin, type ObjectStore } from '../support/object-store.ts'
import { assertSameBytes, errorCode, patterned, S3Client, type Answer } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const STRICT: Consistency = { kind: 'strict' }
const IMMUTABLE: Consistency = { kind: 'immutable' }
const PATH = '/bucket/key'

interface Scene {
  readonly store: ObjectStore
  readonly origin: FunctionOrigin
  readonly proxy: InProcessProxy
  readonly client: S3Client
  /** Reads the object and gives its body with the words of its record. */
  readonly read: (fields?: Record<string, string>) => Promise<string>
}

/** A proxy in front of an object "old" that it has read already. */
async function warm(t: TestContext, mode: Consistency, more: Partial<InProcessOptions> = {}): Promise<Scene> {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, mode, ...more })
  const client = new S3Client(proxy)
  const read = async (fields: Record<string, string> = {}): Promise<string> => {
    const answer = await client.get(PATH, fields)
    const record = await proxy.takeRecord()
    const body = answer.status < 300 ? answer.body.toString('latin1') : errorCode(answer)
    return `${answer.status} ${body}: ${record.outcome} ${record.reason}`
  }
  store.put('bucket/key', 'old')
  assert.equal(await read(), '200 old: miss absent')
  origin.takeAsked()
  return { store, origin, proxy, client, read }
}

test('an immutable object is served without asking, however old, whatever happened at the origin', async (t) => {
  const { store, origin, proxy, read } = await warm(t, IMMUTABLE)
  store.put('bucket/key', 'new')
  proxy.clock.advance(10 * 365 * 86_400_000)
  assert.equal(await read(), '200 old: memory fresh')
  store.objects.clear()
  assert.equal(await read(), '200 old: memory fresh')
  assert.deepEqual(origin.takeAsked(), [])
})

test('in ttl mode nothing is asked within the time, and the origin once after it', async (t) => {
  const { store, origin, proxy, read } = await warm(t, ttlMode(1000))
  proxy.clock.advance(999)
  assert.equal(await read(), '200 old: memory fresh')
  assert.deepEqual(origin.takeAsked(), [])
  proxy.clock.advance(1)
  assert.equal(await read(), '200 old: revalidated expired')
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
  assert.equal(await read(), '200 old: memory fresh')
  store.put('bucket/key', 'new')
  proxy.clock.advance(1000)
  assert.equal(await read(), '200 new: miss expired')
  assert.equal(await read(), '200 new: memory fresh')
})

test('in ttl mode one question answers all who wait for it', async (t) => {
  const { store, origin, proxy, client } = await warm(t, ttlMode(1000))
  proxy.clock.advance(1000)
  const gate = new Gate()
  origin.answer = async (request) => {
    await gate.pass()
    return store.answer(request)
  }
  const lookups = proxy.lookups()
  const asked = Array.from({ length: 30 }, async () => client.get(PATH))
  while (proxy.lookups() < lookups + 30) await new Promise((resolve) => setImmediate(resolve))
  gate.open()
  for (const answer of await Promise.all(asked)) assert.equal(answer.body.toString(), 'old')
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
  const records = await Promise.all(asked.map(async () => proxy.takeRecord()))
  assert.deepEqual([...new Set(records.map(({ outcome, reason }) => `${outcome} ${reason}`))], ['revalidated expired'])
  assert.equal(
    records.reduce((sum, { originRequests }) => sum + originRequests, 0),
    1,
  )
})

test('in strict mode every read asks, and what the origin confirms comes from memory', async (t) => {
  const { store, origin, proxy, client, read } = await warm(t, STRICT)
  for (let i = 0; i < 3; i++) assert.equal(await read(), '200 old: revalidated strict-mode')
  assert.deepEqual(origin.takeAsked(), ['HEAD', 'HEAD', 'HEAD'])
  await Promise.all(Array.from({ length: 10 }, async () => client.get(PATH)))
  assert.deepEqual(
    origin.takeAsked(),
    Array.from({ length: 10 }, () => 'HEAD'),
  )
  assert.equal(proxy.records.at(-1)?.bytesFromMemory, 3)
  store.put('bucket/key', 'new')
  assert.equal((await client.get(PATH)).body.toString(), 'new')
})

/** Requests that must not be satisfied by a question asked before they came. */
const THEMSELVES: readonly [what: string, mode: Consistency, fields: Record<string, string>][] = [
  ['in strict mode', STRICT, {}],
  ['with no-cache', ttlMode(1000), { 'cache-control': 'no-cache' }],
  ['with max-age=0', IMMUTABLE, { 'cache-control': 'max-age=0' }],
]

for (const [what, mode, fields] of THEMSELVES) {
  for (const state of ['warm', 'cold'] as const) {
    test(`a read ${what} is not answered by a question that was asked before it came (${state})`, async (t) => {
      const { store, origin, proxy, client } = await warm(t, mode)
      const path = state === 'warm' ? PATH : '/bucket/other'
      store.put(path.slice(1), 'old')
      proxy.clock.advance(1000)
      const gate = new Gate()
      origin.answer = async (request) => {
        const answer = await store.answer(request)
        if (gate.arrived === 0) await gate.pass()
        return answer
      }
      const early = client.get(path, fields)
      await gate.reached()
      store.put(path.slice(1), 'new')
      assert.equal((await client.get(path, fields)).body.toString(), 'new')
      gate.open()
      assert.match((await early).body.toString(), /^(old|new)$/)
      assert.equal((await client.get(path, fields)).body.toString(), 'new', 'the late answer put nothing old back')
    })
  }
}

test('metadata that changed under the same ETag is told after the next revalidation, and the body stays', async (t) => {
  const { store, origin, proxy, client } = await warm(t, ttlMode(1000))
  store.put('bucket/key', 'old', { 'content-type': 'text/new', 'x-amz-meta-a': '1', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' })
  proxy.clock.advance(1000)
  for (const round of ['revalidated', 'warm']) {
    const answer = await client.get(PATH)
    assert.equal(answer.body.toString(), 'old', round)
    assert.equal(answer.fields.get('content-type'), 'text/new')
    assert.equal(answer.fields.get('x-amz-meta-a'), '1')
    assert.equal(answer.fields.get('last-modified'), 'Thu, 01 Jan 2026 00:00:00 GMT')
  }
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
})

test('a read with no-cache or a small max-age asks; one with a large max-age does not', async (t) => {
  const { origin, proxy, read } = await warm(t, ttlMode(60_000))
  proxy.clock.advance(5000)
  assert.equal(await read({ 'cache-control': 'max-age=5' }), '200 old: memory fresh')
  assert.deepEqual(origin.takeAsked(), [])
  assert.equal(await read({ 'cache-control': 'max-age=4' }), '200 old: revalidated client-no-cache')
  assert.equal(await read({ 'cache-control': 'no-cache' }), '200 old: revalidated client-no-cache')
  assert.deepEqual(origin.takeAsked(), ['HEAD', 'HEAD'])
})

test('a read with only-if-cached never asks: it gets what is fresh, or 504', async (t) => {
  const { origin, proxy, client, read } = await warm(t, ttlMode(1000))
  const fields = { 'cache-control': 'only-if-cached' }
  assert.equal(await read(fields), '200 old: memory fresh')
  proxy.clock.advance(1000)
  assert.equal(await read(fields), '504 GatewayTimeout: refused only-if-cached')
  const absent = await client.get('/bucket/none', fields)
  assert.equal(`${absent.status} ${errorCode(absent)}`, '504 GatewayTimeout')
  assert.match(absent.fields.get('cache-status') ?? '', /detail=only-if-cached/)
  assert.deepEqual(origin.takeAsked(), [])
})

test('a read with no-store is passed, and what it brings is not kept', async (t) => {
  const { store, origin, client, read } = await warm(t, ttlMode(1000))
  store.put('bucket/key', 'new')
  assert.equal(await read({ 'cache-control': 'no-store' }), '200 new: pass uncacheable-request')
  store.put('bucket/other', 'other')
  await client.get('/bucket/other', { 'cache-control': 'max-age=9, no-store' })
  origin.takeAsked()
  await client.get('/bucket/other')
  assert.equal(origin.takeAsked().length, 1)
})

test('within stale-while-revalidate the old answer comes at once and the new one is fetched behind it, once', async (t) => {
  const { store, origin, proxy, client, read } = await warm(t, ttlMode(1000, { staleWhileRevalidateMs: 500 }))
  store.put('bucket/key', 'new')
  const gate = new Gate()
  origin.answer = async (request) => {
    await gate.pass()
    return store.answer(request)
  }
  proxy.clock.advance(1499)
  const answer = await client.get(PATH)
  assert.equal(answer.body.toString(), 'old')
  assert.match(answer.fields.get('cache-status') ?? '', /^hotbucket; hit; detail=stale-while-revalidate/)
  assert.equal(answer.fields.get('age'), '1')
  await proxy.takeRecord()
  assert.equal(await read(), '200 old: stale stale-while-revalidate')
  assert.deepEqual(origin.takeAsked(), ['HEAD'], 'one question for both')
  gate.open()
  while ((await read()).startsWith('200 old')) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await read(), '200 new: memory fresh')
})

test('a stale answer whose body has to be fetched is still told as stale', async (t) => {
  const { store, origin, proxy, client } = await warm(t, ttlMode(1000, { staleWhileRevalidateMs: 500 }))
  store.put('bucket/headed', 'body')
  await client.head('/bucket/headed')
  await proxy.takeRecord()
  proxy.clock.advance(1000)
  origin.takeAsked()
  const answer = await client.get('/bucket/headed')
  assert.equal(answer.body.toString(), 'body')
  assert.match(answer.fields.get('cache-status') ?? '', /stale-while-revalidate/)
  const record = await proxy.takeRecord()
  assert.equal(`${record.outcome} ${record.bytesFromOrigin}`, 'stale 4')
})

test('past stale-while-revalidate a read waits for the origin', async (t) => {
  const { store, origin, proxy, read } = await warm(t, ttlMode(1000, { staleWhileRevalidateMs: 500 }))
  store.put('bucket/key', 'new')
  proxy.clock.advance(1500)
  assert.equal(await read(), '200 new: miss expired')
  assert.equal(origin.takeAsked()[0], 'HEAD')
})

test('a failed refresh behind a stale answer is tried again by the next read, and unseen by clients', async (t) => {
  const { origin, proxy, read } = await warm(t, ttlMode(1000, { staleWhileRevalidateMs: 500 }))
  proxy.clock.advance(1000)
  origin.answer = () => Promise.reject(new OriginFailure('reset', 'gone'))
  assert.equal(await read(), '200 old: stale stale-while-revalidate')
  assert.equal(await read(), '200 old: stale stale-while-revalidate')
  assert.deepEqual(origin.takeAsked(), ['HEAD', 'HEAD'])
})

const SICK: readonly [what: string, answer: FunctionOrigin['answer']][] = [
  ['gives no answer', () => Promise.reject(new OriginFailure('unreachable', 'no route'))],
  ['answers 500', ({ method }) => errorReply(500, 'InternalError', method)],
  ['answers 503', ({ method }) => errorReply(503, 'SlowDown', method)],
]

for (const [what, answer] of SICK) {
  test(`within stale-if-error the old answer is given when the origin ${what}; past it the error is`, async (t) => {
    const { origin, proxy, read } = await warm(t, ttlMode(1000, { staleIfErrorMs: 500 }))
    const healthy = origin.answer
    origin.answer = answer
    proxy.clock.advance(1500)
    assert.equal(await read(), '200 old: stale stale-if-error')
    assert.match(await read({ 'cache-control': 'no-cache' }), /^50[03] \w+: (failed|miss) origin$/, 'an end-to-end answer or none')
    proxy.clock.advance(1)
    assert.match(await read(), /^50[03] \w+: (failed|miss) origin$/)
    origin.answer = healthy
    assert.equal(await read(), '200 old: revalidated expired', 'the object was not forgotten')
  })
}

test('without stale-if-error a failing origin fails the read, at the very moment of expiry too', async (t) => {
  const { origin, proxy, read } = await warm(t, ttlMode(1000))
  proxy.clock.advance(1000)
  origin.answer = () => Promise.reject(new OriginFailure('timeout', 'slow'))
  assert.equal(await read(), '504 GatewayTimeout: failed origin')
})

for (const [status, code] of [
  [404, 'NoSuchKey'],
  [403, 'AccessDenied'],
] as const) {
  test(`an object that the origin answers ${status} for at revalidation is dropped, with the origin's whole error for everyone`, async (t) => {
    const { store, origin, proxy, client, read } = await warm(t, ttlMode(1000, { staleIfErrorMs: 10_000 }))
    origin.answer = ({ method }) => errorReply(status, code, method)
    proxy.clock.advance(1000)
    const answers = await Promise.all(Array.from({ length: 5 }, async () => client.get(PATH)))
    for (const answer of answers) assert.equal(`${answer.status} ${errorCode(answer)}`, `${status} ${code}`)
    for (const _ of answers) await proxy.takeRecord()
    origin.answer = store.answer
    assert.equal(await read(), '200 old: miss absent', 'nothing was left of it')
  })
}

test('an origin that says "too many requests" at revalidation has said nothing of the object', async (t) => {
  const { store, origin, proxy, read } = await warm(t, ttlMode(1000))
  origin.answer = ({ method }) => errorReply(429, 'TooManyRequests', method)
  proxy.clock.advance(1000)
  assert.match(await read(), /^429 TooManyRequests/)
  origin.answer = store.answer
  assert.equal(await read(), '200 old: revalidated expired')
})

test('an object that has become uncacheable is passed from then on', async (t) => {
  const { origin, proxy, read } = await warm(t, ttlMode(1000))
  origin.answer = ({ method }) => reply(200, { etag: 'W/"weak"', 'content-length': '4' }, method === 'HEAD' ? '' : 'weak')
  proxy.clock.advance(1000)
  assert.equal(await read(), '200 weak: pass uncacheable-object')
  assert.equal(await read(), '200 weak: pass uncacheable-object')
})

test('a version that goes while its head is known and its body is not is replaced by the current one before the first byte', async (t) => {
  const { store, origin, proxy, client } = await warm(t, IMMUTABLE)
  for (const size of [10, 3 * MIB]) {
    store.put('bucket/moving', patterned(size, 1))
    await client.head('/bucket/moving')
    await proxy.takeRecord()
    const { bytes, etag } = store.put('bucket/moving', patterned(size + 5, 2))
    origin.takeAsked()
    const answer = await client.get('/bucket/moving')
    assert.equal(answer.fields.get('etag'), etag)
    assertSameBytes(answer.body, bytes)
    const record = await proxy.takeRecord()
    assert.equal(record.status, 200)
    assert.equal(record.originRequests, 2)
    assertSameBytes((await client.get('/bucket/moving', { range: 'bytes=2-' })).body, bytes.subarray(2))
    await proxy.takeRecord()
    store.objects.delete('bucket/moving')
    await client.ask({ method: 'DELETE', path: '/bucket/moving' })
    await proxy.takeRecord()
  }
})

test('a version that was deleted while only its head was known is answered 404', async (t) => {
  const { store, client } = await warm(t, IMMUTABLE)
  store.put('bucket/moving', patterned(2 * MIB))
  await client.head('/bucket/moving')
  store.objects.delete('bucket/moving')
  const answer = await client.get('/bucket/moving')
  assert.equal(`${answer.status} ${errorCode(answer)}`, '404 NoSuchKey')
  assert.equal((await client.head('/bucket/moving')).status, 404)
})

test('an object that changes faster than it can be read in pieces is soon asked for as the client did', async (t) => {
  const { origin, client, proxy } = await warm(t, IMMUTABLE)
  let version = 0
  origin.answer = ({ method }) => {
    version += 1
    return method === 'HEAD' ? reply(200, { etag: `"${version}"`, 'content-length': '9' }) : errorReply(412, 'PreconditionFailed')
  }
  await client.head('/bucket/moving')
  await proxy.takeRecord()
  const fields = { 'if-none-match': '"other"' }
  const answer = await client.get('/bucket/moving', fields)
  assert.equal(`${answer.status} ${errorCode(answer)}`, '412 PreconditionFailed', 'the origin’s own answer')
  const record = await proxy.takeRecord()
  assert.equal(`${record.outcome} ${record.reason}`, 'pass changing-object')
  assert.ok(record.originRequests <= 7, String(record.originRequests))
})

test('a version that goes while its body is on its way cuts the connection: a short body never ends in order', async (t) => {
  const { store, origin, client, proxy } = await warm(t, IMMUTABLE)
  const old = store.put('bucket/large', patterned(20 * MIB, 1))
  let fresh = old
  let asked = 0
  origin.answer = (request) => {
    asked += 1
    if (asked === 2) fresh = store.put('bucket/large', patterned(20 * MIB, 2))
    return store.answer(request)
  }
  const check = (answer: Answer): void => {
    assert.equal(answer.status, 206)
    assert.equal(answer.fields.get('content-length'), String(20 * MIB))
    assert.equal(answer.complete, false)
    assertSameBytes(answer.body, old.bytes.subarray(0, answer.body.length))
    assert.ok(answer.body.length < 20 * MIB)
  }
  check(await client.get('/bucket/large', { range: 'bytes=0-' }))
  const record = await proxy.takeRecord()
  assert.ok(['failed', 'client-gone'].includes(record.outcome), record.outcome)
  const again = await client.get('/bucket/large')
  assert.equal(again.fields.get('etag'), fresh.etag)
  assertSameBytes(again.body, fresh.bytes)
})

test('rules choose the mode by bucket and prefix, the first that matches; prefixes are compared as bytes', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, {
    origin,
    mode: ttlMode(1000),
    rules: [
      { bucket: 'shards-*', prefix: '', mode: IMMUTABLE },
      { bucket: '*', prefix: 'live/', mode: STRICT },
      { bucket: 'bucket', prefix: 'größe/', mode: STRICT },
      { bucket: 'bucket', prefix: 'live/old/', mode: IMMUTABLE },
    ],
  })
  const client = new S3Client(proxy)
  const asks = async (path: string, ageMs: number): Promise<number> => {
    store.put(path.slice(1), 'abc')
    await client.get(path)
    proxy.clock.advance(ageMs)
    origin.takeAsked()
    await client.get(path)
    return origin.takeAsked().length
  }
  assert.equal(await asks('/shards-1/live/a', 99_000), 0)
  assert.equal(await asks('/bucket/live/a', 0), 1)
  assert.equal(await asks('/bucket/live/old/a', 0), 1)
  assert.equal(await asks('/bucket/other', 999), 0)
  assert.equal(await asks('/bucket/other2', 1000), 1)
  assert.equal(await asks('/bucket/gr%C3%B6%C3%9Fe/a', 0), 1)
})
