import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerValue } from '../../src/base/header-list.ts'
import type { ClientConfig } from '../../src/config/config.ts'
import { reply } from '../support/function-origin.ts'
import { proxyFor, ttlMode } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { errorCode, patterned, S3Client } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const CREDENTIALS = { accessKeyId: 'AKREADER', secretAccessKey: 'secret' }
const CLIENT: ClientConfig = { ...CREDENTIALS, sessionToken: undefined, grants: [{ bucket: '*', prefix: '', actions: ['read'] }] }

/** What the object itself says of itself. */
const OBJECT_FIELDS = {
  etag: '"v1"',
  'last-modified': 'Wed, 31 Dec 2025 00:00:00 GMT',
  'content-type': 'text/plain; charset=utf-8',
  'content-encoding': 'gzip',
  'content-language': 'de',
  'content-disposition': 'attachment; filename="a.txt"',
  'cache-control': 'max-age=60',
  expires: 'Thu, 01 Jan 2026 00:00:00 GMT',
  'x-amz-meta-plain': 'value',
  'x-amz-meta-bytes': 'gr\xc3\xbc\xc3\x9fe \xff',
  'x-amz-meta-empty': '',
  'x-amz-storage-class': 'STANDARD_IA',
  'x-amz-version-id': 'v-id-1',
  'x-amz-server-side-encryption': 'AES256',
  'x-amz-tagging-count': '2',
  'x-amz-website-redirect-location': '/elsewhere',
}

/** What belongs to one answer or one connection, and must not be told again. */
const NOT_KEPT = ['set-cookie', 'x-amz-id-2', 'server', 'x-hop', 'transfer-encoding']

test('every answer to a read carries what the object says of itself, byte for byte, and nothing of an earlier answer', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, mode: ttlMode(1000) })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(1000), OBJECT_FIELDS)
  const asks: [string, () => ReturnType<S3Client['get']>][] = [
    ['cold', async () => client.get('/bucket/key')],
    ['warm', async () => client.get('/bucket/key')],
    ['warm range', async () => client.get('/bucket/key', { range: 'bytes=5-9' })],
    ['warm head', async () => client.head('/bucket/key')],
    ['revalidated', async () => (proxy.clock.advance(1000), client.get('/bucket/key'))],
    ['revalidated range', async () => (proxy.clock.advance(1000), client.get('/bucket/key', { range: 'bytes=-3' }))],
  ]
  const requestIds = new Set<string>()
  for (const [what, ask] of asks) {
    const { fields } = await ask()
    for (const [name, value] of Object.entries(OBJECT_FIELDS)) assert.equal(fields.get(name), value, `${what}: ${name}`)
    for (const name of NOT_KEPT) assert.equal(fields.get(name), undefined, `${what}: ${name}`)
    assert.equal(fields.get('accept-ranges'), 'bytes', what)
    assert.equal(fields.has('content-range'), what.includes('range'), what)
    requestIds.add(fields.get('x-amz-request-id') ?? '')
    assert.match(fields.get('cache-status') ?? '', /^hotbucket; /, what)
  }
  assert.equal(requestIds.size, asks.length, 'each answer has an id of its own')
})

test('an object that was first asked for by range is not described by the range’s answer', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(3 * MIB))
  await client.get('/bucket/key', { range: 'bytes=0-9' })
  const whole = await client.get('/bucket/key')
  assert.equal(whole.status, 200)
  assert.equal(whole.fields.get('content-range'), undefined)
  assert.equal(whole.fields.get('content-length'), String(3 * MIB))
})

const CHECKSUMS = { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=', 'x-amz-checksum-type': 'FULL_OBJECT' }

test('checksums are sent to those who ask, with a whole object or its head and never with a part of it', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(1000), CHECKSUMS)
  const sums = (fields: ReadonlyMap<string, string>): string[] =>
    [...fields.keys()].filter((name) => name.startsWith('x-amz-checksum-')).sort()
  const asking = { 'x-amz-checksum-mode': 'ENABLED' }
  for (const round of ['cold', 'warm']) {
    assert.deepEqual(sums((await client.get('/bucket/key')).fields), [], round)
    assert.deepEqual(sums((await client.get('/bucket/key', asking)).fields), Object.keys(CHECKSUMS), round)
    assert.deepEqual(sums((await client.head('/bucket/key', asking)).fields), Object.keys(CHECKSUMS), round)
    assert.deepEqual(sums((await client.get('/bucket/key', { ...asking, range: 'bytes=0-9' })).fields), [], round)
    assert.deepEqual(sums((await client.get('/bucket/key', { ...asking, range: 'bytes=0-' })).fields), [], round)
  }
})

