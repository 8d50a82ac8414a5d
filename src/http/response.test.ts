import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { ClientGone, type Exchange, type Loan, type ResponseStream } from './exchange.ts'
import { startServer } from './testing/test-server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const HEAD = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'
const MIB = 1024 * 1024

function filled(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i += 1) bytes[i] = (i * 31 + (i >> 12)) & 0xff
  return bytes
}

/** Bytes in memory that threads share, as the cache hands them out. */
function shared(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length))
  view.set(bytes)
  return view
}

/** Counts calls; each `released` may be called once. */
class Releases {
  made = 0
  called = 0

  next(): Loan {
    this.made += 1
    let done = false
    return {
      release: () => {
        assert.equal(done, false, 'released twice')
        done = true
        this.called += 1
      },
    }
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

for (const size of [0, 1, 4096, 16 * 1024, 16 * 1024 + 1, 100_000, 5 * MIB]) {
  test(`respond() sends ${size} bytes of shared memory and gives them back once`, async (t) => {
    const bytes = filled(size)
    const releases = new Releases()
    const finished = Promise.withResolvers<void>()
    const { connect } = await startServer(t, async (exchange) => {
      exchange.respond({ status: 200, fields: '', length: size }, shared(bytes), releases.next())
      assert.equal(exchange.started, true)
      await exchange.finished()
      assert.equal(exchange.bodyBytesSent, size)
      finished.resolve()
    })
    const client = await connect()
    client.send(GET)
    const response = await client.response()
    assert.ok(response.body.equals(bytes))
    await finished.promise
    await turns(2)
    assert.equal(releases.called, 1)
  })
}

test('stream() sends pieces of shared memory and gives each back once', async (t) => {
  const piece = filled(MIB)
  const releases = new Releases()
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 206, fields: 'Content-Range: bytes 0-1/2\r\n', length: 8 * MIB })
    for (let i = 0; i < 8; i += 1) {
      const full = stream.write(shared(piece), releases.next())
      if (full !== undefined) await full
    }
    await stream.end()
    await exchange.finished()
    assert.equal(exchange.bodyBytesSent, 8 * MIB)
  })
  const client = await connect()
  for (let round = 0; round < 2; round += 1) {
    client.send(GET)
    const response = await client.response()
    assert.equal(response.status, 206)
    for (let i = 0; i < 8; i += 1) assert.ok(response.body.subarray(i * MIB, (i + 1) * MIB).equals(piece))
  }
  await turns(2)
  assert.equal(releases.called, 16)
})

test('stream() of unknown length is chunked for HTTP/1.1 and until close for HTTP/1.0', async (t) => {
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 200, fields: '', length: undefined })
    for (const text of ['hello', '', ' world']) await stream.write(Buffer.from(text))
    await stream.end()
  })
  const client = await connect()
  client.send(GET + GET)
  for (let i = 0; i < 2; i += 1) {
    const response = await client.response()
    assert.equal(response.fields.get('transfer-encoding'), 'chunked')
    assert.equal(response.fields.get('content-length'), undefined)
    assert.equal(response.body.toString(), 'hello world')
  }
  const old = await connect()
  old.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  const response = await old.response()
  assert.equal(response.fields.get('connection'), 'close')
  assert.equal(response.fields.get('transfer-encoding'), undefined)
  assert.equal(response.body.toString(), 'hello world')
})

test('an empty stream of unknown length is a complete chunked response', async (t) => {
  const { connect } = await startServer(t, (exchange) => exchange.stream({ status: 200, fields: '', length: undefined }).end())
  const client = await connect()
  client.send(GET + GET)
  for (let i = 0; i < 2; i += 1) assert.equal((await client.response()).body.length, 0)
})

test('the head of a stream goes out before its first bytes are there', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 200, fields: '', length: 2 })
    await gate.promise
    await stream.write(Buffer.from('ok'))
    await stream.end()
  })
  const client = await connect()
  client.send(GET)
  const head = await client.bytes(1)
  assert.match(head.toString(), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n$/s)
  gate.resolve()
  assert.equal((await client.bytes(2)).toString(), 'ok')
})

