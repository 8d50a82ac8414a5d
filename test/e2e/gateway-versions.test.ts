import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ClientConfig, GrantAction } from '../../src/config/config.ts'
import type { OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { errorReply, reply, type FunctionOrigin } from '../support/function-origin.ts'
import { proxyFor, ttlMode, type InProcessOptions, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin, type ObjectStore } from '../support/object-store.ts'
import { assertSameBytes, patterned, S3Client, type Answer, type Ask } from '../support/s3-client.ts'

const MIB = 1024 * 1024

interface Scene {
  readonly store: ObjectStore
  readonly origin: FunctionOrigin
  readonly proxy: InProcessProxy
  readonly client: S3Client
  /** Stores a version; it is current too unless another is stored after it. */
  readonly putVersion: (key: string, id: string, body: Uint8Array | string, fields?: Record<string, string>) => void
}

function versionIn(rawQuery: string): string | undefined {
  const id = /(?:^|&)versionId=([^&]*)/.exec(rawQuery)?.[1]
  return id === undefined ? undefined : decodeURIComponent(id)
}

/** A bucket with versions: `bucket/key@id` is a version in the store. Writes are answered, but change nothing. */
async function scene(t: TestContext, options: Partial<InProcessOptions> = {}): Promise<Scene> {
  const { store, origin } = storeOrigin()
  origin.answer = async (request): Promise<OriginResponse> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return written(request)
    const id = versionIn(request.rawQuery)
    const path = `${request.bucket ?? ''}/${request.rawKey ?? ''}${id === undefined ? '' : `@${id}`}`
    const answer = store.read(path, request)
    if (answer.status !== 404 || id === undefined) return answer
    return errorReply(404, 'NoSuchVersion', request.method)
  }
  const proxy = await proxyFor(t, { origin, ...options })
  const client = new S3Client(proxy)
  const putVersion: Scene['putVersion'] = (key, id, body, fields = {}) => {
    for (const path of [`bucket/${key}`, `bucket/${key}@${id}`]) store.put(path, body, { 'x-amz-version-id': id, ...fields })
  }
  return { store, origin, proxy, client, putVersion }
}

async function written(request: OriginRequest): Promise<OriginResponse> {
  for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
  return reply(200)
}

test('a version is read from memory under its own name, beside the current one and the others', async (t) => {
  const { client, origin, putVersion } = await scene(t)
  putVersion('key', 'v1', 'one')
  putVersion('key', 'v2', 'two')
  for (const [path, body, id] of [
    ['/bucket/key?versionId=v1', 'one', 'v1'],
    ['/bucket/key?versionId=v2', 'two', 'v2'],
    ['/bucket/key', 'two', 'v2'],
  ] as const) {
    for (const state of ['cold', 'warm']) {
      const answer = await client.get(path)
      assert.equal(answer.body.toString(), body, `${path} ${state}`)
      assert.equal(answer.fields.get('x-amz-version-id'), id)
    }
    assert.equal((await client.head(path)).fields.get('x-amz-version-id'), id)
  }
  const asked = origin.requests.map(({ method, rawQuery }) => `${method} ${rawQuery}`)
  assert.deepEqual(asked, ['GET versionId=v1', 'GET versionId=v2', 'GET '], 'one origin request each')
})

test('every gap of a large version is asked of that version, by range and with its ETag', async (t) => {
  const { client, origin, putVersion } = await scene(t)
  const body = patterned(11 * MIB)
  putVersion('big', 'v/1+2', body)
  putVersion('big', 'v2', patterned(11 * MIB, 2))
  const path = '/bucket/big?versionId=v%2F1%2B2'
  assertSameBytes((await client.get(path, { range: 'bytes=9000000-9999999' })).body, body.subarray(9_000_000, 10_000_000))
  assertSameBytes((await client.get(path)).body, body)
  assert.ok(origin.requests.length >= 2)
  for (const { rawQuery } of origin.requests) assert.equal(rawQuery, 'versionId=v%2F1%2B2', 'as the client wrote it')
  origin.takeAsked()
  const part = await client.get(path, { range: 'bytes=-5', 'x-amz-checksum-mode': 'ENABLED' })
  assert.equal(part.status, 206)
  assertSameBytes(part.body, body.subarray(body.length - 5))
  assert.deepEqual(origin.takeAsked(), [])
})

