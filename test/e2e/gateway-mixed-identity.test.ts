import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ClientConfig } from '../../src/config/config.ts'
import { createOrigin } from '../../src/origin/create-origin.ts'
import { claimedKeys } from '../../src/s3/sigv4/claimed-keys.ts'
import { FaultOrigin, type FaultReply, type FaultRequest } from '../support/fault-origin.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { configOf, CREDENTIALS as ORIGIN } from '../support/origin-requests.ts'
import { errorCode, S3Client } from '../support/s3-client.ts'

const ALICE = { accessKeyId: 'AKALICE', secretAccessKey: 'alice-secret' }
/** An account of the origin that hotbucket knows nothing of. */
const OTHER = { accessKeyId: 'AKOTHER', secretAccessKey: 'other-secret' }

interface Scene {
  readonly proxy: InProcessProxy
  /** Who may read at the moment, and what the objects are. */
  readonly service: AccountService
  readonly alice: S3Client
  readonly other: S3Client
  readonly nobody: S3Client
}

/** A service with accounts: hotbucket's own, another one and the public. It believes signatures and checks rights. */
class AccountService {
  readonly fault = new FaultOrigin((request, reply) => this.#answer(request, reply))
  readonly readers = new Set(['AKID', 'AKOTHER', 'nobody'])
  readonly objects = new Map<string, string>()
  /** `method path by whom`, of every request. */
  readonly asked: string[] = []

  async #answer(request: FaultRequest, reply: FaultReply): Promise<void> {
    const body = await request.body
    const by = claimedKeys(['authorization', request.headers.get('authorization') ?? ''], [])[0] ?? 'nobody'
    this.asked.push(`${request.method} ${request.target} ${by}`)
    const denied = !this.readers.has(by)
    if (denied) return reply.answer(403, { 'content-type': 'application/xml' }, '<Error><Code>AccessDenied</Code></Error>')
    // As at Ceph: `tenant:bucket`, where who belongs to the tenant leaves it out.
    const path = decodeURIComponent(request.target.split('?', 1)[0] ?? '').replace(/^\/[^/]*:/, '/')
    if (request.method === 'PUT') this.objects.set(path, body.toString())
    if (request.method === 'DELETE' && !path.slice(1).includes('/')) this.objects.clear()
    const text = this.objects.get(path)
    if (request.method === 'HEAD') return reply.answer(200, { etag: `"${text}"`, 'content-length': text?.length ?? 0 })
    if (request.method !== 'GET') return reply.answer(200)
    if (text === undefined) return reply.answer(404, {}, '<Error><Code>NoSuchKey</Code></Error>')
    if (request.headers.get('if-none-match') === `"${text}"`) return reply.answer(304, { etag: `"${text}"` })
    reply.answer(200, { etag: `"${text}"` }, text)
  }

  takeAsked(): string[] {
    return this.asked.splice(0)
  }
}

async function scene(t: TestContext): Promise<Scene> {
  const service = new AccountService()
  const origin = await createOrigin(configOf(await service.fault.start()), {
    clock: { nowMs: () => proxy.clock.nowMs(), monotonicMs: () => 0 },
  })
  t.after(async () => {
    await origin.close()
    await service.fault.stop()
  })
  const actions = ['read', 'write', 'list', 'admin'] as const
  const clients: ClientConfig[] = [{ ...ALICE, sessionToken: undefined, grants: [{ bucket: '*', prefix: '', actions }] }]
  const proxy = await proxyFor(t, { origin, anonymous: false, clients, identity: 'mixed' })
  service.objects.set('/bucket/key', 'one')
  return { proxy, service, alice: new S3Client(proxy, ALICE), other: new S3Client(proxy, OTHER), nobody: new S3Client(proxy) }
}

test('in mixed mode a known key has hits, and every read of anybody else asks the origin in their own name', async (t) => {
  const { service, alice, other, nobody } = await scene(t)
  for (let time = 1; time <= 3; time++) assert.equal((await alice.get('/bucket/key')).body.toString(), 'one')
  assert.deepEqual(service.takeAsked(), [`GET /bucket/key ${ORIGIN.accessKeyId}`])
  for (const [client, name] of [
    [other, 'AKOTHER'],
    [nobody, 'nobody'],
  ] as const) {
    for (let time = 1; time <= 2; time++) assert.equal((await client.get('/bucket/key')).body.toString(), 'one')
    assert.deepEqual(service.takeAsked(), [`GET /bucket/key ${name}`, `GET /bucket/key ${name}`])
    service.readers.delete(name)
    const refused = await client.get('/bucket/key')
    assert.equal(refused.status, 403, 'what the cache holds is not given to those who may not read it')
    assert.match(refused.body.toString(), /AccessDenied/)
    assert.equal((await client.head('/bucket/key')).status, 403)
    service.takeAsked()
  }
  assert.equal((await alice.get('/bucket/key')).body.toString(), 'one')
  assert.deepEqual(service.takeAsked(), [])
})

test('in mixed mode a known key with a wrong signature is refused here, whatever the origin would say', async (t) => {
  const { proxy, service } = await scene(t)
  const wrong = new S3Client(proxy, { ...ALICE, secretAccessKey: 'guessed' })
  assert.equal(errorCode(await wrong.get('/bucket/key')), 'SignatureDoesNotMatch')
  const twice = {
    authorization: 'AWS4-HMAC-SHA256 Credential=AKOTHER/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00',
  }
  const presigned = new S3Client(proxy, ALICE).presign({ path: '/bucket/key' })
  assert.equal(errorCode(await new S3Client(proxy).get(presigned, twice)), 'InvalidArgument', 'of two keys one is known here')
  assert.deepEqual(service.takeAsked(), [])
})

test('in mixed mode a write of either kind of clients is seen by the next read of the other', async (t) => {
  const { alice, other, nobody } = await scene(t)
  const readers = [alice, other, nobody]
  for (const reader of readers) await reader.get('/bucket/key')
  for (const [writer, text] of [
    [other, 'two'],
    [alice, 'three'],
    [nobody, 'four'],
  ] as const) {
    assert.equal((await writer.put('/bucket/key', text)).status, 200)
    for (const reader of readers) assert.equal((await reader.get('/bucket/key')).body.toString(), text)
  }
  assert.equal((await other.ask({ method: 'DELETE', path: '/bucket' })).status, 200)
  for (const reader of readers) assert.equal((await reader.get('/bucket/key')).status, 404)
})

for (const [tenant, path] of [
  ['no tenant', '/:bucket/key'],
  ['a tenant', '/theirs:bucket/key'],
] as const) {
  test(`a bucket that is named with ${tenant} is another name of one that is cached: it is not, and writes to it are seen`, async (t) => {
    const { service, alice, other } = await scene(t)
    const readBoth = async (): Promise<string[]> => {
      const answers = [await alice.get('/bucket/key'), await alice.get(path), await other.get('/bucket/key'), await other.get(path)]
      return [...new Set(answers.map((answer) => answer.body.toString()))]
    }
    for (let time = 1; time <= 2; time++) assert.deepEqual(await readBoth(), ['one'])
    for (const [writer, at] of [
      [alice, path],
      [other, '/bucket/key'],
      [other, path],
      [alice, '/bucket/key'],
    ] as const) {
      assert.equal((await writer.put(at, `to ${at}`)).status, 200)
      assert.deepEqual(await readBoth(), [`to ${at}`])
    }
    service.takeAsked()
    await alice.get(path)
    await alice.get('/bucket/key')
    assert.deepEqual(service.takeAsked(), [`GET ${path.replace(':', '%3A')} ${ORIGIN.accessKeyId}`])
  })
}
