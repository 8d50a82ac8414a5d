import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import type tls from 'node:tls'
import { until } from '../base/testing/until.ts'
import type { ExchangeHandler } from './exchange.ts'
import { HttpServer } from './server.ts'
import { IDENTITY_ONE, IDENTITY_TWO, identityFiles, type TestIdentity } from './testing/identities.ts'
import { RawClient } from './testing/raw-client.ts'
import { startServer, type TestServer } from './testing/test-server.ts'
import { tlsFilesStamp } from './tls-identity.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const MIB = 1024 * 1024

interface TlsTestServer extends TestServer {
  readonly directory: string
  readonly reloads: (Error | undefined)[]
  readonly connectTls: (options?: tls.ConnectionOptions) => Promise<RawClient>
}

async function startTls(context: TestContext, handler: ExchangeHandler): Promise<TlsTestServer> {
  const files = await identityFiles(context, IDENTITY_ONE)
  const reloads: (Error | undefined)[] = []
  const started = await startServer(context, handler, {
    tls: files,
    onTlsReload: (error) => reloads.push(error),
    limits: { bodyRateBytesPerSecond: 1000, bodyRateWindowMs: 20_000 },
  })
  const clients: RawClient[] = []
  context.after(() => {
    for (const client of clients) client.destroy()
  })
  const connectTls = async (options: tls.ConnectionOptions = {}): Promise<RawClient> => {
    const client = await RawClient.connectTls(started.port, { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...options })
    clients.push(client)
    return client
  }
  return { ...started, directory: path.dirname(files.key), reloads, connectTls }
}

async function writeIdentity(directory: string, identity: TestIdentity): Promise<void> {
  await writeFile(path.join(directory, 'tls.crt'), identity.certificate)
  await writeFile(path.join(directory, 'tls.key'), identity.key)
}

function commonName(client: RawClient): string | undefined {
  const name = (client.socket as tls.TLSSocket).getPeerCertificate().subject.CN
  return Array.isArray(name) ? name[0] : name
}

test('TLS speaks http/1.1 by ALPN and serves small and large bodies of shared memory', async (t) => {
  const large = new Uint8Array(new SharedArrayBuffer(3 * MIB)).fill(7)
  const held = new Set<number>()
  const server = await startTls(t, async (exchange) => {
    assert.equal(exchange.peer.secure, true)
    assert.equal(exchange.peer.address, '127.0.0.1')
    held.add(1)
    if (exchange.head.target === '/small') {
      exchange.respond({ status: 200, fields: '', length: 4096 }, large.subarray(0, 4096), { release: () => held.delete(1) })
    } else if (exchange.head.target === '/large') {
      exchange.respond({ status: 200, fields: '', length: large.length }, large, { release: () => held.delete(1) })
    } else {
      const stream = exchange.stream({ status: 200, fields: '', length: 3 * large.length })
      for (let i = 0; i < 3; i += 1) {
        held.add(i)
        await stream.write(large, { release: () => held.delete(i) })
      }
      await stream.end()
    }
    await exchange.finished()
  })
  const client = await server.connectTls()
  assert.equal((client.socket as tls.TLSSocket).alpnProtocol, 'http/1.1')
  for (const [target, size] of [
    ['/small', 4096],
    ['/large', 3 * MIB],
    ['/stream', 9 * MIB],
    ['/small', 4096],
  ] as const) {
    client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.ok((await client.response()).body.equals(Buffer.alloc(size, 7)), target)
  }
  await until(() => held.size === 0)
})

