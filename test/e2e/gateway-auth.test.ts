import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ClientConfig, GrantConfig } from '../../src/config/config.ts'
import type { SigningCredentials } from '../../src/s3/sigv4/sign.ts'
import { Gate, reply, type FunctionOrigin } from '../support/function-origin.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin, type ObjectStore } from '../support/object-store.ts'
import { errorCode, S3Client, type Answer, type Ask } from '../support/s3-client.ts'

const EVERYTHING: GrantConfig = {
  bucket: '*',
  prefix: '',
  actions: ['read', 'read-version', 'write', 'delete', 'delete-version', 'list', 'admin'],
}
const ALICE = { accessKeyId: 'AKALICE', secretAccessKey: 'secret of alice' }
const TEMPORARY = { accessKeyId: 'ASIATEMP', secretAccessKey: 'secret of temp', sessionToken: 'token/+=' }
const SECRET_BODY = 'what only some may read'
const PATH = '/bucket/key'

interface Scene {
  readonly store: ObjectStore
  readonly origin: FunctionOrigin
  readonly proxy: InProcessProxy
  readonly client: (credentials?: SigningCredentials) => S3Client
  /** Expects a refusal that touched neither cache nor origin. */
  readonly refused: (answer: Promise<Answer>, wanted: string) => Promise<Answer>
}

function clientOf(credentials: SigningCredentials, grants: readonly GrantConfig[]): ClientConfig {
  return { sessionToken: undefined, ...credentials, grants }
}

/** A proxy without anonymous access in front of an object that is warm. */
async function scene(t: TestContext, clients: readonly ClientConfig[] = [clientOf(ALICE, [EVERYTHING])]): Promise<Scene> {
  const { store, origin } = storeOrigin()
  const warmer = { accessKeyId: 'AKWARM', secretAccessKey: 'warm' }
  const proxy = await proxyFor(t, { origin, anonymous: false, clients: [...clients, clientOf(warmer, [EVERYTHING])] })
  const client = (credentials?: SigningCredentials): S3Client => new S3Client(proxy, credentials)
  store.put('bucket/key', SECRET_BODY)
  await client(warmer).get(PATH)
  await proxy.takeRecord()
  origin.takeAsked()
  const refused = async (answer: Promise<Answer>, wanted: string): Promise<Answer> => {
    const lookups = proxy.lookups()
    const got = await answer
    assert.equal(`${got.status} ${errorCode(got)}`, wanted)
    assert.ok(!got.body.includes(SECRET_BODY))
    assert.match(got.fields.get('cache-status') ?? '', /^hotbucket; detail=(authentication|authorization|malformed)$/)
    assert.equal(proxy.lookups(), lookups, 'the cache was not asked')
    assert.deepEqual(origin.takeAsked(), [])
    const record = await proxy.takeRecord()
    assert.equal(record.outcome, 'refused')
    assert.equal(record.errorCode, wanted.split(' ')[1])
    assert.equal(record.bytesFromMemory + record.bytesFromOrigin + record.originRequests, 0)
    return got
  }
  return { store, origin, proxy, client, refused }
}

test('a CORS preflight needs no signature, also to a presigned URL, and takes none of it to the origin', async (t) => {
  const { client, origin } = await scene(t)
  const fields = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
  for (const path of [PATH, client(ALICE).presign({ path: PATH })]) {
    await client().ask({ method: 'OPTIONS', path, fields })
    assert.equal(origin.requests.length, 1)
    const sent = origin.requests.pop()
    assert.equal(`${sent?.method} ${sent?.rawKey}?${sent?.rawQuery}`, 'OPTIONS key?')
    assert.equal(sent?.headers.includes('https://app.example'), true)
  }
})

test('a signed request is answered, by header, by presigned URL and with a session token', async (t) => {
  const { client, proxy } = await scene(t, [clientOf(ALICE, [EVERYTHING]), clientOf(TEMPORARY, [EVERYTHING])])
  for (const credentials of [ALICE, TEMPORARY]) {
    assert.equal((await client(credentials).get(PATH)).body.toString(), SECRET_BODY)
    assert.equal((await client().get(client(credentials).presign({ path: PATH }))).body.toString(), SECRET_BODY)
    for (const _ of [1, 2]) assert.equal((await proxy.takeRecord()).accessKeyId, credentials.accessKeyId)
  }
})

