import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OriginFailure } from '../../src/origin/origin.ts'
import { errorReply, FunctionOrigin, reply } from '../support/function-origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { errorCode, S3Client, type Answer } from '../support/s3-client.ts'

/** Raw keys that other software mangles; every one is an object of its own. */
const KEYS = [
  'plain',
  'dir/',
  'dir//',
  'dir',
  '/leading',
  '//',
  '.',
  '..',
  '../up',
  'a/../b',
  'a/./b',
  'a//b',
  'a/b',
  'a%2Fb%2Fc',
  'a+b',
  'a%2Bb%2Bc',
  'a%20b',
  'gr%C3%B6%C3%9Fe',
  'gr%C3%B6%C3%9Fe%CC%88',
  '%F0%9F%AA%A3',
  '%00nul',
  '%0A',
  '%25',
  '%2525',
  '%3Fquery=1',
  '%23hash',
  ':colon:',
  '~tilde!*()',
  "quote'%22",
  'metrics',
  'healthz/live',
  'Case',
  'case',
  `${'k'.repeat(1023)}1`,
  `${'k'.repeat(1023)}2`,
  '%C3%BC'.repeat(512),
]

test('every key reaches the origin as it was sent, and is an entry of its own in the cache', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  for (const [i, key] of KEYS.entries()) store.put(`bucket/${key}`, `body ${i}`)
  for (const [i, key] of KEYS.entries()) {
    const answer = await client.get(`/bucket/${key}`)
    assert.equal(`${answer.status} ${answer.body.toString()}`, `200 body ${i}`, key)
    assert.equal(origin.requests.at(-1)?.rawKey, key)
    assert.equal(origin.requests.at(-1)?.bucket, 'bucket')
  }
  origin.takeAsked()
  for (const [i, key] of KEYS.entries()) assert.equal((await client.get(`/bucket/${key}`)).body.toString(), `body ${i}`, key)
  assert.deepEqual(origin.takeAsked(), [])
})

test('every key can be signed, written and deleted', async (t) => {
  const { store, origin } = storeOrigin()
  const credentials = { accessKeyId: 'AK', secretAccessKey: 'secret' }
  const grants = [{ bucket: '*', prefix: '', actions: ['read', 'write', 'delete'] as const }]
  const proxy = await proxyFor(t, { origin, anonymous: false, clients: [{ ...credentials, sessionToken: undefined, grants }] })
  const client = new S3Client(proxy, credentials)
  for (const key of KEYS) {
    const path = `/bucket/${key}`
    assert.equal((await client.put(path, key)).status, 200, key)
    assert.ok(store.objects.has(`bucket/${key}`), key)
    assert.equal((await client.get(path)).body.toString(), key)
    const presigned = client.presign({ path })
    assert.equal((await new S3Client(proxy).get(presigned)).body.toString(), key)
    assert.equal((await client.ask({ method: 'DELETE', path })).status, 204)
    assert.equal((await client.get(path)).status, 404)
  }
})

test('two spellings of one key are one entry, and a write by one is seen by the other', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/a~b', 'old')
  await client.get('/bucket/a~b')
  origin.takeAsked()
  assert.equal((await client.get('/bucket/%61%7eb')).body.toString(), 'old')
  assert.deepEqual(origin.takeAsked(), [])
  origin.answer = async (request) => store.answer({ ...request, rawKey: 'a~b' })
  await client.put('/bucket/a%7Eb', 'new')
  assert.equal((await client.get('/bucket/a~b')).body.toString(), 'new')
})

test('path style and virtual-host style share one entry, in any case of the host and with a port', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, domains: ['s3.example.org', 'example.org'] })
  const client = new S3Client(proxy)
  store.put('my.bucket/a/b', 'body')
  await client.get('/my.bucket/a/b', { host: 's3.example.org' })
  assert.equal(origin.takeAsked().length, 1)
  for (const host of ['my.bucket.s3.example.org', 'MY.bucket.S3.example.org:9000', 'my.bucket.example.org.']) {
    assert.equal((await client.get('/a/b', { host })).body.toString(), 'body', host)
  }
  assert.equal((await client.get('/my.bucket/a/b', { host: '127.0.0.1:9000' })).body.toString(), 'body')
  assert.deepEqual(origin.takeAsked(), [])
  await client.ask({ method: 'PUT', path: '/a/b', body: 'new', fields: { host: 'my.bucket.s3.example.org' } })
  assert.equal((await client.get('/my.bucket/a/b')).body.toString(), 'new')
  assert.equal(origin.requests[0]?.rawKey, 'a/b')
  assert.equal(origin.requests[0]?.bucket, 'my.bucket')
})

