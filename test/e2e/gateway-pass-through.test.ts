import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { headerValue } from '../../src/base/header-list.ts'
import { createOrigin } from '../../src/origin/create-origin.ts'
import type { OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { evaluateConditions } from '../../src/s3/conditions.ts'
import { signStreamingRequest } from '../../src/s3/sigv4/sign.ts'
import { signedChunks } from '../support/aws-chunked.ts'
import { errorReply, reply, type FunctionOrigin } from '../support/function-origin.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin, type ObjectStore } from '../support/object-store.ts'
import { BRIDGE_CREDENTIALS, OriginBridge } from '../support/origin-bridge.ts'
import { configOf } from '../support/origin-requests.ts'
import { assertSameBytes, patterned, REGION, S3Client, type Answer, type Ask } from '../support/s3-client.ts'

const MIB = 1024 * 1024

interface Scene {
  readonly store: ObjectStore
  /** What the service behind the signatures was asked. */
  readonly service: FunctionOrigin
  readonly proxy: InProcessProxy
  readonly client: S3Client
  readonly stranger: S3Client
  /** Body bytes that the service gave since the last call. */
  readonly takeSentBytes: () => number
}

/** A service that checks signatures, and a proxy in front of it that holds no key. */
async function scene(t: TestContext): Promise<Scene> {
  const { store, origin: service } = storeOrigin('service')
  let sentBytes = 0
  service.answer = async (request) => {
    const answer = await conditional(store, request)
    if (request.method === 'GET' && answer.status < 300) sentBytes += Number(headerValue(answer.headers, 'content-length'))
    return answer
  }
  const bridge = new OriginBridge(service)
  const url = await bridge.start()
  const origin = await createOrigin(configOf(url, { credentials: { kind: 'unsigned' } }), { clock: systemClock })
  t.after(async () => {
    await origin.close()
    await bridge.stop()
  })
  const proxy = await proxyFor(t, { origin, anonymous: false, identity: 'pass-through' })
  const to = { endpoint: proxy.endpoint, clock: systemClock }
  const takeSentBytes = (): number => {
    const bytes = sentBytes
    sentBytes = 0
    return bytes
  }
  const client = new S3Client(to, BRIDGE_CREDENTIALS)
  const stranger = new S3Client(to, { accessKeyId: BRIDGE_CREDENTIALS.accessKeyId, secretAccessKey: 'guessed' })
  return { store, service, proxy, client, stranger, takeSentBytes }
}

/** The store's answers, with the 304 and 412 of a service. */
async function conditional(store: ObjectStore, request: OriginRequest): Promise<OriginResponse> {
  const object = store.objects.get(`${request.bucket ?? ''}/${request.rawKey ?? ''}`)
  if (object === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return store.answer(request)
  const current = { etag: object.etag, lastModified: object.fields['last-modified'] }
  const verdict = evaluateConditions(request.headers, current, Date.now())
  if (verdict === 'precondition-failed') return errorReply(412, 'PreconditionFailed', request.method)
  if (verdict === 'proceed') return store.answer(request)
  const fields = Object.fromEntries(['last-modified', 'x-amz-version-id'].map((name) => [name, object.fields[name]]))
  return reply(304, { etag: object.etag, ...fields, 'content-length': undefined })
}

async function outcomeOf(proxy: InProcessProxy, asking: Promise<Answer>): Promise<string> {
  const { status } = await asking
  const record = await proxy.takeRecord()
  return `${status} ${record.outcome} ${record.originRequests}`
}

for (const size of [0, 10, 3 * MIB + 5]) {
  test(`an object of ${size} bytes is read once from the origin; after that a 304 to the client's own request lets it out of memory`, async (t) => {
    const { client, stranger, proxy, store, takeSentBytes } = await scene(t)
    const body = patterned(size)
    store.put('bucket/key', body)
    const cold = await client.get('/bucket/key')
    assert.equal(cold.status, 200)
    assertSameBytes(cold.body, body)
    assert.equal(takeSentBytes(), size)
    await proxy.takeRecord()
    for (let time = 1; time <= 2; time++) {
      const warm = await client.get('/bucket/key')
      assertSameBytes(warm.body, body)
      const record = await proxy.takeRecord()
      assert.equal(`${record.outcome} ${record.reason} ${record.originRequests}`, 'revalidated strict-mode 1')
      const part = size === 0 ? undefined : await client.get('/bucket/key', { range: 'bytes=3-7' })
      if (part !== undefined) {
        assertSameBytes(part.body, body.subarray(3, 8))
        assert.equal((await proxy.takeRecord()).outcome, 'revalidated')
      }
    }
    assert.equal(await outcomeOf(proxy, client.head('/bucket/key')), '200 revalidated 1')
    assert.equal(takeSentBytes(), 0)
    assert.equal(await outcomeOf(proxy, stranger.get('/bucket/key')), '403 miss 1', 'the origin checks every signature')
    assert.equal(await outcomeOf(proxy, stranger.head('/bucket/key')), '403 miss 1')
    const unsigned = new S3Client({ endpoint: proxy.endpoint, clock: systemClock })
    assert.equal(await outcomeOf(proxy, unsigned.get('/bucket/key')), '403 miss 1')
    assertSameBytes((await client.get('/bucket/key')).body, body, 'a refusal forgets nothing')
    assert.equal(takeSentBytes(), 0)
  })
}

test('presigned URLs are checked by the origin on every hit, too', async (t) => {
  const { client, stranger, proxy, store, takeSentBytes } = await scene(t)
  store.put('bucket/key', 'presigned')
  const path = client.presign({ path: '/bucket/key?response-content-type=text%2Fplain' })
  for (let time = 1; time <= 2; time++) {
    const answer = await client.ask({ path, fields: {} })
    assert.equal(answer.status, 400, 'two signatures are one too many')
  }
  const plain = new S3Client({ endpoint: proxy.endpoint, clock: systemClock })
  takeSentBytes()
  for (let time = 1; time <= 3; time++) assert.equal((await plain.get(path)).body.toString(), 'presigned')
  assert.equal((await plain.get(path)).fields.get('content-type'), 'text/plain')
  assert.equal((await plain.get(path, { range: 'bytes=0-2' })).body.toString(), 'pre', 'the Range of a presigned URL is not signed')
  assert.equal(takeSentBytes(), 9)
  assert.equal((await plain.get(stranger.presign({ path: '/bucket/key' }))).status, 403)
})

test('what changed at the origin is seen by the next read: the body, the fields under the same ETag, and that it is gone', async (t) => {
  const { client, store } = await scene(t)
  store.put('bucket/key', 'one')
  await client.get('/bucket/key')
  store.put('bucket/key', 'two')
  assert.equal((await client.get('/bucket/key')).body.toString(), 'two')
  store.put('bucket/key', 'two', { 'last-modified': 'Thu, 01 Jan 2026 00:00:01 GMT', 'content-type': 'text/new' })
  for (let time = 1; time <= 2; time++) assert.equal((await client.get('/bucket/key')).fields.get('content-type'), 'text/new')
  store.put('bucket/key', 'two', { 'last-modified': 'Thu, 01 Jan 2026 00:00:01 GMT', 'x-amz-version-id': 'v2' })
  assert.equal((await client.head('/bucket/key')).fields.get('x-amz-version-id'), 'v2')
  store.objects.delete('bucket/key')
  for (let time = 1; time <= 2; time++) assert.equal((await client.get('/bucket/key')).status, 404)
})

test('a range that was signed is read as it is, and kept where it is whole blocks', async (t) => {
  const { client, proxy, store, takeSentBytes } = await scene(t)
  const body = patterned(3 * MIB + 5)
  store.put('bucket/key', body)
  const ranges: readonly [range: string, start: number, end: number, kept: boolean][] = [
    ['bytes=5-9', 5, 10, false],
    [`bytes=0-${2 * MIB - 1}`, 0, 2 * MIB, true],
    [`bytes=${2 * MIB}-`, 2 * MIB, body.length, true],
  ]
  for (const [range, start, end, kept] of ranges) {
    for (const state of ['cold', 'warm']) {
      const answer = await client.get('/bucket/key', { range, 'if-match': store.objects.get('bucket/key')?.etag ?? '' })
      assert.equal(answer.status, 206)
      assertSameBytes(answer.body, body.subarray(start, end))
      assert.equal(answer.fields.get('content-range'), `bytes ${start}-${end - 1}/${body.length}`)
      assert.equal(takeSentBytes(), state === 'warm' && kept ? 0 : end - start, `${range} ${state}`)
    }
  }
  assertSameBytes((await client.get('/bucket/key', { range: 'bytes=5-9' })).body, body.subarray(5, 10))
  assertSameBytes((await client.get('/bucket/key')).body, body)
  assert.equal(takeSentBytes(), 0)
  const gone = await client.get('/bucket/key', { range: `bytes=${body.length}-` })
  assert.equal(gone.status, 416)
  assert.equal((await client.get('/bucket/key', { 'if-match': '"other"' })).status, 412)
  assert.equal(proxy.held().pins, 0)
})

test('a range that was not signed is asked for in whole blocks and fills the cache', async (t) => {
  const { client, proxy, store, takeSentBytes } = await scene(t)
  const body = patterned(3 * MIB + 5)
  store.put('bucket/key', body)
  const plain = new S3Client({ endpoint: proxy.endpoint, clock: systemClock })
  for (const [range, start, end] of [
    ['bytes=5-9', 5, 10],
    [`bytes=${2 * MIB - 1}-${2 * MIB}`, 2 * MIB - 1, 2 * MIB + 1],
    ['bytes=-3', body.length - 3, body.length],
    ['bytes=0-', 0, body.length],
  ] as const) {
    for (const state of ['cold', 'warm']) {
      const answer = await plain.get(client.presign({ path: '/bucket/key' }), { range })
      assert.equal(`${answer.status} ${answer.fields.get('content-range') ?? ''}`, `206 bytes ${start}-${end - 1}/${body.length}`)
      assertSameBytes(answer.body, body.subarray(start, end))
      const sent = takeSentBytes()
      // Blocks that were begun for the ranges before are completed behind them.
      if (state === 'warm' && range === 'bytes=0-') assert.equal(sent, 0, range)
    }
  }
  const beyond = await plain.get(client.presign({ path: '/bucket/key' }), { range: `bytes=${body.length}-` })
  assert.equal(beyond.status, 416)
})

test('conditions of the client are the origin’s to answer', async (t) => {
  const { client, proxy, store } = await scene(t)
  const { etag } = store.put('bucket/key', 'body')
  await client.get('/bucket/key')
  await proxy.takeRecord()
  for (const [fields, status] of [
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 304],
    [{ 'if-unmodified-since': 'Thu, 01 Jan 2020 00:00:00 GMT' }, 412],
  ] as [Record<string, string>, number][]) {
    assert.equal(await outcomeOf(proxy, client.get('/bucket/key', fields)), `${status} pass 1`)
  }
})

test('writes of every framing reach the origin as they were signed, byte for byte, and are seen', async (t) => {
  const { client, store, service, proxy } = await scene(t)
  await client.put('/bucket/key', 'old')
  assert.equal((await client.get('/bucket/key')).body.toString(), 'old')
  assert.equal((await client.put('/bucket/key', 'new', { 'x-amz-meta-a': 'b', 'content-type': 'text/x' })).status, 200)
  assert.equal(headerValue(service.requests.at(-1)?.headers ?? [], 'content-type'), 'text/x')
  assert.equal((await client.get('/bucket/key')).body.toString(), 'new')

  const { host } = new URL(proxy.endpoint)
  const fields = { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': '5' }
  const { headers, seed } = signStreamingRequest({
    method: 'PUT',
    rawPath: '/bucket/key',
    rawQuery: '',
    headers: ['host', host, ...Object.entries(fields).flat()],
    payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    nowMs: Date.now(),
    credentials: BRIDGE_CREDENTIALS,
    region: REGION,
  })
  const signature: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) signature[headers[i] ?? ''] = headers[i + 1] ?? ''
  const sender = new S3Client({ endpoint: proxy.endpoint, clock: systemClock })
  const chunked: Ask = { method: 'PUT', path: '/bucket/key', body: signedChunks(seed, ['abc', 'de']), fields: { ...fields, ...signature } }
  assert.equal((await sender.ask(chunked)).status, 200)
  assert.equal(store.objects.get('bucket/key')?.bytes.length, 5)
  assert.equal((await client.get('/bucket/key')).body.toString(), 'abcde')

  assert.equal((await client.ask({ method: 'DELETE', path: '/bucket/key' })).status, 204)
  assert.equal((await client.get('/bucket/key')).status, 404)
})

test('keys of every kind keep the signature that the client made for them', async (t) => {
  const { client, store, service } = await scene(t)
  for (const key of ['a/../b', 'a//b', '%2e%2E/x', 'plus+plus', 'a%20b%2Bc', 'gr%C3%B6%C3%9Fe', 'dir/', 'k'.repeat(1024), "!'()*~"]) {
    store.put(`bucket/${key}`, key)
    for (const state of ['cold', 'warm']) assert.equal((await client.get(`/bucket/${key}`)).body.toString(), key, `${key} ${state}`)
    assert.equal(service.requests.at(-1)?.rawKey, key)
  }
})

test('operations that only the origin’s own signature can carry pass, too', async (t) => {
  const { client, service } = await scene(t)
  service.answer = async (request) => {
    for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
    return reply(200, { 'content-type': 'application/xml' }, '<x/>')
  }
  for (const ask of [{ path: '/bucket?session' }, { path: '/' }, { path: '/bucket?list-type=2&prefix=a%20b' }] as Ask[]) {
    const answer = await client.ask(ask)
    assert.equal(`${answer.status} ${answer.body.toString()}`, '200 <x/>')
  }
})

test('temporary credentials pass as they came', async (t) => {
  const { proxy, service } = await scene(t)
  const temporary = new S3Client({ endpoint: proxy.endpoint, clock: systemClock }, { ...BRIDGE_CREDENTIALS, sessionToken: 'token' })
  const answer = await temporary.get('/bucket/key')
  assert.match(answer.body.toString(), /<Code>InvalidToken<\/Code>/, 'the service got the token, which it does not know')
  assert.deepEqual(service.requests, [])
})