test('TLS serves pipelined requests and uploads', async (t) => {
  const server = await startTls(t, async (exchange) => {
    let size = 0
    for (let part = await exchange.body.read(); part !== undefined; part = await exchange.body.read()) size += part.length
    exchange.respond({ status: 200, fields: '', length: undefined }, Buffer.from(String(size)))
  })
  const client = await server.connectTls()
  client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${2 * MIB}\r\n\r\n`)
  client.send(Buffer.alloc(2 * MIB))
  client.send(GET.repeat(3))
  assert.equal((await client.response()).body.toString(), String(2 * MIB))
  for (let i = 0; i < 3; i += 1) assert.equal((await client.response()).body.toString(), '0')
})

test('a TLS client that reads slowly but above the minimum rate keeps its one large write, one that stops is cut', async (t) => {
  const server = await startTls(t, (exchange) => exchange.respond({ status: 200, fields: '', length: 64 * MIB }, new Uint8Array(64 * MIB)))
  const client = await server.connectTls()
  client.socket.pause()
  client.send(GET)
  await until(() => server.server.stats().requestsInFlight === 1)
  let taken = 0
  for (let window = 0; window < 3; window += 1) {
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve))
    server.advance(0)
    while (taken < (window + 1) * 8 * MIB) {
      client.socket.resume()
      taken += (await client.bytes(1)).length
      client.socket.pause()
    }
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve))
    server.advance(20_000)
    assert.deepEqual(server.refused, [])
  }
  server.advance(0)
  server.advance(20_000)
  server.advance(20_000)
  assert.deepEqual(server.refused, ['slow-reader'])
  await until(() => server.server.stats().connections === 0)
})

test('a client that speaks something else than http/1.1 is refused in the handshake', async (t) => {
  const server = await startTls(t, () => assert.fail('called'))
  await assert.rejects(server.connectTls({ ALPNProtocols: ['h2'] }))
  await until(() => server.refused.length === 1)
  assert.deepEqual(server.refused, ['tls-handshake'])
})

test('plain HTTP on a TLS port ends the connection', async (t) => {
  const server = await startTls(t, () => assert.fail('called'))
  const client = await server.connect()
  client.send(GET)
  await client.rest()
  assert.deepEqual(server.refused, ['tls-handshake'])
})

test('reloadTls() uses new files for new connections and leaves open ones alone', async (t) => {
  const server = await startTls(t, (exchange) => exchange.respond({ status: 200, fields: '', length: 0 }))
  const before = await server.connectTls()
  assert.equal(commonName(before), IDENTITY_ONE.commonName)
  await writeIdentity(server.directory, IDENTITY_TWO)
  await server.server.reloadTls()
  assert.equal(commonName(await server.connectTls()), IDENTITY_TWO.commonName)
  before.send(GET)
  assert.equal((await before.response()).status, 200)
  assert.deepEqual(server.reloads, [undefined])
})

test('reloadTls() keeps the old certificate where the new key does not fit or a file is missing', async (t) => {
  const server = await startTls(t, (exchange) => exchange.respond({ status: 200, fields: '', length: 0 }))
  await writeFile(path.join(server.directory, 'tls.key'), IDENTITY_TWO.key)
  await assert.rejects(server.server.reloadTls(), /Cannot use TLS certificate "[^"]+tls\.crt" with key/)
  await rm(path.join(server.directory, 'tls.crt'))
  await assert.rejects(server.server.reloadTls(), /Cannot use TLS certificate/)
  assert.equal(commonName(await server.connectTls()), IDENTITY_ONE.commonName)
  assert.equal(server.reloads.filter((error) => error !== undefined).length, 2)
})

test('changed files are found by themselves', async (t) => {
  const server = await startTls(t, (exchange) => exchange.respond({ status: 200, fields: '', length: 0 }))
  await writeIdentity(server.directory, IDENTITY_TWO)
  server.advance(10_000)
  while (server.reloads.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(server.reloads, [undefined])
  assert.equal(commonName(await server.connectTls()), IDENTITY_TWO.commonName)
  server.advance(10_000)
  for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(server.reloads.length, 1)
})

test('tlsFilesStamp() sees how Kubernetes replaces a secret: a link that points elsewhere', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'hotbucket-tls-'))
  t.after(async () => rm(directory, { recursive: true }))
  for (const version of ['one', 'two']) await writeFile(path.join(directory, version), 'same text')
  const link = path.join(directory, 'tls.crt')
  await symlink('one', link)
  const files = { certificate: link, key: link }
  const before = await tlsFilesStamp(files)
  assert.equal(await tlsFilesStamp(files), before)
  await symlink('two', `${link}.new`)
  await rename(`${link}.new`, link)
  assert.notEqual(await tlsFilesStamp(files), before)
})

test('listen() rejects where certificate and key cannot be used', async () => {
  const server = new HttpServer({ tls: { certificate: '/nonexistent/c', key: '/nonexistent/k' } }, () => undefined)
  await assert.rejects(
    server.listen({ host: '127.0.0.1', port: 0 }),
    /Cannot use TLS certificate "\/nonexistent\/c" with key "\/nonexistent\/k"/,
  )
})

test('drain() ends connections that are still shaking hands', async (t) => {
  const server = await startTls(t, () => assert.fail('called'))
  const socket = net.connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  await until(() => server.server.stats().connectionsTotal === 1)
  const closed = once(socket, 'close')
  socket.resume()
  await server.server.drain(0)
  await closed
})
