import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { ClientGone, type Exchange, type ExchangeHandler } from './exchange.ts'
import { startServer } from './testing/test-server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Answers with method, target and body of the request. */
const echo: ExchangeHandler = async (exchange) => {
  const parts: Uint8Array[] = []
  for (let part = await exchange.body.read(); part !== undefined; part = await exchange.body.read()) parts.push(part)
  const text = `${exchange.head.method} ${exchange.head.target} ${Buffer.concat(parts).toString('latin1')}`
  respondText(exchange, text)
}

function respondText(exchange: Exchange, text: string): void {
  exchange.respond({ status: 200, fields: 'Content-Type: text/plain\r\n', length: undefined }, Buffer.from(text, 'latin1'))
}

function post(target: string, body: string): string {
  return `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

test('a response has Date, Content-Length and the fields of the handler', async (t) => {
  const { connect } = await startServer(t, (exchange) => respondText(exchange, 'hi'))
  const client = await connect()
  client.send(GET)
  const response = await client.response()
  assert.equal(response.status, 200)
  assert.equal(response.body.toString(), 'hi')
  assert.deepEqual(
    [...response.fields],
    [
      ['date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
      ['content-type', 'text/plain'],
      ['content-length', '2'],
    ],
  )
})

test('a connection serves many requests, also when they come byte by byte', async (t) => {
  const { connect, server } = await startServer(t, echo)
  const client = await connect()
  for (const body of ['one', 'two']) {
    for (const byte of Buffer.from(post('/x', body))) await client.sent(Buffer.of(byte))
    assert.equal((await client.response()).body.toString(), `POST /x ${body}`)
  }
  assert.equal(server.stats().requestsTotal, 2)
  assert.equal(server.stats().connectionsTotal, 1)
})

test('pipelined requests are answered in their order, one at a time', async (t) => {
  let running = 0
  const { connect } = await startServer(t, async (exchange) => {
    running += 1
    assert.equal(running, 1)
    await exchange.body.read()
    await new Promise((resolve) => setImmediate(resolve))
    running -= 1
    respondText(exchange, exchange.head.target)
  })
  const client = await connect()
  let sent = ''
  for (let i = 0; i < 200; i += 1) sent += i % 2 === 0 ? `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n` : post(`/${i}`, 'body')
  client.send(sent)
  for (let i = 0; i < 200; i += 1) assert.equal((await client.response()).body.toString(), `/${i}`)
})

test('a deep pipeline is not read on while its first request is served', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { connect, server } = await startServer(t, async (exchange) => {
    await gate.promise
    respondText(exchange, exchange.head.target)
  })
  const client = await connect()
  const request = `GET /${'k'.repeat(8000)} HTTP/1.1\r\nHost: a\r\n\r\n`
  const count = 4000
  let taken = false
  const all = client.sent(request.repeat(count)).then(() => (taken = true))
  while (server.stats().requestsInFlight === 0) await new Promise((resolve) => setImmediate(resolve))
  for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(taken, false)
  gate.resolve()
  for (let i = 0; i < count; i += 1) assert.equal((await client.response()).status, 200)
  await all
})

test('chunked bodies come without their framing, trailers behind them', async (t) => {
  const { connect } = await startServer(t, async (exchange) => {
    let size = 0
    for (let part = await exchange.body.read(); part !== undefined; part = await exchange.body.read()) size += part.length
    respondText(exchange, `${exchange.body.length} ${size} ${exchange.body.trailers().join('=')}`)
  })
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (let i = 0; i < 300; i += 1) client.send('1\r\nx\r\n')
  client.send('0\r\nX-Amz-Checksum-Crc32: AA==\r\n\r\n')
  assert.equal((await client.response()).body.toString(), 'undefined 300 x-amz-checksum-crc32=AA==')
  client.send(GET)
  assert.equal((await client.response()).status, 200)
})

test('100 Continue is sent when the handler first reads, and once', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { connect } = await startServer(t, async (exchange) => {
    await gate.promise
    await echo(exchange)
  })
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  gate.resolve()
  assert.equal((await client.response()).status, 100)
  client.send('bo')
  client.send('dy')
  assert.equal((await client.response()).body.toString(), 'PUT /k body')
})

test('no 100 Continue goes to a client that did not wait for it, nor for an unknown expectation', async (t) => {
  const { connect } = await startServer(t, echo)
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody')
  assert.equal((await client.response()).status, 200)
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 4\r\n\r\n')
  client.send('body')
  assert.equal((await client.response()).status, 200)
})

test('an answer instead of 100 Continue ends the connection, because the body may or may not follow', async (t) => {
  const { connect } = await startServer(t, (exchange) => exchange.respond({ status: 403, fields: '', length: 0 }))
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  const response = await client.response()
  assert.equal(response.status, 403)
  assert.equal(response.fields.get('connection'), 'close')
  assert.equal((await client.rest()).length, 0)
})

test('a small body that nobody reads is swallowed and the connection goes on', async (t) => {
  const { connect } = await startServer(t, (exchange) => exchange.respond({ status: 403, fields: '', length: 0 }))
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n')
  assert.equal((await client.response()).fields.get('connection'), undefined)
  client.send('x'.repeat(60_000) + GET)
  assert.equal((await client.response()).status, 403)
})

test('a large body that nobody reads ends the connection, and the client can still read the answer', async (t) => {
  const { connect, server } = await startServer(t, (exchange) =>
    exchange.respond({ status: 403, fields: '', length: 6 }, Buffer.from('denied')),
  )
  const client = await connect({ allowHalfOpen: true })
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n')
  // A client that looks at the answer only when it has sent everything.
  await client.sent(Buffer.alloc(10_000_000))
  const response = await client.response()
  assert.equal(response.status, 403)
  assert.equal(response.fields.get('connection'), 'close')
  assert.equal(response.body.toString(), 'denied')
  client.socket.end()
  await once(client.socket, 'close')
  while (server.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('a client that sends without end after the last response is cut', async (t) => {
  const { connect, server } = await startServer(t, (exchange) => exchange.respond({ status: 403, fields: '', length: 0 }), {
    limits: { lingerBytes: 1_000_000 },
  })
  const client = await connect({ allowHalfOpen: true })
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  assert.equal((await client.response()).status, 403)
  client.send(Buffer.alloc(8_000_000))
  while (server.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('an upload is read no faster than the handler reads it', async (t) => {
  const gate = Promise.withResolvers<void>()
  let total = 0
  const { connect } = await startServer(t, async (exchange) => {
    total += (await exchange.body.read())?.length ?? 0
    await gate.promise
    for (let part = await exchange.body.read(); part !== undefined; part = await exchange.body.read()) total += part.length
    respondText(exchange, 'done')
  })
  const client = await connect()
  const size = 64 * 1024 * 1024
  client.send(`PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: ${size + 1}\r\n\r\nx`)
  let taken = false
  const all = client.sent(Buffer.alloc(size)).then(() => (taken = true))
  for (let i = 0; i < 200; i += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(taken, false)
  gate.resolve()
  assert.equal((await client.response()).body.toString(), 'done')
  await all
  assert.equal(total, size + 1)
})

test('HTTP/1.0 gets its answer and the end of the connection, or keep-alive where asked for', async (t) => {
  const { connect } = await startServer(t, echo)
  const closing = await connect()
  closing.send('GET /a HTTP/1.0\r\n\r\n')
  const response = await closing.response()
  assert.equal(response.fields.get('connection'), 'close')
  assert.equal((await closing.rest()).length, 0)
  const keeping = await connect()
  keeping.send('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  assert.equal((await keeping.response()).fields.get('connection'), 'keep-alive')
  keeping.send(GET)
  assert.equal((await keeping.response()).status, 200)
})

test('Connection: close ends the connection after the answer, and later requests are not served', async (t) => {
  const { connect, server } = await startServer(t, echo)
  const client = await connect()
  client.send(`GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${GET}`)
  assert.equal((await client.response()).fields.get('connection'), 'close')
  assert.equal((await client.rest()).length, 0)
  assert.equal(server.stats().requestsTotal, 1)
})

test('a malformed request gets 400 and the end of the connection, and no handler sees it', async (t) => {
  const { connect, server, refused } = await startServer(t, echo, {
    renderError: (status, text, reason) => ({
      fields: 'Content-Type: application/xml\r\n',
      body: Buffer.from(`<E>${status} ${reason} ${text}</E>`),
    }),
  })
  const client = await connect()
  client.send(`${post('/ok', 'x')}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`)
  assert.equal((await client.response()).status, 200)
  const response = await client.response()
  assert.equal(response.status, 400)
  assert.equal(response.fields.get('connection'), 'close')
  assert.equal(response.fields.get('content-type'), 'application/xml')
  assert.equal(response.body.toString(), '<E>400 conflicting-framing Content-Length and Transfer-Encoding exclude each other</E>')
  assert.equal((await client.rest()).length, 0)
  assert.deepEqual(refused, ['conflicting-framing'])
  assert.equal(server.stats().requestsTotal, 1)
  assert.equal(server.stats().refusalsTotal, 1)
})

test('refusals have the status that fits, in plain text by default', async (t) => {
  const { connect } = await startServer(t, echo, { limits: { headBytes: 1000 } })
  const cases: [string, number][] = [
    ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    [`GET /${'k'.repeat(2000)} HTTP/1.1\r\n`, 414],
    [`GET / HTTP/1.1\r\nX: ${'k'.repeat(2000)}\r\n`, 431],
    ['GET / HTTP/1.1\n\n', 400],
  ]
  for (const [bytes, status] of cases) {
    const client = await connect()
    client.send(bytes)
    const response = await client.response()
    assert.equal(response.status, status)
    assert.equal(response.fields.get('content-type'), 'text/plain; charset=utf-8')
    assert.ok(response.body.length > 10)
    assert.equal((await client.rest()).length, 0)
  }
})

test('a chunked body that goes wrong in the first packet never reaches the handler', async (t) => {
  const { connect, server, refused } = await startServer(t, () => assert.fail('the handler was called'))
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello')
  assert.equal((await client.response()).status, 400)
  assert.equal((await client.rest()).length, 0)
  assert.deepEqual(refused, ['bad-chunk'])
  assert.equal(server.stats().requestsInFlight, 0)
})

test('a chunked body that goes wrong later gets 400, and the handler learns that its client is gone', async (t) => {
  const begun = Promise.withResolvers<void>()
  const seen = Promise.withResolvers<unknown>()
  const { connect } = await startServer(t, async (exchange) => {
    await exchange.body.read()
    begun.resolve()
    try {
      await exchange.body.read()
    } catch (error) {
      seen.resolve(error)
      assert.equal(exchange.gone, true)
      respondText(exchange, 'nobody reads this')
      await assert.rejects(exchange.finished(), ClientGone)
    }
  })
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await begun.promise
  await client.sent('zz\r\n')
  assert.equal((await client.response()).status, 400)
  assert.ok((await seen.promise) instanceof ClientGone)
  assert.equal((await client.rest()).length, 0)
})

test('a client that leaves in the middle of its body is gone', async (t) => {
  const seen = Promise.withResolvers<unknown>()
  const { connect } = await startServer(t, async (exchange) => {
    await exchange.body.read()
    await exchange.body.read().catch((error: unknown) => seen.resolve(error))
  })
  const client = await connect()
  await client.sent('PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
  client.socket.end()
  assert.ok((await seen.promise) instanceof ClientGone)
  assert.equal((await client.rest()).length, 0)
})

test('a client that closes its sending side at once still gets all its answers', async (t) => {
  const { connect } = await startServer(t, async (exchange) => {
    await new Promise((resolve) => setImmediate(resolve))
    respondText(exchange, exchange.head.target)
  })
  const client = await connect({ allowHalfOpen: true })
  client.socket.end('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.response()).body.toString(), '/1')
  assert.equal((await client.response()).body.toString(), '/2')
  assert.equal((await client.rest()).length, 0)
})

test('a handler that throws, rejects or does not respond cuts the connection', async (t) => {
  const { connect, errors, server } = await startServer(t, (exchange) => {
    if (exchange.head.target === '/throw') throw new Error('thrown')
    if (exchange.head.target === '/reject') return Promise.reject(new Error('rejected'))
    return Promise.resolve()
  })
  for (const target of ['/throw', '/reject', '/nothing']) {
    const client = await connect()
    client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal((await client.rest()).length, 0)
  }
  assert.deepEqual(
    errors.map((error) => (error as Error).message),
    ['thrown', 'rejected'],
  )
  assert.equal(server.stats().requestsInFlight, 0)
})

test('a cancelled body is not read on and the answer still goes out', async (t) => {
  const { connect } = await startServer(t, async (exchange) => {
    await exchange.body.read()
    exchange.body.cancel(new Error('enough'))
    await assert.rejects(exchange.body.read(), /enough/)
    exchange.respond({ status: 400, fields: '', length: 0 })
  })
  const client = await connect({ allowHalfOpen: true })
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello')
  await client.sent(Buffer.alloc(999_995))
  const response = await client.response()
  assert.equal(response.status, 400)
})

test('a body that is read on after the response does not end as if it were whole', async (t) => {
  const seen = Promise.withResolvers<unknown>()
  const { connect } = await startServer(t, async (exchange) => {
    const reading = exchange.body.read()
    exchange.respond({ status: 403, fields: '', length: 0 })
    await reading.catch((error: unknown) => seen.resolve(error))
    await assert.rejects(exchange.body.read(), /the response is complete/)
  })
  const client = await connect()
  client.send('PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n')
  assert.equal((await client.response()).status, 403)
  assert.match(String(await seen.promise), /the response is complete/)
  client.send(`body${GET}`)
  assert.equal((await client.response()).status, 403)
})

test('what a listener or renderError throws is told and harms nobody else', async (t) => {
  const { connect, errors } = await startServer(
    t,
    (exchange) => {
      exchange.onGone(() => {
        throw new Error('listener')
      })
      if (exchange.head.target === '/') exchange.respond({ status: 200, fields: '', length: 0 })
      else exchange.cut('test')
    },
    {
      renderError: () => {
        throw new Error('renderer')
      },
    },
  )
  const cut = await connect()
  cut.send('GET /cut HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await cut.rest()).length, 0)
  const refused = await connect()
  refused.send('nonsense\r\n\r\n')
  assert.equal((await refused.response()).status, 400)
  const client = await connect()
  client.send(GET)
  assert.equal((await client.response()).status, 200)
  assert.deepEqual(
    errors.map((error) => (error as Error).message),
    ['listener', 'renderer'],
  )
})