test('what a version says of itself is as old as the mode allows, and its body stays', async (t) => {
  const { client, origin, putVersion, proxy } = await scene(t, { mode: ttlMode(1000) })
  putVersion('key', 'v1', 'one')
  await client.get('/bucket/key?versionId=v1')
  putVersion('key', 'v1', 'one', { 'x-amz-tagging-count': '3' })
  assert.equal((await client.get('/bucket/key?versionId=v1')).fields.get('x-amz-tagging-count'), undefined)
  proxy.clock.advance(1000)
  origin.takeAsked()
  const renewed = await client.get('/bucket/key?versionId=v1')
  assert.equal(renewed.fields.get('x-amz-tagging-count'), '3')
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
})

test('conditions, overrides and checksums of a version are those of that version', async (t) => {
  const credentials = { accessKeyId: 'AK', secretAccessKey: 'secret' }
  const clients = [{ ...credentials, sessionToken: undefined, grants: grantsOf('read-version') }]
  const { origin, proxy, putVersion, store } = await scene(t, { anonymous: false, clients })
  putVersion('key', 'v1', 'one', { 'x-amz-checksum-crc32': 'AAAAAA==' })
  putVersion('key', 'v2', 'two')
  const client = new S3Client(proxy, credentials)
  const path = '/bucket/key?versionId=v1'
  await client.get(path)
  origin.takeAsked()
  const etag = store.objects.get('bucket/key@v1')?.etag ?? ''
  assert.equal((await client.get(path, { 'if-none-match': etag })).status, 304)
  assert.equal((await client.get(path, { 'if-match': etag, range: 'bytes=1-' })).body.toString(), 'ne')
  assert.equal((await client.get(path, { 'if-match': store.objects.get('bucket/key@v2')?.etag ?? '' })).status, 412)
  const asText = await client.get(`${path}&response-content-type=text%2Fplain`)
  assert.equal(asText.fields.get('content-type'), 'text/plain')
  assert.equal((await client.get(path, { 'x-amz-checksum-mode': 'ENABLED' })).fields.get('x-amz-checksum-crc32'), 'AAAAAA==')
  const partial = await client.get(path, { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-0' })
  assert.equal(partial.fields.get('x-amz-checksum-crc32'), undefined)
  assert.deepEqual(origin.takeAsked(), [], 'all from memory')
})

test('a delete marker is told as the origin tells it, with its fields, and not kept', async (t) => {
  const { client, origin } = await scene(t)
  const marker = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': 'dm', 'content-type': 'application/xml' }
  origin.answer = ({ method, rawQuery }) => {
    const named = rawQuery !== ''
    const xml = `<Error><Code>${named ? 'MethodNotAllowed' : 'NoSuchKey'}</Code></Error>`
    return reply(named ? 405 : 404, named ? { ...marker, allow: 'DELETE' } : marker, method === 'HEAD' ? '' : xml)
  }
  for (let time = 1; time <= 2; time++) {
    for (const [path, status, code] of [
      ['/bucket/key', 404, 'NoSuchKey'],
      ['/bucket/key?versionId=dm', 405, 'MethodNotAllowed'],
    ] as const) {
      const got = await client.get(path)
      assert.equal(got.status, status)
      assert.equal(got.fields.get('x-amz-delete-marker'), 'true')
      assert.equal(got.fields.get('x-amz-version-id'), 'dm')
      assert.ok(got.body.toString().includes(code))
      const headed = await client.head(path)
      assert.deepEqual([headed.status, headed.fields.get('x-amz-delete-marker')], [status, 'true'])
    }
    assert.deepEqual(origin.takeAsked(), ['GET', 'HEAD', 'GET', 'HEAD'], 'asked every time')
  }
})

test('a version that is not there is answered with the origin’s error', async (t) => {
  const { client, putVersion } = await scene(t)
  putVersion('key', 'v1', 'one')
  await client.get('/bucket/key')
  assert.equal(errorCodeOf(await client.get('/bucket/key?versionId=gone')), '404 NoSuchVersion')
})

test('what an origin gives for a version that it does not know is passed, never kept under that name', async (t) => {
  const { client, origin, store } = await scene(t)
  origin.answer = (request) => store.read(`${request.bucket ?? ''}/${request.rawKey ?? ''}`, request)
  for (const fields of [{}, { 'x-amz-version-id': 'v9' }] as Record<string, string>[]) {
    store.put('bucket/key', 'current', fields)
    assert.equal((await client.get('/bucket/key?versionId=v1')).body.toString(), 'current')
    store.put('bucket/key', 'another', fields)
    assert.equal((await client.get('/bucket/key?versionId=v1')).body.toString(), 'another')
  }
})

test('the null version of a bucket without versions is kept, and forgotten with every write', async (t) => {
  const { client, origin, store } = await scene(t)
  store.put('bucket/key@null', 'old')
  for (let time = 1; time <= 2; time++) assert.equal((await client.get('/bucket/key?versionId=null')).body.toString(), 'old')
  assert.equal(origin.takeAsked().length, 1)
  store.put('bucket/key@null', 'new')
  await client.put('/bucket/key', 'new')
  assert.equal((await client.get('/bucket/key?versionId=null')).body.toString(), 'new')
})

test('a version id that is none goes to the origin', async (t) => {
  const { client, origin, proxy } = await scene(t)
  origin.answer = ({ method }) => errorReply(400, 'InvalidArgument', method)
  for (const path of [
    '/bucket/key?versionId=',
    '/bucket/key?versionId',
    '/bucket/key?versionId=a%00b',
    '/bucket/key?versionId=1&versionId=2',
  ]) {
    assert.equal((await client.get(path)).status, 400)
    assert.equal(origin.requests.at(-1)?.rawQuery, path.split('?')[1])
  }
  assert.equal(proxy.lookups(), 0)
})

/** Writes through the proxy, and which names of `bucket/key` they may have changed: '' is the current one. */
const WRITES: readonly [ask: Ask, changed: readonly string[], kept: readonly string[], answer?: Record<string, string>][] = [
  [{ method: 'PUT', path: '/bucket/key', body: 'x' }, ['', 'null'], ['v1', 'v2']],
  [{ method: 'PUT', path: '/bucket/key', body: 'x' }, ['', 'null', 'v2'], ['v1'], { 'x-amz-version-id': 'v2' }],
  [{ method: 'DELETE', path: '/bucket/key' }, ['', 'null'], ['v1', 'v2']],
  [{ method: 'DELETE', path: '/bucket/key?versionId=v1' }, ['', 'v1'], ['v2']],
  [{ method: 'PUT', path: '/bucket/key?tagging&versionId=v1', body: '<x/>' }, ['', 'v1'], ['v2']],
  [{ method: 'PUT', path: '/bucket/key?tagging', body: '<x/>' }, ['', 'v2'], ['v1']],
  [{ method: 'PUT', path: '/bucket/key?retention', body: '<x/>' }, ['', 'v2'], ['v1']],
  [{ method: 'POST', path: '/bucket/key?restore', body: '<x/>' }, ['', 'v2'], ['v1']],
  [{ method: 'PUT', path: '/bucket/key?not-yet-invented', body: '<x/>' }, ['', 'v2'], ['v1']],
  [
    {
      method: 'POST',
      path: '/bucket?delete',
      body: '<Delete><Object><Key>key</Key><VersionId>v1</VersionId></Object><Object><Key>other</Key></Object></Delete>',
    },
    ['', 'null', 'v1'],
    ['v2'],
  ],
  [{ method: 'DELETE', path: '/bucket' }, ['', 'null', 'v1', 'v2'], []],
]

for (const [ask, changed, kept, answer] of WRITES) {
  const what = `${ask.method} ${ask.path}${answer === undefined ? '' : ` answered ${Object.values(answer).join()}`}`
  test(`${what} forgets ${changed.map((id) => id || 'what is current').join(', ')} and keeps ${kept.join(', ') || 'nothing'}`, async (t) => {
    const { client, origin, putVersion, store } = await scene(t)
    const path = (id: string): string => `/bucket/key${id === '' ? '' : `?versionId=${id}`}`
    for (const id of ['null', 'v1', 'v2']) putVersion('key', id, `old ${id}`)
    for (const id of [...changed, ...kept]) await client.get(path(id))
    for (const id of ['null', 'v1', 'v2']) store.put(`bucket/key@${id}`, `new ${id}`, { 'x-amz-version-id': id })
    const answers = origin.answer
    origin.answer = async (request) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        await written(request)
        return reply(200, answer ?? {})
      }
      return answers(request)
    }
    assert.equal((await client.ask(ask)).status, 200)
    store.put('bucket/key', 'new ', { 'x-amz-version-id': 'v3' })
    for (const id of changed) assert.equal((await client.get(path(id))).body.toString(), `new ${id}`)
    for (const id of kept) assert.equal((await client.get(path(id))).body.toString(), `old ${id}`)
  })
}