test('each bucket is asked of the first origin that serves it; a bucket that none serves does not exist', async (t) => {
  const one = storeOrigin('one')
  const two = storeOrigin('two')
  const proxy = await proxyFor(t, {
    origins: [
      { buckets: ['logs-*', 'shared'], origin: one.origin },
      { buckets: ['logs-2', 'data', 'shared'], origin: two.origin },
    ],
  })
  const client = new S3Client(proxy)
  for (const { store, origin } of [one, two])
    for (const bucket of ['logs-1', 'logs-2', 'shared', 'data', 'other']) store.put(`${bucket}/key`, `${bucket} of ${origin.name}`)
  const read = async (bucket: string): Promise<string> => (await client.get(`/${bucket}/key`)).body.toString()
  for (const round of ['cold', 'warm']) {
    assert.equal(await read('logs-1'), 'logs-1 of one', round)
    assert.equal(await read('logs-2'), 'logs-2 of one')
    assert.equal(await read('shared'), 'shared of one')
    assert.equal(await read('data'), 'data of two')
  }
  assert.deepEqual(
    proxy.records.slice(0, 4).map((record) => record.origin),
    ['one', 'one', 'one', 'two'],
  )
  one.origin.takeAsked()
  two.origin.takeAsked()
  for (const ask of [
    { path: '/other/key' },
    { path: '/other' },
    { path: '/other/key', method: 'PUT', body: 'x' },
    { path: '/other', method: 'PUT' },
  ]) {
    const answer = await client.ask(ask)
    assert.equal(`${answer.status} ${errorCode(answer)}`, '404 NoSuchBucket')
    assert.match(answer.body.toString(), /<BucketName>other<\/BucketName>/)
  }
  assert.deepEqual([...one.origin.takeAsked(), ...two.origin.takeAsked()], [])
})

test('a copy between buckets of different origins is refused, not read from a bucket of the same name elsewhere', async (t) => {
  const one = storeOrigin('one')
  const two = storeOrigin('two')
  const proxy = await proxyFor(t, {
    origins: [
      { buckets: ['a', 'b'], origin: one.origin },
      { buckets: ['c'], origin: two.origin },
    ],
  })
  const client = new S3Client(proxy)
  const copy = async (source: string, path: string): Promise<Answer> =>
    client.ask({ method: 'PUT', path, fields: { 'x-amz-copy-source': source } })
  assert.equal((await copy('/b/key', '/a/key')).status, 200)
  one.origin.takeAsked()
  for (const [source, path] of [
    ['/c/key', '/a/key'],
    ['/a/key', '/c/key'],
    ['a%2Fkey', '/c/key?partNumber=1&uploadId=u'],
    ['/nowhere/key', '/a/key'],
  ] as const) {
    const answer = await copy(source, path)
    assert.equal(`${answer.status} ${errorCode(answer)}`, '501 NotImplemented', source)
  }
  assert.deepEqual([...one.origin.takeAsked(), ...two.origin.takeAsked()], [])
})

function bucketList(...names: readonly string[]): FunctionOrigin['answer'] {
  const buckets = names.map((name) => `<Bucket><Name>${name}</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket>`)
  const xml = `<?xml version="1.0"?><ListAllMyBucketsResult><Owner><ID>1</ID></Owner><Buckets>${buckets.join('')}</Buckets></ListAllMyBucketsResult>`
  return () => reply(200, { 'content-type': 'application/xml', 'x-amz-request-id': 'ORIGIN' }, xml)
}

