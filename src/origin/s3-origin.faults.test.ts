import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Barrier, FaultOrigin } from '../../test/support/fault-origin.ts'
import { configOf, failsAs, FedBody, requestOf, startS3Origin, text } from '../../test/support/origin-requests.ts'
import { sourceOf } from '../base/byte-source.ts'
import { systemClock } from '../base/clock.ts'
import { OriginFailure } from './origin.ts'
import { S3Origin } from './s3-origin.ts'

test('S3Origin gives the next request its own answer after an early answer to an upload', async (context) => {
  const { fault, origin } = await startS3Origin(context, (request, reply) =>
    request.method === 'PUT' ? reply.answer(403, {}, 'denied early') : reply.answer(200, {}, `for ${request.target}`),
  )
  const body = new FedBody()
  body.feed(Buffer.from('GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'))
  const early = await origin.send(requestOf({ method: 'PUT', payload: { kind: 'unsigned' }, body, bodyLength: 1000 }))
  assert.equal(early.status, 403)
  assert.equal(await text(early.body), 'denied early')
  assert.notEqual(body.cancelled, undefined)
  body.feed(Buffer.from('GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'))
  assert.equal(await text((await origin.send(requestOf({ rawKey: 'next' }))).body), 'for /bucket/next')
  assert.equal(fault.connections, 2)
  assert.deepEqual(fault.garbage, [])
  assert.deepEqual(
    fault.requests.map((request) => request.target),
    ['/bucket/key', '/bucket/next'],
  )
})

test('S3Origin destroys an upload whose body fails, before its last byte', async (context) => {
  const { fault, origin } = await startS3Origin(context, () => undefined)
  const body = new FedBody()
  body.feed(Buffer.alloc(100))
  const sent = origin.send(requestOf({ method: 'PUT', payload: { kind: 'unsigned' }, body, bodyLength: 200 }))
  body.feed(new Error('chunk signature is wrong'))
  await assert.rejects(sent, (error) => {
    assert.equal((error as Error & { cause: Error }).cause.message, 'chunk signature is wrong')
    return failsAs('body')(error)
  })
  const after = await origin.send(requestOf({ signal: AbortSignal.timeout(1) })).catch((error: unknown) => error)
  assert.ok(after instanceof OriginFailure)
  assert.ok((fault.requests[0]?.bodyBytes() ?? 0) <= 100)
})

for (const { name, pieces } of [
  { name: 'shorter', pieces: ['12345'] },
  { name: 'longer', pieces: ['12345', '67890', '1'] },
]) {
  test(`S3Origin refuses a request body that is ${name} than announced`, async (context) => {
    const { fault, origin } = await startS3Origin(context, async (request, reply) => {
      await request.body
      reply.answer(200)
    })
    const body = sourceOf(...pieces.map((piece) => Buffer.from(piece)))
    const bodyLength = name === 'shorter' ? 10 : 7
    await assert.rejects(origin.send(requestOf({ method: 'PUT', payload: { kind: 'unsigned' }, body, bodyLength })), failsAs('body'))
    assert.ok((fault.requests[0]?.bodyBytes() ?? 0) < bodyLength)
  })
}

test('S3Origin rejects the body of an answer that ends early', async (context) => {
  const { origin } = await startS3Origin(context, (_request, reply) => {
    reply.begin(200, { 'content-length': 100 }, 'only this')
    reply.end()
  })
  const response = await origin.send(requestOf())
  assert.equal(response.body.length, 100)
  await assert.rejects(text(response.body), failsAs('reset'))
})

test('S3Origin rejects the body of a chunked answer that ends early', async (context) => {
  const { origin } = await startS3Origin(context, (_request, reply) => {
    reply.begin(200, { 'transfer-encoding': 'chunked' }, '4\r\nonly\r\n')
    reply.end()
  })
  const response = await origin.send(requestOf())
  assert.equal(response.body.length, undefined)
  await assert.rejects(text(response.body), failsAs('reset'))
})

test('S3Origin calls an answer that is not HTTP a protocol failure', async (context) => {
  const { origin } = await startS3Origin(context, (_request, reply) => {
    reply.write('SSH-2.0-OpenSSH_9.2\r\n\r\n')
  })
  await assert.rejects(origin.send(requestOf()), failsAs('protocol'))
})

test('S3Origin repeats a GET once when its kept-alive connection was reset before an answer', async (context) => {
  let resets = 0
  const { fault, origin } = await startS3Origin(context, (request, reply) => {
    if (request.target === '/bucket/flaky' && resets++ === 0) reply.reset()
    else reply.answer(200, {}, 'ok')
  })
  assert.equal(await text((await origin.send(requestOf())).body), 'ok')
  assert.equal(await text((await origin.send(requestOf({ rawKey: 'flaky' }))).body), 'ok')
  assert.equal(fault.requests.length, 3)
})

