import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ORIGIN_CERTIFICATE, ORIGIN_KEY } from '../../test/support/origin-identity.ts'
import { configOf, failsAs, requestOf, text } from '../../test/support/origin-requests.ts'
import { sourceOf } from '../base/byte-source.ts'
import { systemClock } from '../base/clock.ts'
import { createOrigin } from './create-origin.ts'
import { S3Origin } from './s3-origin.ts'

interface Fixture {
  readonly port: number
  readonly ca: string
  readonly seen: { readonly host: string; readonly servername: string | false; readonly version: string }[]
  readonly connections: () => number
}

async function startTls(context: TestContext): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'hotbucket-tls-'))
  const ca = join(folder, 'ca.pem')
  await writeFile(ca, ORIGIN_CERTIFICATE)
  const seen: Fixture['seen'] = []
  const server: Server = createServer(
    { cert: ORIGIN_CERTIFICATE, key: ORIGIN_KEY, ALPNProtocols: ['h2', 'http/1.1'] },
    (request, response) => {
      const { servername } = request.socket as typeof request.socket & { servername: string | false }
      seen.push({ host: request.headers.host ?? '', servername, version: request.httpVersion })
      response.end('secure')
    },
  )
  let connections = 0
  server.on('secureConnection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  })
  return { port: (server.address() as AddressInfo).port, ca, seen, connections: () => connections }
}

/** Every name is this machine. */
const lookup: LookupFunction = (_name, options, callback) =>
  options.all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4)

test('S3Origin trusts the authorities of its CA file, and speaks HTTP/1.1', async (context) => {
  const { port, ca, seen } = await startTls(context)
  const origin = await createOrigin(configOf(`https://127.0.0.1:${port}`, { ca }), { clock: systemClock })
  context.after(() => origin.close())
  assert.equal(await text((await origin.send(requestOf())).body), 'secure')
  assert.equal(seen[0]?.version, '1.1')
})

test('S3Origin does not send anything to a server that it cannot trust', async (context) => {
  const { port, seen } = await startTls(context)
  const origin = new S3Origin(configOf(`https://127.0.0.1:${port}`), { clock: systemClock })
  context.after(() => origin.close())
  await assert.rejects(origin.send(requestOf()), failsAs('unreachable'))
  assert.deepEqual(seen, [])
})

test('S3Origin keeps connections for each bucket in virtual-host style, under the name of the bucket', async (context) => {
  const { port, ca, seen, connections } = await startTls(context)
  const origin = new S3Origin(configOf(`https://origin.test:${port}`, { ca, style: 'virtual-host' }), { clock: systemClock, lookup })
  context.after(() => origin.close())
  for (const bucket of ['one', 'two', 'one', 'two']) assert.equal(await text((await origin.send(requestOf({ bucket }))).body), 'secure')
  assert.deepEqual(
    seen.map(({ host, servername }) => [host, servername]),
    ['one', 'two', 'one', 'two'].map((bucket) => [`${bucket}.origin.test:${port}`, `${bucket}.origin.test`]),
  )
  assert.equal(connections(), 2)
})

test('S3Origin asks over TLS too before it sends a body that waits to be asked for, and trusts no more than otherwise', async (context) => {
  const { port, ca, seen } = await startTls(context)
  const origin = new S3Origin(configOf(`https://origin.test:${port}`, { ca, style: 'virtual-host' }), { clock: systemClock, lookup })
  const distrusting = new S3Origin(configOf(`https://127.0.0.1:${port}`), { clock: systemClock })
  context.after(async () => Promise.all([origin.close(), distrusting.close()]))
  const upload = (bucket: string) => {
    const body = sourceOf(Buffer.from('body'))
    return requestOf({ method: 'PUT', bucket, payload: { kind: 'unsigned' }, body, bodyLength: 4, awaitsContinue: true })
  }
  for (const bucket of ['one', 'two', 'one', 'two']) assert.equal(await text((await origin.send(upload(bucket))).body), 'secure')
  assert.deepEqual(
    seen.map(({ host, servername }) => [host, servername]),
    ['one', 'two', 'one', 'two'].map((bucket) => [`${bucket}.origin.test:${port}`, `${bucket}.origin.test`]),
  )
  await assert.rejects(distrusting.send(upload('one')), failsAs('unreachable'))
  assert.equal(seen.length, 4)
})

test('createOrigin() refuses a CA file that it cannot read', async () => {
  await assert.rejects(createOrigin(configOf('https://127.0.0.1:1', { ca: '/nonexistent/ca.pem' }), { clock: systemClock }), /ENOENT/)
})