function grantsOf(...actions: GrantAction[]): ClientConfig['grants'] {
  return [{ bucket: '*', prefix: '', actions }]
}

/** What each action opens: S3 asks for other permissions where a version is named. */
const GRANTED: readonly [ask: Ask, needs: readonly GrantAction[]][] = [
  [{ path: '/bucket/key' }, ['read']],
  [{ path: '/bucket/key?versionId=v1' }, ['read-version']],
  [{ path: '/bucket/key?versionId=v1', method: 'HEAD' }, ['read-version']],
  [{ path: '/bucket/key?tagging&versionId=v1' }, ['read-version']],
  [{ path: '/bucket/key?versionId=' }, ['read-version']],
  [{ path: '/bucket/key', method: 'DELETE' }, ['delete']],
  [{ path: '/bucket/key?versionId=v1', method: 'DELETE' }, ['delete-version']],
  [{ path: '/bucket?delete', method: 'POST', body: '<Delete><Object><Key>key</Key></Object></Delete>' }, ['delete']],
  [
    { path: '/bucket?delete', method: 'POST', body: '<Delete><Object><Key>key</Key><VersionId>v1</VersionId></Object></Delete>' },
    ['delete-version'],
  ],
  [{ path: '/bucket/new', method: 'PUT', fields: { 'x-amz-copy-source': '/bucket/key?versionId=v1' } }, ['write', 'read-version']],
  [{ path: '/bucket/new', method: 'PUT', fields: { 'x-amz-copy-source': '/bucket/key' } }, ['write', 'read']],
  [{ path: '/bucket/key', method: 'PUT', body: 'x', fields: { 'x-amz-acl': 'private' } }, ['write']],
  [{ path: '/bucket/key', method: 'PUT', body: 'x', fields: { 'x-amz-acl': 'bucket-owner-full-control' } }, ['write']],
  [{ path: '/bucket/key', method: 'PUT', body: 'x', fields: { 'x-amz-acl': 'public-read' } }, ['write', 'admin']],
  [
    {
      path: '/bucket/key',
      method: 'PUT',
      body: 'x',
      fields: { 'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' },
    },
    ['write', 'admin'],
  ],
  [{ path: '/bucket/key?uploads', method: 'POST', fields: { 'x-amz-acl': 'public-read' } }, ['write', 'admin']],
  [{ path: '/bucket/key', method: 'PUT', body: 'x', fields: { 'x-amz-object-lock-mode': 'GOVERNANCE' } }, ['write', 'admin']],
  [{ path: '/bucket/key', method: 'PUT', body: 'x', fields: { 'x-amz-object-lock-legal-hold': 'ON' } }, ['write', 'admin']],
  [{ path: '/bucket/key', method: 'DELETE', fields: { 'x-amz-bypass-governance-retention': 'true' } }, ['delete', 'admin']],
  [{ path: '/bucket/key?x-amz-acl=public-read', method: 'PUT', body: 'x' }, ['write', 'admin']],
]