test('a checksum that came with a part of an object is never told as that of the whole', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(9 * MIB))
  // S3 sends a part's own checksum where a range happens to be that part.
  origin.answer = async (request) => {
    const answer = await store.answer(request)
    return request.method === 'GET' ? { ...answer, headers: [...answer.headers, 'x-amz-checksum-crc32', 'b2ZQYXJ0'] } : answer
  }
  const asking = { 'x-amz-checksum-mode': 'ENABLED' }
  await client.get('/bucket/key', { ...asking, range: 'bytes=0-99' })
  for (const round of ['first', 'second']) {
    const answer = await client.get('/bucket/key', asking)
    assert.equal(answer.body.length, 9 * MIB)
    assert.equal(answer.fields.get('x-amz-checksum-crc32'), undefined, round)
  }
})

test('checksums of an object that was first read in part are asked for once, when somebody wants them', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(3 * MIB), { 'x-amz-checksum-crc32': 'd2hvbGUh' })
  const asking = { 'x-amz-checksum-mode': 'ENABLED' }
  await client.get('/bucket/key', { ...asking, range: 'bytes=0-99' })
  origin.takeAsked()
  assert.equal((await client.get('/bucket/key')).fields.get('x-amz-checksum-crc32'), undefined)
  assert.ok(!origin.takeAsked().includes('HEAD'), 'nobody wanted them')
  assert.equal((await client.get('/bucket/key', { ...asking, 'cache-control': 'only-if-cached' })).status, 200, 'does without')
  for (const round of ['first', 'second']) {
    assert.equal((await client.get('/bucket/key', asking)).fields.get('x-amz-checksum-crc32'), 'd2hvbGUh', round)
    assert.equal((await client.head('/bucket/key', asking)).fields.get('x-amz-checksum-crc32'), 'd2hvbGUh', round)
  }
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
})

test('checksums that the origin cannot be asked for keep nobody from what is cached', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(MIB), { 'x-amz-checksum-crc32': 'd2hvbGUh' })
  const asking = { 'x-amz-checksum-mode': 'ENABLED' }
  await client.get('/bucket/key', { ...asking, range: 'bytes=0-' })
  origin.answer = () => reply(503, {}, '')
  const answer = await client.get('/bucket/key', asking)
  assert.equal(answer.status, 200)
  assert.equal(answer.body.length, MIB)
})

test('Age counts from the origin’s last word', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, mode: ttlMode(60_000) })
  const client = new S3Client(proxy)
  store.put('bucket/key', 'abc')
  assert.equal((await client.get('/bucket/key')).fields.get('age'), undefined)
  proxy.clock.advance(41_999)
  assert.equal((await client.get('/bucket/key')).fields.get('age'), '41')
  proxy.clock.advance(20_000)
  assert.equal((await client.get('/bucket/key')).fields.get('age'), '0', 'asked again')
  proxy.clock.advance(3000)
  assert.equal((await client.get('/bucket/key')).fields.get('age'), '3')
})

const OVERRIDES: Readonly<Record<string, [field: string, value: string]>> = {
  'response-content-type': ['content-type', 'application/x-own'],
  'response-content-disposition': ['content-disposition', 'attachment; filename="x y.bin"'],
  'response-content-encoding': ['content-encoding', 'identity'],
  'response-content-language': ['content-language', 'fr'],
  'response-cache-control': ['cache-control', 'no-store'],
  'response-expires': ['expires', 'Fri, 02 Jan 2026 00:00:00 GMT'],
}

test('response-* parameters of a signed request are applied to a hit, to this answer alone', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, anonymous: false, clients: [CLIENT] })
  const client = new S3Client(proxy, CREDENTIALS)
  store.put('bucket/key', 'abc', OBJECT_FIELDS)
  await client.get('/bucket/key')
  origin.takeAsked()
  const query = Object.entries(OVERRIDES).map(([name, [, value]]) => `${name}=${encodeURIComponent(value)}`)
  for (const path of [`/bucket/key?${query.join('&')}`, client.presign({ path: `/bucket/key?${query.join('&')}` })]) {
    const presigned = path.includes('X-Amz-Signature')
    const answer = await new S3Client(proxy, presigned ? undefined : CREDENTIALS).get(path)
    assert.equal(answer.status, 200)
    for (const [field, value] of Object.values(OVERRIDES)) assert.equal(answer.fields.get(field), value)
    assert.equal(answer.fields.get('x-amz-meta-plain'), 'value')
  }
  const plain = await client.get('/bucket/key')
  for (const [name, value] of Object.entries(OBJECT_FIELDS)) assert.equal(plain.fields.get(name), value)
  assert.deepEqual(origin.takeAsked(), [])
})