test('HEAD, 304 and 204 have no body, whichever way the handler answers', async (t) => {
  const releases = new Releases()
  const { connect } = await startServer(t, async (exchange) => {
    const [, way, status, length] = exchange.head.target.split('/')
    const head = { status: Number(status), fields: 'ETag: "x"\r\n', length: length === undefined ? undefined : Number(length) }
    if (way === 'respond') exchange.respond(head, Buffer.from('body'), releases.next())
    else {
      const stream = exchange.stream(head)
      await stream.write(Buffer.from('body'), releases.next())
      await stream.end()
    }
    await exchange.finished()
    assert.equal(exchange.bodyBytesSent, 0)
  })
  const client = await connect()
  for (const way of ['respond', 'stream']) {
    for (const [method, target, length] of [
      ['HEAD', '200/5000', '5000'],
      ['HEAD', '200', undefined],
      ['GET', '304/77', '77'],
      ['GET', '304', undefined],
      ['DELETE', '204/0', undefined],
      ['HEAD', '404/0', '0'],
    ] as const) {
      client.send(`${method} /${way}/${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
      const response = await client.response(method)
      assert.equal(response.fields.get('content-length'), length, `${way} ${method} ${target}`)
      assert.equal(response.fields.get('transfer-encoding'), undefined)
    }
  }
  assert.equal(releases.called, releases.made)
})

test('a HEAD that announces a length by respond() without body is right', async (t) => {
  const { connect } = await startServer(t, (exchange) => exchange.respond({ status: 200, fields: '', length: 123 }))
  const client = await connect()
  client.send(HEAD)
  assert.equal((await client.response('HEAD')).fields.get('content-length'), '123')
})

test('respond() with another length than announced is an error of the handler and cuts the connection', async (t) => {
  const releases = new Releases()
  const { connect, errors } = await startServer(t, (exchange) =>
    exchange.respond({ status: 200, fields: '', length: 5 }, Buffer.from('four'), releases.next()),
  )
  const client = await connect()
  client.send(GET)
  assert.equal((await client.rest()).length, 0)
  assert.equal(errors.length, 1)
  assert.equal(releases.called, 1)
})

test('stream() with fewer bytes than announced cuts the socket and end() rejects', async (t) => {
  const seen = Promise.withResolvers<unknown>()
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 200, fields: '', length: 10 })
    await stream.write(Buffer.from('four'))
    await stream.end().catch((error: unknown) => seen.resolve(error))
    assert.equal(exchange.gone, true)
    await assert.rejects(exchange.finished(), ClientGone)
  })
  const client = await connect()
  client.send(GET + GET)
  await assert.rejects(client.response())
  assert.ok((await seen.promise) instanceof ClientGone)
})

test('stream() with more bytes than announced cuts the socket before they are sent', async (t) => {
  const releases = new Releases()
  const seen = Promise.withResolvers<unknown>()
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 200, fields: '', length: 4 })
    await stream.write(Buffer.from('four'), releases.next())
    await stream.write(Buffer.from('GET / HTTP/1.1'), releases.next())?.catch((error: unknown) => seen.resolve(error))
  })
  const client = await connect()
  client.send(GET)
  assert.doesNotMatch((await client.rest()).toString(), /fourGET/)
  assert.ok((await seen.promise) instanceof ClientGone)
  await turns(2)
  assert.equal(releases.called, 2)
})

test('a cut response that runs until close ends in a reset, not in an end', async (t) => {
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 200, fields: '', length: undefined })
    await stream.write(Buffer.from('half'))
    exchange.cut('origin broke')
  })
  const client = await connect()
  const failure = once(client.socket, 'error')
  client.send('GET / HTTP/1.0\r\n\r\n')
  const [error] = (await failure) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
})

test('a client that does not read makes write() say wait, and nothing more is buffered', async (t) => {
  const releases = new Releases()
  let written = 0
  const blocked = Promise.withResolvers<void>()
  const { connect } = await startServer(t, async (exchange) => {
    const stream = exchange.stream({ status: 200, fields: '', length: 64 * MIB })
    for (let i = 0; i < 64; i += 1) {
      const full = stream.write(shared(new Uint8Array(MIB)), releases.next())
      written += 1
      if (full === undefined) continue
      blocked.resolve()
      await full
    }
    await stream.end()
  })
  const client = await connect()
  client.socket.pause()
  client.send(GET)
  await blocked.promise
  await turns(100)
  assert.ok(written < 48, `${written} MiB were written to a client that does not read`)
  assert.ok(releases.made - releases.called <= 2)
  client.socket.resume()
  assert.equal((await client.response()).body.length, 64 * MIB)
  await turns(2)
  assert.equal(releases.called, 64)
})

test('a client that leaves during a stream: write, end and finished reject, onGone is called once, all bytes come back', async (t) => {
  const releases = new Releases()
  let goneCalls = 0
  const done = Promise.withResolvers<Exchange>()
  const { connect, server } = await startServer(t, async (exchange) => {
    exchange.onGone(() => {
      goneCalls += 1
    })
    const remove = exchange.onGone(() => assert.fail('a removed listener was called'))
    remove()
    const stream = exchange.stream({ status: 200, fields: '', length: 256 * MIB })
    await assert.rejects(writeMany(stream, releases), ClientGone)
    await assert.rejects(stream.end(), ClientGone)
    await assert.rejects(exchange.finished(), ClientGone)
    const late = new Releases()
    await assert.rejects(stream.write(new Uint8Array(1), late.next()) ?? Promise.resolve(), ClientGone)
    assert.equal(late.called, 1)
    exchange.onGone(() => done.resolve(exchange))
  })
  const client = await connect()
  client.send(GET)
  await client.bytes(100_000)
  client.destroy()
  const exchange = await done.promise
  assert.equal(exchange.gone, true)
  assert.equal(goneCalls, 1)
  while (server.stats().connections > 0) await turns(1)
  assert.equal(releases.called, releases.made)
  assert.equal(server.stats().requestsInFlight, 0)
})

async function writeMany(stream: ResponseStream, releases: Releases): Promise<void> {
  for (let i = 0; i < 256; i += 1) await stream.write(shared(new Uint8Array(MIB)), releases.next())
}

test('a response to a client that is gone already gives its bytes back and sends nothing', async (t) => {
  const releases = new Releases()
  const done = Promise.withResolvers<void>()
  const { connect } = await startServer(t, (exchange) => {
    exchange.onGone(() => {
      exchange.respond({ status: 200, fields: '', length: 4 }, Buffer.from('body'), releases.next())
      const stream = exchange.stream({ status: 200, fields: '', length: 4 })
      assert.ok(stream.write(Buffer.from('body'), releases.next()) instanceof Promise)
      done.resolve()
    })
  })
  const client = await connect()
  await client.sent(GET)
  client.socket.resetAndDestroy()
  await done.promise
  assert.equal(releases.called, 2)
})

test('onGone() is not called when the response is complete', async (t) => {
  const { connect, server } = await startServer(t, async (exchange) => {
    exchange.onGone(() => assert.fail('called'))
    exchange.respond({ status: 200, fields: '', length: 0 })
    await exchange.finished()
  })
  const client = await connect()
  client.send(GET)
  await client.response()
  client.destroy()
  while (server.stats().connections > 0) await turns(1)
})

test('small responses that the kernel does not take at once are not mixed up', async (t) => {
  // 16 KiB a response, thousands of them pipelined to a client that does not read: the shared scratch must be let go.
  const { connect } = await startServer(t, (exchange) => {
    const number = Number(exchange.head.target.slice(1))
    exchange.respond({ status: 200, fields: '', length: 16_000 }, new Uint8Array(16_000).fill(number & 0xff))
  })
  const client = await connect()
  client.socket.pause()
  let requests = ''
  for (let i = 0; i < 2000; i += 1) requests += `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`
  client.send(requests)
  await turns(50)
  const other = await connect()
  other.send('GET /7 HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.ok((await other.response()).body.equals(Buffer.alloc(16_000, 7)))
  client.socket.resume()
  for (let i = 0; i < 2000; i += 1) assert.ok((await client.response()).body.equals(Buffer.alloc(16_000, i & 0xff)), `response ${i}`)
})

test('an exchange has one response', async (t) => {
  const { connect, errors } = await startServer(t, (exchange) => {
    exchange.stream({ status: 200, fields: '', length: 4 })
    exchange.respond({ status: 200, fields: '', length: 0 })
  })
  const client = await connect()
  client.send(GET)
  await assert.rejects(client.response())
  assert.match(String(errors[0]), /an exchange has one response/)
})
