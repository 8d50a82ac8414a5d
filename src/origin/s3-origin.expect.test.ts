import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failsAs, FedBody, requestOf, startS3Origin, text } from '../../test/support/origin-requests.ts'
import { sourceOf } from '../base/byte-source.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const UPLOAD = { method: 'PUT', payload: { kind: 'unsigned' }, awaitsContinue: true } as const

test('an origin that refuses an upload is heard before any of the body was asked for, and the connection is not used again', async (t) => {
  const { fault, origin } = await startS3Origin(t, (request, reply) => {
    reply.answer(request.method === 'PUT' ? 403 : 200, {}, request.method === 'PUT' ? 'denied' : `for ${request.target}`)
  })
  const body = new FedBody()
  const refused = await origin.send(requestOf({ ...UPLOAD, body, bodyLength: 1000 }))
  assert.equal(`${refused.status} ${await text(refused.body)}`, '403 denied')
  assert.equal(fault.requests[0]?.headers.get('expect'), '100-continue')
  assert.equal(fault.requests[0]?.headers.get('content-length'), '1000')
  assert.equal(fault.requests[0]?.bodyBytes(), 0)
  assert.notEqual(body.cancelled, undefined)
  const next = await origin.send(requestOf({ ...UPLOAD, rawKey: 'next', body: sourceOf(Buffer.from('x')), bodyLength: 1 }))
  assert.equal(next.status, 403)
  await text(next.body)
  assert.deepEqual([fault.connections, fault.garbage], [2, []])
})

test('the body is sent when the origin asks for it, and the connection is kept', async (t) => {
  const { fault, origin } = await startS3Origin(t, async (request, reply) => {
    assert.equal(request.bodyBytes(), 0)
    reply.write(CONTINUE)
    const body = await request.body
    reply.answer(200, { etag: '"e"' }, body)
  })
  for (const rawKey of ['one', 'two']) {
    const body = sourceOf(Buffer.from('body of '), Buffer.from(rawKey))
    const answer = await origin.send(requestOf({ ...UPLOAD, rawKey, body, bodyLength: 8 + rawKey.length }))
    assert.equal(await text(answer.body), `body of ${rawKey}`)
  }
  assert.equal(fault.connections, 1)
})

for (const method of ['PUT', 'POST', 'DELETE', 'GET']) {
  test(`the body of a ${method} without a length is sent in chunks`, async (t) => {
    const { fault, origin } = await startS3Origin(t, async (request, reply) => {
      reply.write(CONTINUE)
      reply.answer(200, {}, await request.body)
    })
    for (let time = 1; time <= 2; time++) {
      const answer = await origin.send(requestOf({ ...UPLOAD, method, body: sourceOf(Buffer.from('abc')), bodyLength: undefined }))
      assert.equal(await text(answer.body), '3\r\nabc\r\n0\r\n\r\n')
    }
    assert.deepEqual([fault.connections, fault.garbage], [1, []])
  })
}

test('an origin that does not know the expectation gets the body unasked', async (t) => {
  const { origin } = await startS3Origin(t, async (request, reply) => reply.answer(200, {}, await request.body))
  const answer = await origin.send(requestOf({ ...UPLOAD, body: sourceOf(Buffer.from('unasked')), bodyLength: 7 }))
  assert.equal(await text(answer.body), 'unasked')
})

test('a body that fails after it was asked for ends the request before its last byte', async (t) => {
  const { fault, origin } = await startS3Origin(t, (_request, reply) => reply.write(CONTINUE))
  const body = new FedBody()
  body.feed(Buffer.alloc(100))
  const sent = origin.send(requestOf({ ...UPLOAD, body, bodyLength: 200 }))
  body.feed(new Error('chunk signature is wrong'))
  await assert.rejects(sent, failsAs('body'))
  assert.ok((fault.requests[0]?.bodyBytes() ?? 0) <= 100)
})

test('an origin that never answers, or breaks off, fails the request in time', async (t) => {
  const silent = await startS3Origin(t, () => undefined, { headTimeoutMs: 300 })
  await assert.rejects(silent.origin.send(requestOf({ ...UPLOAD, body: sourceOf(Buffer.from('x')), bodyLength: 1 })), failsAs('timeout'))
  const broken = await startS3Origin(t, (_request, reply) => reply.reset())
  await assert.rejects(broken.origin.send(requestOf({ ...UPLOAD, body: sourceOf(Buffer.from('x')), bodyLength: 1 })), failsAs('reset'))
  const half = await startS3Origin(t, (_request, reply) => {
    reply.begin(200, { 'content-length': 10 }, 'half')
    reply.end()
  })
  const answer = await half.origin.send(requestOf({ ...UPLOAD, body: sourceOf(Buffer.from('x')), bodyLength: 1 }))
  await assert.rejects(text(answer.body), failsAs('reset'))
})

test('a kept connection that the origin closes under the next upload costs nothing: it is sent again, whole and once', async (t) => {
  const { fault, origin } = await startS3Origin(t, async (request, reply) => {
    if (request.number === 2) return reply.reset()
    reply.write(CONTINUE)
    reply.answer(200, {}, await request.body)
  })
  for (const rawKey of ['one', 'two']) {
    const answer = await origin.send(requestOf({ ...UPLOAD, rawKey, body: sourceOf(Buffer.from(rawKey)), bodyLength: 3 }))
    assert.equal(await text(answer.body), rawKey)
  }
  assert.deepEqual(
    fault.requests.map(({ target, connection }) => `${target} ${connection}`),
    ['/bucket/one 1', '/bucket/two 1', '/bucket/two 2'],
  )
})

test('a request that nobody waits for any more is given up', async (t) => {
  const { origin } = await startS3Origin(t, () => undefined)
  const abort = new AbortController()
  const body = new FedBody()
  const sent = origin.send(requestOf({ ...UPLOAD, body, bodyLength: 10, signal: abort.signal }))
  abort.abort(new Error('client left'))
  await assert.rejects(sent, failsAs('aborted'))
})