test('a response-* value with a line break is refused and never becomes a field', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, anonymous: false, clients: [CLIENT] })
  const client = new S3Client(proxy, CREDENTIALS)
  store.put('bucket/key', 'abc')
  for (const round of ['cold', 'warm']) {
    const answer = await client.get('/bucket/key?response-content-type=a%0d%0aSet-Cookie:%20x=y')
    assert.equal(answer.status, 400, round)
    assert.equal(errorCode(answer), 'InvalidArgument')
    assert.equal(answer.fields.get('set-cookie'), undefined)
    await client.get('/bucket/key')
  }
})

test('response-* parameters of an anonymous request go to the origin, which refuses them', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', 'abc')
  await client.get('/bucket/key')
  origin.answer = () => reply(400, { 'content-type': 'application/xml' }, '<Error/>')
  assert.equal((await client.get('/bucket/key?response-content-type=text/html')).status, 400)
  assert.equal(origin.requests.at(-1)?.rawQuery, 'response-content-type=text/html')
})

test('a question of the cache asks for identity and for checksums, and carries nothing of the client', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, anonymous: false, clients: [CLIENT] })
  const client = new S3Client(proxy, CREDENTIALS)
  store.put('bucket/key', 'abc')
  await client.get('/bucket/key', { 'accept-encoding': 'gzip, br', 'user-agent': 'client/1', cookie: 'a=b', 'if-match': '"x"' })
  const [asked] = origin.requests
  assert.deepEqual(asked?.headers, ['accept-encoding', 'identity', 'x-amz-checksum-mode', 'ENABLED'])
})

const PASSED: Readonly<Record<string, { path?: string; fields?: Record<string, string> }>> = {
  'a part': { path: '/bucket/key?partNumber=1' },
  'a customer key': {
    fields: { 'x-amz-server-side-encryption-customer-algorithm': 'AES256', 'x-amz-server-side-encryption-customer-key': 'a2V5' },
  },
  'a willing payer': { fields: { 'x-amz-request-payer': 'requester' } },
  'an expected owner': { fields: { 'x-amz-expected-bucket-owner': '123' } },
  'an Origin': { fields: { origin: 'https://example.org' } },
  'a field of tomorrow': { fields: { 'x-amz-tomorrow': '1' } },
}

for (const [what, { path = '/bucket/key', fields = {} }] of Object.entries(PASSED)) {
  test(`a read with ${what} is passed as it is, never answered from the cache, never kept`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    store.put('bucket/key', 'old')
    await client.get('/bucket/key')
    await proxy.takeRecord()
    store.put('bucket/key', 'new')
    origin.takeAsked()
    const asked = await client.get(path, { ...fields, 'if-none-match': '"x"' })
    assert.equal(asked.body.toString(), 'new')
    const [request] = origin.requests
    assert.equal(request?.rawQuery, path.split('?')[1] ?? '')
    for (const [name, value] of Object.entries(fields)) assert.equal(headerValue(request?.headers ?? [], name), value)
    assert.equal(headerValue(request?.headers ?? [], 'if-none-match'), '"x"', 'conditions are the origin’s to answer')
    assert.equal(asked.fields.get('x-amz-request-id'), 'ORIGIN2', 'the origin’s id')
    assert.equal(asked.fields.get('x-amz-id-2'), 'ORIGINID2')
    assert.match(asked.fields.get('cache-status') ?? '', /^hotbucket; fwd=bypass; fwd-status=200/)
    const record = await proxy.takeRecord()
    assert.equal(`${record.outcome} ${record.reason} ${record.originRequestId}`, 'pass uncacheable-request ORIGIN2')
    assert.equal(record.bytesFromOrigin, 3)
    assert.equal((await client.get('/bucket/key')).body.toString(), 'old', 'the cache knows nothing of it')
    assert.equal((await client.head(path, fields)).fields.get('content-length'), '3')
  })
}

test('a passed answer’s first bytes do not wait for the next ones', async (t) => {
  const { origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const rest = Promise.withResolvers<Uint8Array | undefined>()
  const chunks = [Promise.resolve(Buffer.from('first')), rest.promise, Promise.resolve(undefined)]
  origin.answer = () => ({
    status: 200,
    headers: ['x-amz-request-id', 'ORIGIN'],
    body: { length: undefined, read: async () => chunks.shift(), cancel: () => rest.resolve(undefined) },
  })
  const { RawClient } = await import('../../src/http/testing/raw-client.ts')
  const raw = await RawClient.connect(Number(new URL(proxy.endpoint).port))
  raw.send('GET /bucket/key?partNumber=1 HTTP/1.1\r\nHost: h\r\n\r\n')
  const received = (await raw.bytes(1)).toString('latin1')
  assert.match(received, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(received, /\r\n\r\n5\r\nfirst/)
  rest.resolve(Buffer.from('second'))
  assert.match((await raw.bytes(1)).toString('latin1'), /second/)
  raw.destroy()
})
