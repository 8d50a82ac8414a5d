import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../base/testing/until.ts'
import { ConnectionSlots } from './connection-slots.ts'
import type { Exchange, ExchangeHandler } from './exchange.ts'
import { HttpServer } from './server.ts'
import { IDENTITY_ONE, identityFiles } from './testing/identities.ts'
import { startServer } from './testing/test-server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A handler whose requests wait until the test answers them. */
function waiting(): { handler: (exchange: Exchange) => void; exchanges: Exchange[] } {
  const exchanges: Exchange[] = []
  return { exchanges, handler: (exchange) => void exchanges.push(exchange) }
}

test('listen() rejects where the port is taken', async (t) => {
  const { port } = await startServer(t, () => undefined)
  const second = new HttpServer({}, () => undefined)
  await assert.rejects(second.listen({ host: '127.0.0.1', port }), { code: 'EADDRINUSE' })
})

test('two servers share a port where both say reusePort', async (t) => {
  const first = await startServer(t, () => undefined, { reusePort: true })
  const second = new HttpServer({ reusePort: true }, () => undefined)
  assert.equal((await second.listen({ host: '127.0.0.1', port: first.port })).port, first.port)
  await second.drain(0)
})

test('drain() closes idle connections, lets requests finish, and takes no new ones', async (t) => {
  const { handler, exchanges } = waiting()
  const { server, port, connect } = await startServer(t, handler)
  const idle = await connect()
  const busy = await connect()
  busy.send(GET)
  await until(() => exchanges.length === 1)
  let drained = false
  const drain = server.drain(60_000).then(() => (drained = true))
  assert.equal((await idle.rest()).length, 0)
  assert.equal(drained, false)
  exchanges[0]?.respond({ status: 200, fields: '', length: 2 }, Buffer.from('ok'))
  const response = await busy.response()
  assert.equal(response.body.toString(), 'ok')
  assert.equal(response.fields.get('connection'), 'close')
  await drain
  assert.equal(server.stats().connections, 0)
  const probe = new HttpServer({}, () => undefined)
  await probe.listen({ host: '127.0.0.1', port })
  await probe.drain(0)
})

test('drain() cuts what is not done in time', async (t) => {
  const { handler, exchanges } = waiting()
  const { server, connect } = await startServer(t, handler)
  const client = await connect()
  client.send(GET)
  await until(() => exchanges.length === 1)
  await server.drain(0)
  assert.equal(exchanges[0]?.gone, true)
  assert.equal(server.stats().requestsInFlight, 0)
  assert.equal((await client.rest()).length, 0)
})

test('drain() can be called again, and before listen()', async (t) => {
  const { server } = await startServer(t, () => undefined)
  await Promise.all([server.drain(0), server.drain(0)])
  await server.drain(0)
  await new HttpServer({}, () => undefined).drain(0)
})

test('connections above the limit are dropped and counted', async (t) => {
  const { connect, refused, server } = await startServer(t, (exchange) => exchange.respond({ status: 200, fields: '', length: 0 }), {
    limits: { connections: 2 },
  })
  const clients = [await connect(), await connect()]
  await until(() => server.stats().connections === 2)
  const third = await connect()
  assert.equal((await third.rest()).length, 0)
  assert.deepEqual(refused, ['connection-limit'])
  for (const client of clients) {
    client.send(GET)
    assert.equal((await client.response()).status, 200)
  }
})

test('servers that share their slots have one limit together, over TLS too', async (t) => {
  const slots = new ConnectionSlots(ConnectionSlots.allocate(), 2)
  const answer: ExchangeHandler = (exchange) => exchange.respond({ status: 200, fields: '', length: 0 })
  const plain = await startServer(t, answer, { slots })
  const secure = await startServer(t, answer, { slots, tls: await identityFiles(t, IDENTITY_ONE) })
  const first = await plain.connect()
  await secure.connect()
  await until(() => plain.server.stats().connections === 1 && secure.server.stats().connectionsTotal === 1)
  assert.equal((await (await plain.connect()).rest()).length, 0)
  assert.equal((await (await secure.connect()).rest()).length, 0)
  assert.deepEqual([...plain.refused, ...secure.refused], ['connection-limit', 'connection-limit'])
  first.destroy()
  await until(() => plain.server.stats().connections === 0)
  const next = await plain.connect()
  next.send(GET)
  assert.equal((await next.response()).status, 200)
})

test('stats() tells connections, idle ones, and requests', async (t) => {
  const { handler, exchanges } = waiting()
  const { server, connect } = await startServer(t, handler)
  const client = await connect()
  await connect()
  client.send(GET)
  await until(() => exchanges.length === 1 && server.stats().connections === 2)
  assert.deepEqual(server.stats(), {
    connections: 2,
    connectionsIdle: 1,
    connectionsTotal: 2,
    requestsInFlight: 1,
    requestsTotal: 1,
    refusalsTotal: 0,
  })
  exchanges[0]?.respond({ status: 200, fields: '', length: 0 })
  await client.response()
  assert.equal(server.stats().requestsInFlight, 0)
  assert.equal(server.stats().connectionsIdle, 2)
})

test('a thousand clients that come, ask and leave in every way leave nothing behind', async (t) => {
  const { server, connect } = await startServer(t, async (exchange) => {
    await exchange.body.read().catch(() => undefined)
    if (exchange.head.target === '/cut') exchange.cut('test')
    else exchange.respond({ status: 200, fields: '', length: 20_000 }, new Uint8Array(20_000))
    await exchange.finished().catch(() => undefined)
  })
  const requests = [
    GET,
    'GET /cut HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET',
    'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx',
    'x\r\n\r\n',
    '',
  ]
  for (let round = 0; round < 10; round += 1) {
    const clients = await Promise.all(Array.from({ length: 100 }, () => connect()))
    for (const [i, client] of clients.entries()) client.send(requests[i % requests.length] ?? '')
    for (const [i, client] of clients.entries()) {
      if (i % 3 === 0) client.socket.end()
      else if (i % 3 === 1) client.destroy()
      else client.socket.resetAndDestroy()
    }
  }
  await until(() => server.stats().connectionsTotal >= 1000)
  await until(() => server.stats().connections === 0)
  assert.equal(server.stats().requestsInFlight, 0)
})