test('a request without a signature is refused where anonymous access is off, for every operation', async (t) => {
  const { client, refused } = await scene(t)
  const asks: Ask[] = [
    { path: PATH },
    { path: `${PATH}?versionId=1` },
    { path: '/' },
    { path: '/bucket' },
    { path: '/bucket?list-type=2' },
    { path: PATH, method: 'PUT', body: 'x' },
    { path: PATH, method: 'DELETE' },
    { path: '/bucket?delete', method: 'POST', body: '<Delete/>' },
    { path: PATH, fields: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-date': '20260101T000000Z' } },
  ]
  for (const ask of asks) await refused(client().ask(ask), '403 AccessDenied')
  const head = await client().head(PATH)
  assert.equal(head.status, 403)
  assert.equal(head.body.length, 0)
})

test('a signature that does not hold is refused by its own code', async (t) => {
  const { client, proxy, refused } = await scene(t, [clientOf(ALICE, [EVERYTHING]), clientOf(TEMPORARY, [EVERYTHING])])
  const alice = client(ALICE)
  await refused(client({ ...ALICE, secretAccessKey: 'wrong' }).get(PATH), '403 SignatureDoesNotMatch')
  await refused(client({ ...ALICE, accessKeyId: 'AKNOBODY' }).get(PATH), '403 InvalidAccessKeyId')
  await refused(client({ ...ALICE, sessionToken: 'made up' }).get(PATH), '400 InvalidToken')
  await refused(client({ ...TEMPORARY, sessionToken: 'other' }).get(PATH), '400 InvalidToken')
  const { sessionToken: _, ...without } = TEMPORARY
  await refused(client(without).get(PATH), '400 InvalidToken')

  const signed = alice.signature({ path: PATH, fields: { range: 'bytes=0-1' } })
  await refused(client().get(PATH, { ...signed, range: 'bytes=0-9' }), '403 SignatureDoesNotMatch')
  await refused(client().get('/bucket/key2', { ...signed, range: 'bytes=0-1' }), '403 SignatureDoesNotMatch')
  await refused(client().get(PATH, { ...signed, range: 'bytes=0-1', 'x-amz-acl': 'public-read' }), '403 AccessDenied')
  await refused(client().get(PATH, { authorization: 'AWS AKALICE:c2lnbmF0dXJl' }), '400 InvalidRequest')
  await refused(client().get(PATH, { authorization: 'AWS4-HMAC-SHA256 nonsense' }), '400 AuthorizationHeaderMalformed')

  const yesterday = { nowMs: () => proxy.clock.nowMs() - 900_001, monotonicMs: () => 0 }
  const tomorrow = { nowMs: () => proxy.clock.nowMs() + 901_000, monotonicMs: () => 0 }
  for (const clock of [yesterday, tomorrow]) {
    const late = new S3Client({ endpoint: proxy.endpoint, clock }, ALICE)
    await refused(late.get(PATH), '403 RequestTimeTooSkewed')
  }
})

test('a presigned URL is good for its method, its time and its query, and for nothing else', async (t) => {
  const { client, proxy, refused } = await scene(t)
  const alice = client(ALICE)
  const url = alice.presign({ path: PATH, expiresSeconds: 60 })
  const forHead = alice.presign({ method: 'HEAD', path: PATH })
  assert.equal((await client().head(forHead)).status, 200)
  await proxy.takeRecord()
  await refused(client().get(forHead), '403 SignatureDoesNotMatch')
  await refused(client().get(`${url}&response-content-type=text/html`), '403 SignatureDoesNotMatch')
  await refused(client().get(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600')), '403 SignatureDoesNotMatch')
  await refused(client().get(url.replace('/key?', '/other?')), '403 SignatureDoesNotMatch')
  await refused(client().get(`${url}&X-Amz-Expires=600`), '400 AuthorizationQueryParametersError')
  await refused(client().get(url, alice.signature({ path: url })), '400 InvalidArgument')
  proxy.clock.advance(60_000)
  assert.equal((await client().get(url)).status, 200, 'to the last moment')
  await proxy.takeRecord()
  proxy.clock.advance(1)
  const expired = await refused(client().get(url), '403 AccessDenied')
  assert.match(expired.body.toString(), /Request has expired/)
})

test('with anonymous access on, a signature that does not hold is still refused', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  store.put('bucket/key', SECRET_BODY)
  assert.equal((await new S3Client(proxy).get(PATH)).status, 200)
  assert.equal(errorCode(await new S3Client(proxy, ALICE).get(PATH)), 'InvalidAccessKeyId')
})

const TEAM: readonly GrantConfig[] = [
  { bucket: 'team-*', prefix: 'shared/', actions: ['read', 'list'] },
  { bucket: 'team-a', prefix: 'in/', actions: ['write'] },
  { bucket: 'team-a', prefix: 'trash/', actions: ['read', 'write', 'delete'] },
  { bucket: 'team-a', prefix: 'größe/', actions: ['read'] },
]

/** Every row on its own: what the team asks for, and whether it may. */
const GRANTED: readonly [ask: Ask, granted: boolean][] = [
  [{ path: '/team-a/shared/x' }, true],
  [{ path: '/team-b/shared/x', method: 'HEAD' }, true],
  [{ path: '/team-a/other/x' }, false],
  [{ path: '/team-a/shared' }, false],
  [{ path: '/other/shared/x' }, false],
  [{ path: '/xteam-a/shared/x' }, false],
  [{ path: '/team-a/gr%C3%B6%C3%9Fe/x' }, true],
  [{ path: '/team-a/shared%2Fx' }, true],
  [{ path: '/team-a/in/x' }, false],
  [{ path: '/team-a/in/x', method: 'PUT', body: 'x' }, true],
  [{ path: '/team-b/in/x', method: 'PUT', body: 'x' }, false],
  [{ path: '/team-a/shared/x', method: 'PUT', body: 'x' }, false],
  [{ path: '/team-a/in/x', method: 'DELETE' }, false],
  [{ path: '/team-a/trash/x', method: 'DELETE' }, true],
  [{ path: '/team-a/in/x?uploads', method: 'POST' }, true],
  [{ path: '/team-a/in/x?partNumber=1&uploadId=u', method: 'PUT', body: 'x' }, true],
  [{ path: '/team-a/in/x?uploadId=u', method: 'POST', body: '<x/>' }, true],
  [{ path: '/team-a/shared/x?uploads', method: 'POST' }, false],
  [{ path: '/team-a/in/x?acl', method: 'PUT', body: '<x/>' }, false],
  [{ path: '/team-a/in/x?never-heard-of', method: 'PUT', body: '<x/>' }, false],
  [{ path: '/team-a/shared/x?acl' }, true],
  [{ path: '/team-a?list-type=2&prefix=shared/' }, true],
  [{ path: '/team-a?list-type=2&prefix=shared/x' }, true],
  [{ path: '/team-a?prefix=shared%2F' }, true],
  [{ path: '/team-a?list-type=2&prefix=shared' }, false],
  [{ path: '/team-a?list-type=2&prefix=in/' }, false],
  [{ path: '/team-a?list-type=2' }, false],
  [{ path: '/team-a?list-type=2&prefix=shared/&prefix=' }, false],
  [{ path: '/team-a?list-type=2&Prefix=shared/' }, false],
  [{ path: '/team-a?versions&prefix=shared/' }, true],
  [{ path: '/team-a' }, false],
  [{ path: '/team-a', method: 'DELETE' }, false],
  [{ path: '/team-a?policy' }, false],
  [{ path: '/' }, false],
  [{ path: '/team-a/in/x', method: 'PUT', fields: { 'x-amz-copy-source': '/team-b/shared/x' } }, true],
  [{ path: '/team-a/in/x', method: 'PUT', fields: { 'x-amz-copy-source': 'team-b%2Fshared%2Fx' } }, true],
  [{ path: '/team-a/in/x', method: 'PUT', fields: { 'x-amz-copy-source': 'team-b%2Fshared%2Fx?versionId=1' } }, false],
  [{ path: '/team-a/in/x', method: 'PUT', fields: { 'x-amz-copy-source': '/team-b/private/x' } }, false],
  [{ path: '/team-a/in/x', method: 'PUT', fields: { 'x-amz-copy-source': '/other/shared/x' } }, false],
  [{ path: '/team-a/in/x?partNumber=1&uploadId=u', method: 'PUT', fields: { 'x-amz-copy-source': '/other/shared/x' } }, false],
  [{ path: '/team-a/trash/x?renameObject', method: 'PUT', fields: { 'x-amz-rename-source': 'team-a/trash/y' } }, true],
  [{ path: '/team-a/in/x?renameObject', method: 'PUT', fields: { 'x-amz-rename-source': 'team-a/shared/y' } }, false],
  [{ path: '/team-a?delete', method: 'POST', body: deleteXml('trash/1', 'trash/2') }, true],
  [{ path: '/team-a?delete', method: 'POST', body: deleteXml('trash/1', 'shared/2') }, false],
  [{ path: '/team-b?delete', method: 'POST', body: deleteXml('trash/1') }, false],
]

function deleteXml(...keys: readonly string[]): string {
  return `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`
}

for (const [ask, granted] of GRANTED) {
  const source = ask.fields?.['x-amz-copy-source'] ?? ask.fields?.['x-amz-rename-source']
  const what = `${ask.method ?? 'GET'} ${ask.path}${source === undefined ? '' : ` from ${String(source)}`}${ask.method === 'POST' ? ` ${String(ask.body)}` : ''}`
  test(`grants ${granted ? 'let through' : 'refuse'} ${what}`, async (t) => {
    const { client, origin, refused } = await scene(t, [clientOf(ALICE, TEAM)])
    origin.answer = async (request) => {
      for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
      return reply(200, { etag: '"e"' })
    }
    if (!granted) {
      await refused(client(ALICE).ask(ask), '403 AccessDenied')
      return
    }
    assert.equal((await client(ALICE).ask(ask)).status, 200)
    assert.ok(origin.requests.length > 0)
    const sent = origin.requests.flatMap(({ headers }) => headers.filter((_, i) => i % 2 === 0))
    assert.deepEqual(
      sent.filter((name) => name === 'authorization' || name === 'x-amz-security-token'),
      [],
      'the client’s signature ends here',
    )
  })
}

test('whoever may not read gets nothing of an object that is on its way to another', async (t) => {
  const mallory = { accessKeyId: 'AKMALLORY', secretAccessKey: 'mallory' }
  const { client, origin, store, refused } = await scene(t, [clientOf(ALICE, [EVERYTHING]), clientOf(mallory, TEAM)])
  store.put('bucket/cold', SECRET_BODY)
  const gate = new Gate()
  origin.answer = async (request) => {
    await gate.pass()
    return store.answer(request)
  }
  const reading = client(ALICE).get('/bucket/cold')
  await gate.reached()
  origin.takeAsked()
  await refused(client(mallory).get('/bucket/cold'), '403 AccessDenied')
  await refused(client().get('/bucket/cold'), '403 AccessDenied')
  gate.open()
  assert.equal((await reading).body.toString(), SECRET_BODY)
})

test('a refused upload is answered before its body is read, and no 100 invites it', async (t) => {
  const { proxy, client, origin } = await scene(t, [clientOf(ALICE, TEAM)])
  const { RawClient } = await import('../../src/http/testing/raw-client.ts')
  const { host, port } = new URL(proxy.endpoint)
  for (const credentials of [undefined, ALICE]) {
    const ask: Ask = { path: '/bucket/key', method: 'PUT', body: 'x'.repeat(10) }
    const fields = client(credentials).signature(ask)
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    const raw = await RawClient.connect(Number(port))
    raw.send(`PUT /bucket/key HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 10\r\n${lines.join('')}\r\n`)
    const answer = await raw.response()
    assert.equal(answer.status, 403)
    assert.match(answer.body.toString(), /<Code>AccessDenied<\/Code>/)
    raw.destroy()
  }
  assert.deepEqual(origin.takeAsked(), [])
})

test('what is not S3 is refused before it is authenticated, and in S3’s words', async (t) => {
  const { client } = await scene(t)
  const asks: readonly [Ask, string][] = [
    [{ path: '/bucket/%zz' }, '400 InvalidURI'],
    [{ path: '/bucket/key?a=%zz' }, '400 InvalidURI'],
    [{ path: '/bu%20cket/key' }, '400 InvalidBucketName'],
    [{ path: '/../key' }, '400 InvalidBucketName'],
    [{ path: `/bucket/${'k'.repeat(1025)}` }, '400 KeyTooLongError'],
  ]
  for (const [ask, wanted] of asks) {
    const answer = await client().ask(ask)
    assert.equal(`${answer.status} ${errorCode(answer)}`, wanted)
  }
})
