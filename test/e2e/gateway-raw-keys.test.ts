import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import type { ClientConfig } from '../../src/config/config.ts'
import { S3Origin, type S3OriginConfig } from '../../src/origin/s3-origin.ts'
import { parseQuery } from '../../src/s3/query.ts'
import { SignatureVerifier } from '../../src/s3/sigv4/signature-verifier.ts'
import { FaultOrigin, type FaultRequest } from '../support/fault-origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { configOf, CREDENTIALS as ORIGIN } from '../support/origin-requests.ts'
import { S3Client, type Answer } from '../support/s3-client.ts'

/** Raw keys that have to come through two real HTTP connections and two signatures without a byte changed. */
const KEYS = [
  'plain',
  'dir/',
  'dir//',
  '/leading',
  '//',
  '.',
  '..',
  '../up',
  'a/../b',
  'a//b',
  'a%2Fb%2Fc',
  '%2e%2E/x',
  'a+b',
  'c%2Bd',
  'a%20b',
  'gr%C3%B6%C3%9Fe',
  'gr\xc3\xb6\xc3\x9fe/raw',
  '%F0%9F%AA%A3',
  '%00nul%0A',
  '%25%2525%3Fq=1%23h',
  "!$&'()*,:;=@~",
  'k'.repeat(1024),
  '%C3%BC'.repeat(512),
]

const CLIENT = { accessKeyId: 'AKCLIENT', secretAccessKey: 'client-secret' }
const GRANTS: ClientConfig['grants'] = [{ bucket: '*', prefix: '', actions: ['read', 'write', 'delete'] }]

/** Every name is this machine. */
const lookup: LookupFunction = (_name, options, callback) =>
  options.all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4)

interface Way {
  /** What the client sends for a key: Host and what stands before the key in the path. */
  readonly client: { readonly host: string; readonly before: string }
  /** What has to arrive: what stands before the key, and the Host without its port. */
  readonly origin: { readonly style: S3OriginConfig['style']; readonly prefix: string; readonly before: string; readonly host: string }
}

const BUCKET = 'my.dotted.bucket'
const CLIENTS: readonly Way['client'][] = [
  { host: 'cache.test:9000', before: `/${BUCKET}/` },
  { host: `${BUCKET}.s3.cache.test`, before: '/' },
  { host: `${BUCKET}.other.test:9000`, before: '/' },
]
const ORIGINS: readonly Way['origin'][] = [
  { style: 'path', prefix: '', before: `/${BUCKET}/`, host: 'origin.test' },
  { style: 'path', prefix: '/storage/v1/s3/', before: `/storage/v1/s3/${BUCKET}/`, host: 'origin.test' },
  { style: 'virtual-host', prefix: '', before: '/', host: `${BUCKET}.origin.test` },
  { style: 'virtual-host', prefix: '/base', before: '/base/', host: `${BUCKET}.origin.test` },
]

async function scene(t: TestContext, way: Way['origin']): Promise<{ service: FaultOrigin; client: S3Client }> {
  let answers = 0
  const service = new FaultOrigin(async (request, reply) => {
    await request.body
    answers += 1
    reply.answer(200, { etag: `"e${answers}"` }, request.method === 'HEAD' ? '' : `answer ${answers}`)
  })
  const { port } = new URL(await service.start())
  const config = configOf(`http://origin.test:${port}${way.prefix}`, { style: way.style })
  const origin = new S3Origin(config, { clock: systemClock, lookup })
  t.after(async () => {
    await origin.close()
    await service.stop()
  })
  const clients = [{ ...CLIENT, sessionToken: undefined, grants: GRANTS }]
  const proxy = await proxyFor(t, { origin, anonymous: false, clients, domains: ['cache.test', 's3.cache.test', 'other.test'] })
  return { service, client: new S3Client(proxy, CLIENT) }
}

/** Checks a signature over what arrived, and nothing else. */
function assertSigned(request: FaultRequest, host: string): void {
  const [rawPath = '', rawQuery = ''] = request.target.split('?')
  assert.equal((request.headers.get('host') ?? '').replace(/:\d+$/, ''), host)
  const arrived = { method: request.method, rawPath, query: parseQuery(rawQuery), headers: [...request.headers].flat() }
  const verifier = new SignatureVerifier({ lookup: () => ORIGIN, region: 'eu-west-1', skewMs: 60_000 })
  const verified = verifier.verify(arrived, Date.now())
  assert.notEqual(verified, 'anonymous')
}

for (const [i, from] of CLIENTS.entries()) {
  for (const [j, to] of ORIGINS.entries()) {
    // Every style of client meets one origin, every style of origin one client: neither knows of the other.
    if (i > 0 && j !== 1) continue
    const what = `${from.host}${from.before} to ${to.style} style${to.prefix === '' ? '' : ` below ${to.prefix}`}`
    test(`every key keeps its bytes from ${what}, signed on both ways, cached under its own name`, async (t) => {
      const { service, client } = await scene(t, to)
      const ask = async (method: string, key: string): Promise<Answer> =>
        client.ask({ method, path: `${from.before}${key}`, fields: { host: from.host }, ...(method === 'PUT' ? { body: 'x' } : {}) })
      const bodies = new Map<string, string>()
      for (const key of KEYS) {
        const answer = await ask('GET', key)
        assert.equal(answer.status, 200, key)
        bodies.set(key, answer.body.toString())
        const arrived = service.requests.at(-1)!
        assert.equal(arrived.target, `${to.before}${key}`)
        assertSigned(arrived, to.host)
      }
      assert.equal(new Set(bodies.values()).size, KEYS.length, 'each an object of its own')
      const asked = service.requests.length
      for (const key of KEYS) assert.equal((await ask('GET', key)).body.toString(), bodies.get(key), key)
      assert.equal(service.requests.length, asked, 'all from memory')
      for (const key of KEYS) {
        assert.equal((await ask('PUT', key)).status, 200)
        assert.equal(service.requests.at(-1)!.target, `${to.before}${key}`)
        assertSigned(service.requests.at(-1)!, to.host)
        assert.notEqual((await ask('GET', key)).body.toString(), bodies.get(key), 'forgotten by its own name')
      }
    })
  }
}
