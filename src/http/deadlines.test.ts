import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../base/testing/until.ts'
import { ClientGone, type ExchangeHandler } from './exchange.ts'
import type { RawClient } from './testing/raw-client.ts'
import { startServer, type TestServer } from './testing/test-server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const MIB = 1024 * 1024
const LIMITS = {
  headTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  bodyRateBytesPerSecond: 1000,
  bodyRateWindowMs: 20_000,
  lingerTimeoutMs: 5000,
  halfCloseGraceMs: 1000,
}

const ok: ExchangeHandler = (exchange) => exchange.respond({ status: 200, fields: '', length: 0 })

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Connects and waits until the server has the connection. */
async function connected(server: TestServer): Promise<RawClient> {
  const before = server.server.stats().connectionsTotal
  const client = await server.connect()
  await until(() => server.server.stats().connectionsTotal > before)
  return client
}

test('an idle connection is closed after the idle timeout, not before', async (t) => {
  const server = await startServer(t, ok, { limits: LIMITS })
  const client = await connected(server)
  client.send(GET)
  await client.response()
  server.advance(59_999)
  client.send(GET)
  await client.response()
  server.advance(59_999)
  await turns(3)
  assert.equal(client.ended, false)
  server.advance(1)
  assert.equal((await client.rest()).length, 0)
  assert.deepEqual(server.refused, [])
})

test('a head that comes too slowly gets 408, however its bytes drip', async (t) => {
  const server = await startServer(t, ok, { limits: LIMITS })
  const client = await connected(server)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n')
  await until(() => server.server.stats().connectionsIdle === 0)
  for (let second = 0; second < 9; second += 1) {
    client.send('X')
    await turns(2)
    server.advance(1000)
  }
  assert.equal(client.ended, false)
  server.advance(1000)
  assert.equal((await client.response()).status, 408)
  assert.equal((await client.rest()).length, 0)
  assert.deepEqual(server.refused, ['head-timeout'])
})

test('a connection that only sent an empty line is closed without an answer', async (t) => {
  const server = await startServer(t, ok, { limits: LIMITS })
  const client = await connected(server)
  await client.sent('\r\n')
  await turns(5)
  server.advance(60_000)
  assert.equal((await client.rest()).length, 0)
  assert.deepEqual(server.refused, [])
})

test('a request body that comes too slowly gets 408 and its handler is told', async (t) => {
  const seen = Promise.withResolvers<unknown>()
  const begun = Promise.withResolvers<void>()
  const server = await startServer(
    t,
    async (exchange) => {
      try {
        await exchange.body.read()
        begun.resolve()
        for (;;) await exchange.body.read()
      } catch (error) {
        seen.resolve(error)
      }
    },
    { limits: LIMITS },
  )
  const client = await connected(server)
  client.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx')
  await begun.promise
  server.advance(0)
  // 20 s at the minimum rate are 20,000 bytes; the first window has them, the second has not.
  await client.sent('x'.repeat(21_000))
  await turns(20)
  server.advance(20_000)
  await client.sent('x'.repeat(10_000))
  await turns(20)
  assert.equal(client.ended, false)
  server.advance(20_000)
  assert.equal((await client.response()).status, 408)
  assert.ok((await seen.promise) instanceof ClientGone)
  assert.deepEqual(server.refused, ['slow-request-body'])
})

test('a body that the handler does not take, or that waits for 100 Continue, is not too slow', async (t) => {
  const gate = Promise.withResolvers<void>()
  const server = await startServer(
    t,
    async (exchange) => {
      await gate.promise
      let size = 0
      for (let part = await exchange.body.read(); part !== undefined; part = await exchange.body.read()) size += part.length
      exchange.respond({ status: 200, fields: `X-Size: ${size}\r\n`, length: 0 })
    },
    { limits: LIMITS },
  )
  const full = await connected(server)
  full.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
  full.send(Buffer.alloc(8 * MIB))
  const waiting = await connected(server)
  waiting.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n')
  await until(() => server.server.stats().requestsInFlight === 2)
  await turns(50)
  for (let i = 0; i < 10; i += 1) server.advance(20_000)
  gate.resolve()
  assert.equal((await full.response()).fields.get('x-size'), String(8 * MIB))
  assert.equal((await waiting.response()).status, 100)
  waiting.send('body')
  assert.equal((await waiting.response()).fields.get('x-size'), '4')
  assert.deepEqual(server.refused, [])
})