const EVERY: readonly GrantAction[] = ['read', 'read-version', 'write', 'delete', 'delete-version', 'list', 'admin']
const CREDENTIALS = { accessKeyId: 'AK', secretAccessKey: 'secret' }

for (const [ask, needs] of GRANTED) {
  const marks = Object.entries(ask.fields ?? {}).map(([name, value]) => `${name}: ${String(value)}`)
  const what = [ask.method ?? 'GET', ask.path, ...marks, ...(ask.method === 'POST' ? [String(ask.body)] : [])].join(' ')
  test(`${what} needs ${needs.join(' and ')}, and nothing else`, async (t) => {
    const clients: ClientConfig[] = [{ ...CREDENTIALS, sessionToken: undefined, grants: grantsOf(...needs) }]
    for (const missing of needs) {
      const grants = grantsOf(...EVERY.filter((action) => action !== missing))
      clients.push({ accessKeyId: `AK${missing}`, secretAccessKey: 'secret', sessionToken: undefined, grants })
    }
    const { origin, proxy } = await scene(t, { anonymous: false, clients })
    origin.answer = async (request) => written(request)
    assert.equal((await new S3Client(proxy, CREDENTIALS).ask(ask)).status, 200)
    origin.takeAsked()
    for (const missing of needs) {
      const refused = await new S3Client(proxy, { accessKeyId: `AK${missing}`, secretAccessKey: 'secret' }).ask(ask)
      assert.equal(refused.status, 403, `without ${missing}`)
    }
    assert.deepEqual(origin.takeAsked(), [])
  })
}

function errorCodeOf(answer: Answer): string {
  return `${answer.status} ${/<Code>([A-Za-z]+)<\/Code>/.exec(answer.body.toString())?.[1] ?? ''}`
}