test('ListBuckets over several origins shows each bucket once, where it is served, in order of names', async (t) => {
  const one = new FunctionOrigin(bucketList('zebra', 'shared', 'hidden', 'amp&amp;'), 'one')
  const two = new FunctionOrigin(bucketList('apple', 'shared', 'zebra'), 'two')
  const proxy = await proxyFor(t, {
    origins: [
      { buckets: ['zebra', 'shared', 'amp*'], origin: one },
      { buckets: ['*e', 'shared'], origin: two },
    ],
  })
  const client = new S3Client(proxy)
  const answer = await client.get('/')
  assert.equal(answer.status, 200)
  assert.equal(answer.fields.get('content-type'), 'application/xml')
  const names = [...answer.body.toString().matchAll(/<Name>([^<]*)<\/Name>/g)].map((match) => match[1])
  assert.deepEqual(names, ['amp&amp;', 'apple', 'shared', 'zebra'])
  assert.match(answer.body.toString(), /^<\?xml[^>]*\?>\s*<ListAllMyBucketsResult xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/">/)
  const record = await proxy.takeRecord()
  assert.equal(`${record.operation} ${record.outcome} ${record.originRequests}`, 'ListBuckets pass 2')
  const some = await client.get('/?prefix=sh')
  assert.deepEqual(
    [...some.body.toString().matchAll(/<Name>([^<]*)<\/Name>/g)].map((match) => match[1]),
    ['shared'],
  )
})

test('an origin that cannot list does not hide the buckets of the others, and is named; where none can, that is the answer', async (t) => {
  const one = new FunctionOrigin(bucketList('a'), 'one')
  const two = new FunctionOrigin(bucketList('b'), 'two')
  const origins = [
    { buckets: ['a'], origin: one },
    { buckets: ['*'], origin: two },
  ]
  const proxy = await proxyFor(t, { origins })
  const client = new S3Client(proxy)
  const list = async (): Promise<[string, string | undefined]> => {
    const { body, fields } = await client.get('/')
    return [[...body.toString().matchAll(/<Name>([^<]*)<\/Name>/g)].map((match) => match[1]).join(), fields.get('x-hotbucket-incomplete')]
  }
  assert.deepEqual(await list(), ['a,b', undefined])
  two.answer = () => Promise.reject(new OriginFailure('unreachable', 'down'))
  assert.deepEqual(await list(), ['a', 'two'])
  await proxy.takeRecord()
  assert.equal((await proxy.takeRecord()).failure, 'down')
  two.answer = () => errorReply(403, 'AccessDenied')
  assert.deepEqual(await list(), ['a', 'two'])
  one.answer = () => Promise.reject(new OriginFailure('unreachable', 'down'))
  assert.equal(errorCode(await client.get('/')), 'ServiceUnavailable')
})

test('ListBuckets of one origin is passed as it is', async (t) => {
  const origin = new FunctionOrigin(bucketList('b'))
  const proxy = await proxyFor(t, { origin })
  const answer = await new S3Client(proxy).get('/?max-buckets=1')
  assert.equal(answer.fields.get('x-amz-request-id'), 'ORIGIN')
  assert.match(answer.body.toString(), /<Owner><ID>1<\/ID><\/Owner>/)
  assert.equal(origin.requests[0]?.rawQuery, 'max-buckets=1')
})

test('a bucket that was deleted and made again shows nothing of what it held', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  for (const key of ['a', 'b']) store.put(`bucket/${key}`, 'old')
  store.put('bucket2/a', 'other')
  for (const path of ['/bucket/a', '/bucket/b', '/bucket2/a']) await client.get(path)
  assert.equal((await client.ask({ method: 'DELETE', path: '/bucket' })).status, 204)
  store.objects.delete('bucket/a')
  store.put('bucket/b', 'new')
  assert.equal((await client.get('/bucket/a')).status, 404)
  assert.equal((await client.get('/bucket/b')).body.toString(), 'new')
  origin.takeAsked()
  assert.equal((await client.get('/bucket2/a')).body.toString(), 'other')
  assert.deepEqual(origin.takeAsked(), [])
})

test('listings and other requests go up with their query byte for byte, and come back unchanged', async (t) => {
  const origin = new FunctionOrigin(() =>
    reply(200, { 'content-type': 'application/xml', 'x-amz-bucket-region': 'eu-west-1' }, '<raw  xml/>'),
  )
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const query = 'list-type=2&prefix=a%2fb+c%20d&delimiter=%2F&encoding-type=url&continuation-token=1%2B%2f=='
  for (const path of [`/bucket?${query}`, `/bucket/?${query}`]) {
    const answer = await client.get(path)
    assert.equal(answer.body.toString(), '<raw  xml/>')
    assert.equal(answer.fields.get('x-amz-bucket-region'), 'eu-west-1')
    assert.match(answer.fields.get('x-amz-request-id') ?? '', /^[0-9A-F]{16}$/, 'an id of our own where the origin has none')
    const asked = origin.requests.at(-1)
    assert.equal(asked?.rawQuery, query)
    assert.equal(asked?.rawKey, undefined)
    const record = await proxy.takeRecord()
    assert.equal(`${record.operation} ${record.outcome} ${record.reason}`, 'ListObjectsV2 pass uncacheable-operation')
  }
})