for (const way of ['stream', 'respond'] as const) {
  test(`a client that stops reading a response by ${way}() is cut, and all bytes come back`, async (t) => {
    let held = 0
    const lost = Promise.withResolvers<unknown>()
    const server = await startServer(
      t,
      async (exchange) => {
        const loan = {
          release: (): void => {
            held -= 1
          },
        }
        if (way === 'respond') {
          held += 1
          exchange.respond({ status: 200, fields: '', length: 64 * MIB }, new Uint8Array(64 * MIB), loan)
        } else {
          const stream = exchange.stream({ status: 200, fields: '', length: 64 * MIB })
          for (let i = 0; i < 64 && !exchange.gone; i += 1) {
            held += 1
            await stream.write(new Uint8Array(MIB), loan)?.catch(() => undefined)
          }
        }
        await exchange.finished().catch((error: unknown) => lost.resolve(error))
      },
      { limits: LIMITS },
    )
    const client = await connected(server)
    client.socket.pause()
    client.send(GET)
    await until(() => held > 0)
    await turns(50)
    server.advance(0)
    server.advance(19_999)
    assert.equal(server.server.stats().connections, 1)
    server.advance(1)
    assert.ok((await lost.promise) instanceof ClientGone)
    await until(() => server.server.stats().connections === 0)
    assert.equal(held, 0)
    assert.deepEqual(server.refused, ['slow-reader'])
  })
}

test('a client that reads slowly but above the minimum rate keeps its one large write', async (t) => {
  const server = await startServer(
    t,
    (exchange) => exchange.respond({ status: 200, fields: '', length: 64 * MIB }, new Uint8Array(64 * MIB)),
    { limits: LIMITS },
  )
  const client = await connected(server)
  client.socket.pause()
  client.send(GET)
  await until(() => server.server.stats().requestsInFlight === 1)
  let taken = 0
  for (let window = 0; window < 5; window += 1) {
    await turns(20)
    server.advance(0)
    while (taken < (window + 1) * 8 * MIB) {
      client.socket.resume()
      taken += (await client.bytes(1)).length
      client.socket.pause()
    }
    await turns(20)
    server.advance(20_000)
    assert.equal(server.server.stats().connections, 1)
  }
  assert.deepEqual(server.refused, [])
})

test('a handler that takes its time is not a slow client', async (t) => {
  const gate = Promise.withResolvers<void>()
  const server = await startServer(
    t,
    async (exchange) => {
      const stream = exchange.stream({ status: 200, fields: '', length: 4 })
      await stream.write(Buffer.from('ab'))
      await gate.promise
      await stream.write(Buffer.from('cd'))
      await stream.end()
    },
    { limits: LIMITS },
  )
  const client = await connected(server)
  client.send(GET)
  await until(() => server.server.stats().requestsInFlight === 1)
  for (let i = 0; i < 20; i += 1) server.advance(20_000)
  gate.resolve()
  assert.equal((await client.response()).body.toString(), 'abcd')
})

test('a client that closed its sending side and gets nothing is taken to be gone', async (t) => {
  const gone = Promise.withResolvers<void>()
  const server = await startServer(t, (exchange) => void exchange.onGone(gone.resolve), { limits: LIMITS })
  const client = await connected(server)
  client.socket.end(GET)
  await until(() => server.server.stats().requestsInFlight === 1)
  await turns(5)
  server.advance(1000)
  server.advance(1000)
  await gone.promise
  await until(() => server.server.stats().connections === 0)
})

test('a client that does not close after the last response is cut', async (t) => {
  const server = await startServer(t, ok, { limits: LIMITS })
  const client = await server.connect({ allowHalfOpen: true })
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await client.response()
  server.advance(4999)
  assert.equal(server.server.stats().connections, 1)
  server.advance(1)
  await until(() => server.server.stats().connections === 0)
})

test('the rest of a body that nobody reads has a deadline', async (t) => {
  const server = await startServer(t, ok, { limits: LIMITS })
  const client = await server.connect()
  client.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n')
  assert.equal((await client.response()).status, 200)
  server.advance(10_000)
  assert.equal((await client.rest()).length, 0)
})

test('Date moves with the clock', async (t) => {
  const server = await startServer(t, ok)
  const client = await server.connect()
  for (const date of ['Thu, 01 Jan 2026 00:00:00 GMT', 'Thu, 01 Jan 2026 00:00:01 GMT']) {
    client.send(GET)
    assert.equal((await client.response()).fields.get('date'), date)
    server.advance(1000)
  }
})
