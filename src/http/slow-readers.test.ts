import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../base/testing/until.ts'
import { MemoryBudget } from '../base/memory-budget.ts'
import type { Exchange, Loan } from './exchange.ts'
import type { RawClient } from './testing/raw-client.ts'
import { startServer, type TestServer } from './testing/test-server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const MIB = 1024 * 1024
/** More than the kernel holds for a client that does not read. */
const BODY_MIB = 24

const HEAD_BYTES = 'HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 25165824\r\n\r\n'.length

/** Counts what is lent. */
class Lender {
  held = 0

  lend(): Loan {
    this.held += 1
    let done = false
    return {
      release: () => {
        assert.equal(done, false, 'released twice')
        done = true
        this.held -= 1
      },
    }
  }
}

const block = new Uint8Array(new SharedArrayBuffer(MIB)).map((_, i) => (i * 31 + (i >> 12)) & 0xff)

async function sendBlocks(exchange: Exchange, lender: Lender): Promise<void> {
  const stream = exchange.stream({ status: 200, fields: '', length: BODY_MIB * MIB })
  try {
    for (let i = 0; i < BODY_MIB; i += 1) await stream.write(block, lender.lend())
    await stream.end()
  } catch {
    // The client was cut.
  }
}

function assertBlocks(body: Uint8Array): void {
  assert.equal(body.length, BODY_MIB * MIB)
  for (let i = 0; i < BODY_MIB; i += 1) assert.ok(Buffer.from(block).equals(body.subarray(i * MIB, (i + 1) * MIB)), `block ${i}`)
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** A client that asked and does not read; resolves when the kernel takes no more of its response. */
async function stalledClient(server: TestServer): Promise<RawClient> {
  const client = await server.connect()
  const { requestsInFlight } = server.server.stats()
  client.socket.pause()
  client.send(GET)
  await until(() => server.server.stats().requestsInFlight === requestsInFlight + 1)
  await turns(50)
  return client
}

interface SlowRead {
  readonly body: Buffer
  /** Looks at a time when copies were held and nothing was lent. */
  readonly copiesWithoutLoans: number
}

/** Reads a response piece by piece while its client is seen to be slow. */
async function readSlowly(server: TestServer, client: RawClient, lender: Lender, budget: MemoryBudget): Promise<SlowRead> {
  server.advance(0)
  server.advance(1000)
  let copiesWithoutLoans = 0
  const pieces: Buffer[] = []
  let taken = 0
  while (taken < HEAD_BYTES + BODY_MIB * MIB) {
    client.socket.resume()
    const piece = await client.bytes(1)
    client.socket.pause()
    pieces.push(piece)
    taken += piece.length
    await turns(2)
    if (budget.usedFor('copy') > 0 && lender.held === 0) copiesWithoutLoans += 1
  }
  return { body: Buffer.concat(pieces).subarray(HEAD_BYTES), copiesWithoutLoans }
}

function assertNothingHeld(server: TestServer, lender: Lender, budget: MemoryBudget): void {
  assert.equal(lender.held, 0)
  assert.equal(budget.usedBytes, 0)
  assert.deepEqual(server.refused, [])
}

for (const limitMib of [64, 1] as const) {
  test(`a client that reads slowly gets every byte with ${limitMib} MiB for copies`, async (t) => {
    const lender = new Lender()
    const budget = new MemoryBudget(limitMib * MIB)
    const server = await startServer(t, async (exchange) => sendBlocks(exchange, lender), { budget })
    const client = await stalledClient(server)
    assert.ok(lender.held > 0)
    const { body, copiesWithoutLoans } = await readSlowly(server, client, lender, budget)
    assertBlocks(body)
    assert.equal(copiesWithoutLoans > 0, limitMib > 1)
    await until(() => server.server.stats().requestsInFlight === 0)
    assertNothingHeld(server, lender, budget)
  })
}

test('a client that was fast and becomes slow is lent less again', async (t) => {
  const lender = new Lender()
  const budget = new MemoryBudget(64 * MIB)
  const server = await startServer(t, async (exchange) => sendBlocks(exchange, lender), { budget })
  const client = await server.connect()
  for (const pace of ['fast', 'slow', 'slow', 'fast', 'slow'] as const) {
    client.send(GET)
    if (pace === 'fast') {
      assertBlocks((await client.bytes(HEAD_BYTES + BODY_MIB * MIB)).subarray(HEAD_BYTES))
    } else {
      client.socket.pause()
      await until(() => lender.held > 0)
      await turns(50)
      const { body, copiesWithoutLoans } = await readSlowly(server, client, lender, budget)
      assertBlocks(body)
      assert.ok(copiesWithoutLoans > 0)
      client.socket.resume()
    }
    await until(() => server.server.stats().requestsInFlight === 0)
    assertNothingHeld(server, lender, budget)
  }
})

test('clients that took nothing for two seconds are cut while loans are short, the longest stalled first, until they are not', async (t) => {
  const lender = new Lender()
  let heldMax = Infinity
  const budget = new MemoryBudget(MIB)
  const server = await startServer(t, async (exchange) => sendBlocks(exchange, lender), {
    budget,
    loansAreShort: () => lender.held > heldMax,
  })
  const first = await stalledClient(server)
  server.advance(0)
  server.advance(500)
  const second = await stalledClient(server)
  server.advance(0)
  const reader = await server.connect()
  server.advance(1499)
  heldMax = 1
  server.server.relieve()
  await turns(5)
  assert.deepEqual(server.refused, [], 'nobody stalled long enough')
  server.advance(1)
  await until(() => lender.held <= heldMax)
  assert.deepEqual(server.refused, ['stalled-reader'])
  first.socket.resume()
  await until(() => first.ended)
  assert.equal(second.ended, false)
  server.advance(499)
  await turns(5)
  assert.deepEqual(server.refused, ['stalled-reader'], 'there is room again')
  reader.send(GET)
  assertBlocks((await reader.response()).body)
  second.socket.resume()
  assertBlocks((await second.response()).body)
  assert.equal(lender.held, 0)
})

test('where nobody is stalled, those go first that have had the same lent bytes for ten seconds', async (t) => {
  const lender = new Lender()
  const server = await startServer(t, async (exchange) => sendBlocks(exchange, lender), {
    loansAreShort: () => lender.held > 0,
    limits: { stallTimeoutMs: Infinity },
  })
  await stalledClient(server)
  server.advance(0)
  for (let at = 2000; at < 10_000; at += 2000) {
    server.advance(2000)
    await turns(3)
    assert.deepEqual(server.refused, [])
  }
  server.advance(2000)
  await until(() => lender.held === 0)
  assert.deepEqual(server.refused, ['stalled-reader'])
})

test('without shortage nobody is cut below the minimum rate rule', async (t) => {
  const lender = new Lender()
  const server = await startServer(t, async (exchange) => sendBlocks(exchange, lender))
  const client = await stalledClient(server)
  for (let i = 0; i < 10; i += 1) server.advance(2500)
  assert.deepEqual(server.refused, [])
  client.socket.resume()
  assertBlocks((await client.response()).body)
  assert.equal(lender.held, 0)
})

test('when the budget is spent, a request body is read no faster than its handler takes it', async (t) => {
  const budget = new MemoryBudget(MIB)
  const gate = Promise.withResolvers<void>()
  let received = 0
  let bufferedMax = 0
  const server = await startServer(
    t,
    async (exchange) => {
      await gate.promise
      for (let bytes = await exchange.body.read(); bytes !== undefined; bytes = await exchange.body.read()) {
        received += bytes.length
        bufferedMax = Math.max(bufferedMax, budget.usedFor('request-body'))
      }
      exchange.respond({ status: 200, fields: '', length: 0 })
    },
    { budget },
  )
  budget.take('response', MIB)
  const client = await server.connect()
  client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
  client.send(new Uint8Array(8 * MIB))
  await until(() => budget.usedFor('request-body') > 0)
  await turns(50)
  // One read of the socket; without shortage it would be bodyBufferBytes.
  assert.ok(budget.usedFor('request-body') <= 64 * 1024)
  gate.resolve()
  assert.equal((await client.response()).status, 200)
  assert.equal(received, 8 * MIB)
  assert.ok(bufferedMax <= 64 * 1024)
  budget.give('response', MIB)
  assert.equal(budget.usedBytes, 0)
})

test('bytes of requests that wait for their turn count until they have had it', async (t) => {
  const budget = new MemoryBudget(MIB)
  const gate = Promise.withResolvers<void>()
  const server = await startServer(
    t,
    async (exchange) => {
      await gate.promise
      exchange.respond({ status: 200, fields: '', length: 0 })
    },
    { budget },
  )
  const client = await server.connect()
  client.send(GET.repeat(100))
  await until(() => budget.usedFor('pipeline') > 0)
  gate.resolve()
  for (let i = 0; i < 100; i += 1) await client.response()
  assert.equal(budget.usedBytes, 0)
})

test('a body that nobody reads counts until its exchange is over', async (t) => {
  const budget = new MemoryBudget(MIB)
  let counted = 0
  const server = await startServer(
    t,
    (exchange) => {
      counted = budget.usedFor('request-body')
      exchange.respond({ status: 200, fields: '', length: 0 })
    },
    { budget },
  )
  const client = await server.connect()
  client.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  assert.equal((await client.response()).status, 200)
  assert.equal(counted, 5)
  assert.equal(budget.usedBytes, 0)
})