test('S3Origin repeats neither what was answered in part nor what is not idempotent nor more than once', async (context) => {
  const { fault, origin } = await startS3Origin(context, (request, reply) => {
    if (request.target === '/bucket/half') reply.write('HTTP/1.1 200 ')
    reply.reset()
  })
  await assert.rejects(origin.send(requestOf()), failsAs('reset'))
  assert.equal(fault.requests.length, 2)
  await assert.rejects(origin.send(requestOf({ method: 'DELETE' })), failsAs('reset'))
  assert.equal(fault.requests.length, 3)
  await assert.rejects(
    origin.send(requestOf({ method: 'PUT', payload: { kind: 'unsigned' }, body: sourceOf(Buffer.from('x')), bodyLength: 1 })),
    failsAs('reset'),
  )
  assert.equal(fault.requests.length, 4)
})

test('S3Origin reports an origin that is not there as unreachable', async () => {
  const fault = new FaultOrigin()
  const url = await fault.start()
  await fault.stop()
  const origin = new S3Origin(configOf(url), { clock: systemClock })
  await assert.rejects(origin.send(requestOf()), failsAs('unreachable'))
  await origin.close()
})

test('S3Origin times out while it waits for an answer, for the rest of a body, and for a connection', async (context) => {
  const { origin } = await startS3Origin(
    context,
    (request, reply) => {
      if (request.target === '/bucket/half') reply.begin(200, { 'content-length': 10 }, 'half')
    },
    { headTimeoutMs: 300, bodyTimeoutMs: 300, connectTimeoutMs: 100 },
  )
  await assert.rejects(origin.send(requestOf()), failsAs('timeout'))
  const half = await origin.send(requestOf({ rawKey: 'half' }))
  const queued = assert.rejects(origin.send(requestOf({ rawKey: 'queued' })), failsAs('timeout'))
  await Promise.all([assert.rejects(text(half.body), failsAs('timeout')), queued])
})

test('S3Origin lets go of a request whose signal fires, before and after the answer began', async (context) => {
  const begun = new Barrier()
  const { fault, origin } = await startS3Origin(context, (request, reply) => {
    if (request.target === '/bucket/half') reply.begin(200, { 'content-length': 10 }, 'half')
    begun.open()
  })
  const first = new AbortController()
  const sent = origin.send(requestOf({ signal: first.signal }))
  await begun.opened
  first.abort(new Error('client left'))
  await assert.rejects(sent, failsAs('aborted'))
  const second = new AbortController()
  const half = await origin.send(requestOf({ rawKey: 'half', signal: second.signal }))
  assert.equal(Buffer.from((await half.body.read()) ?? []).toString(), 'half')
  const rest = half.body.read()
  second.abort(new Error('client left'))
  await assert.rejects(rest, failsAs('aborted'))
  await assert.rejects(origin.send(requestOf({ signal: second.signal })), failsAs('aborted'))
  assert.equal(fault.requests.length, 2)
})

test('S3Origin keeps no more than a bounded part of a body that nobody reads', async (context) => {
  const chunk = Buffer.alloc(256 * 1024, 7)
  const total = 64
  let written = 0
  const { origin } = await startS3Origin(context, async (_request, reply) => {
    reply.begin(200, { 'content-length': chunk.length * total })
    for (; written < total; written++) reply.write(chunk)
  })
  const before = process.memoryUsage().arrayBuffers
  const response = await origin.send(requestOf())
  const first = await response.body.read()
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
  // The peer shares this process: what it has queued is the same buffer again and again.
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024)
  let received = first?.length ?? 0
  for (let piece = await response.body.read(); piece !== undefined; piece = await response.body.read()) received += piece.length
  assert.equal(received, chunk.length * total)
})

test('S3Origin goes on with another connection when a body is cancelled', async (context) => {
  const { fault, origin } = await startS3Origin(context, (request, reply) =>
    request.target === '/bucket/long' ? reply.begin(200, { 'content-length': 1_000_000 }, 'x'.repeat(1000)) : reply.answer(200, {}, 'fine'),
  )
  const long = await origin.send(requestOf({ rawKey: 'long' }))
  long.body.cancel(new Error('not wanted'))
  long.body.cancel(new Error('twice'))
  assert.equal(await text((await origin.send(requestOf())).body), 'fine')
  assert.equal(fault.connections, 2)
})

test('S3Origin refuses more waiting requests than its connections can ever serve', async (context) => {
  const begun = new Barrier()
  const { origin } = await startS3Origin(context, () => begun.open(), { headTimeoutMs: 60_000 })
  const abort = new AbortController()
  const send = (): Promise<unknown> => origin.send(requestOf({ signal: abort.signal })).catch((error: unknown) => error)
  const first = send()
  await begun.opened
  const waiting = [first, ...Array.from({ length: 32 }, send)]
  await assert.rejects(origin.send(requestOf()), failsAs('unreachable'))
  abort.abort(new Error('enough'))
  for (const failure of await Promise.all(waiting)) failsAs('aborted')(failure)
})
