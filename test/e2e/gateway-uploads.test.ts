import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { headerValue } from '../../src/base/header-list.ts'
import type { ClientConfig } from '../../src/config/config.ts'
import { RawClient } from '../../src/http/testing/raw-client.ts'
import { OriginFailure, type OriginRequest } from '../../src/origin/origin.ts'
import { crc32c } from '../../src/s3/crc32c.ts'
import { signStreamingRequest } from '../../src/s3/sigv4/sign.ts'
import { signedChunks, unsignedChunks } from '../support/aws-chunked.ts'
import { errorReply, FunctionOrigin, Gate, reply } from '../support/function-origin.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { assertSameBytes, errorCode, patterned, REGION, S3Client, sha256, type Answer } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const PATH = '/bucket/key'
const ALICE = { accessKeyId: 'AKALICE', secretAccessKey: 'secret of alice' }
const CLIENT: ClientConfig = {
  ...ALICE,
  sessionToken: undefined,
  grants: [{ bucket: '*', prefix: '', actions: ['read', 'write', 'delete'] }],
}

/** A request as the origin got it, its body read to the end. */
interface Received {
  readonly request: OriginRequest
  readonly body: Buffer
  readonly trailers: readonly string[]
}

interface Scene {
  readonly proxy: InProcessProxy
  readonly origin: FunctionOrigin
  readonly client: S3Client
  readonly received: Received[]
  /** What reading a body failed with. */
  readonly failures: unknown[]
}

/** An origin that reads bodies as an adapter does: a body that fails fails the request. */
async function scene(t: TestContext): Promise<Scene> {
  const received: Received[] = []
  const failures: unknown[] = []
  const origin = new FunctionOrigin(async (request) => {
    const chunks: Uint8Array[] = []
    try {
      for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) chunks.push(chunk)
    } catch (cause) {
      failures.push(cause)
      throw new OriginFailure('body', 'the body failed', { cause })
    }
    const trailers = request.payload.kind === 'trailer' ? request.payload.fields() : []
    received.push({ request, body: Buffer.concat(chunks), trailers })
    return reply(200, { etag: '"e"', 'x-amz-request-id': 'ORIGIN' })
  })
  const proxy = await proxyFor(t, { origin, anonymous: false, clients: [CLIENT] })
  return { proxy, origin, client: new S3Client(proxy, ALICE), received, failures }
}

function portOf(proxy: InProcessProxy): number {
  return Number(new URL(proxy.endpoint).port)
}

for (const size of [0, 1, 100_000, 3 * MIB]) {
  test(`a body of ${size} bytes with its hash reaches the origin whole, with the hash that the client signed`, async (t) => {
    const { client, received, proxy } = await scene(t)
    const body = patterned(size)
    const answer = await client.put(PATH, body, { 'content-type': 'text/plain', 'x-amz-meta-a': 'gr\xfcn', 'if-none-match': '*' })
    assert.equal(answer.status, 200)
    assert.equal(answer.fields.get('etag'), '"e"')
    assert.equal(answer.fields.get('x-amz-request-id'), 'ORIGIN')
    assert.match(answer.fields.get('cache-status') ?? '', /^hotbucket; fwd=method; fwd-status=200/)
    const [got] = received
    assertSameBytes(got?.body ?? Buffer.alloc(0), body)
    assert.deepEqual(got?.request.payload, { kind: 'sha256', hex: sha256(body) })
    assert.equal(got?.request.bodyLength, size)
    assert.equal(headerValue(got?.request.headers ?? [], 'x-amz-meta-a'), 'gr\xfcn')
    assert.equal(headerValue(got?.request.headers ?? [], 'if-none-match'), '*', 'the origin decides conditional writes')
    const record = await proxy.takeRecord()
    assert.equal(`${record.outcome} ${record.operation} ${record.bytesReceived}`, `write PutObject ${size}`)
  })
}

test('a body without a hash goes up unsigned, by header and by presigned URL, whose parameters stay where they are', async (t) => {
  const { client, received, proxy } = await scene(t)
  const ask = { method: 'PUT', path: PATH, body: 'body', fields: { 'content-length': '4' } }
  const signed = client.signature(ask, 'UNSIGNED-PAYLOAD')
  const anonymous = new S3Client(proxy)
  assert.equal((await anonymous.ask({ ...ask, fields: { ...ask.fields, ...signed } })).status, 200)
  const url = client.presign({ method: 'PUT', path: `${PATH}?x-amz-acl=private&x-id=PutObject&x-amz-meta-a=1%202` })
  assert.equal((await anonymous.ask({ ...ask, path: url })).status, 200)
  for (const { request, body } of received) {
    assert.deepEqual(request.payload, { kind: 'unsigned' })
    assert.equal(body.toString(), 'body')
    assert.equal(request.headers.includes('authorization'), false)
  }
  const presigned = received[1]?.request
  assert.equal(presigned?.presigned, true)
  assert.equal(presigned.rawQuery, 'x-amz-acl=private&x-id=PutObject&x-amz-meta-a=1%202')
  assert.equal(headerValue(presigned.headers, 'x-amz-acl'), undefined)
})

/** Sends an aws-chunked body whose framing `frame` makes from the seed. */
async function chunked(
  to: Scene,
  options: {
    readonly literal: string
    readonly decodedLength: number | undefined
    readonly trailer?: string
    readonly frame: (seed: ReturnType<typeof signStreamingRequest>['seed']) => Buffer
  },
): Promise<Answer> {
  const fields: Record<string, string> = { 'content-encoding': 'gzip,aws-chunked' }
  if (options.decodedLength !== undefined) fields['x-amz-decoded-content-length'] = String(options.decodedLength)
  if (options.trailer !== undefined) fields['x-amz-trailer'] = options.trailer
  const host = new URL(to.proxy.endpoint).host
  const { headers, seed } = signStreamingRequest({
    method: 'PUT',
    rawPath: PATH,
    rawQuery: '',
    headers: ['host', host, ...Object.entries(fields).flat()],
    payloadHash: options.literal,
    nowMs: to.proxy.clock.nowMs(),
    credentials: ALICE,
    region: REGION,
  })
  const signed: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) signed[headers[i] ?? ''] = headers[i + 1] ?? ''
  const body = options.frame(seed)
  return new S3Client(to.proxy).put(PATH, body, { ...fields, ...signed, 'content-length': String(body.length) })
}

const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
const SIGNED_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
const CHUNKS = ['a'.repeat(70_000), 'b'.repeat(8192), 'end'] as const
const DECODED = CHUNKS.join('')

/** CRC-32C as S3 writes it. */
function crcField(text: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32c(Buffer.from(text)) >>> 0)
  return bytes.toString('base64')
}

test('signed chunks reach the origin without their framing', async (t) => {
  const to = await scene(t)
  const answer = await chunked(to, { literal: SIGNED, decodedLength: DECODED.length, frame: (seed) => signedChunks(seed, CHUNKS) })
  assert.equal(answer.status, 200)
  const [got] = to.received
  assert.equal(got?.body.toString(), DECODED)
  assert.equal(got?.request.payload.kind, 'unsigned')
  assert.equal(got?.request.bodyLength, DECODED.length)
  const headers = got?.request.headers ?? []
  assert.equal(headerValue(headers, 'content-encoding'), 'gzip', 'aws-chunked is about the transfer')
  for (const name of ['x-amz-decoded-content-length', 'x-amz-trailer', 'x-amz-content-sha256'])
    assert.equal(headerValue(headers, name), undefined)
  assert.equal((await to.proxy.takeRecord()).bytesReceived, DECODED.length)
})

for (const [literal, frame] of [
  [SIGNED_TRAILER, signedChunks],
  [UNSIGNED_TRAILER, (_seed: unknown, chunks: readonly string[], trailers: readonly string[]) => unsignedChunks(chunks, trailers)],
] as const) {
  test(`${literal} reaches the origin decoded, with its checksum to follow`, async (t) => {
    const to = await scene(t)
    const trailers = ['x-amz-checksum-crc32c', crcField(DECODED)]
    const answer = await chunked(to, {
      literal,
      decodedLength: DECODED.length,
      trailer: 'x-amz-checksum-crc32c',
      frame: (seed) => frame(seed, CHUNKS, trailers),
    })
    assert.equal(answer.status, 200)
    const [got] = to.received
    assert.equal(got?.body.toString(), DECODED)
    assert.equal(got?.request.payload.kind, 'trailer')
    assert.deepEqual(got?.trailers, trailers)
  })

  test(`${literal} with a checksum that does not hold never becomes a whole body`, async (t) => {
    const to = await scene(t)
    const answer = await chunked(to, {
      literal,
      decodedLength: DECODED.length,
      trailer: 'x-amz-checksum-crc32c',
      frame: (seed) => frame(seed, CHUNKS, ['x-amz-checksum-crc32c', crcField('other')]),
    })
    assert.equal(`${answer.status} ${errorCode(answer)}`, '400 BadDigest')
    assert.equal(to.received.length, 0)
    assert.equal(to.failures.length, 1)
  })
}

test('a chunk whose signature does not hold is refused, and the origin’s request fails with it', async (t) => {
  const to = await scene(t)
  const spoil = (framed: Buffer, at: number): Buffer => {
    const copy = Buffer.from(framed)
    copy[at] = (copy[at] ?? 0) ^ 1
    return copy
  }
  const attempts = [100, 70_300, 78_456]
  for (const at of attempts) {
    const answer = await chunked(to, {
      literal: SIGNED,
      decodedLength: DECODED.length,
      frame: (seed) => spoil(signedChunks(seed, CHUNKS), at),
    })
    assert.equal(`${answer.status} ${errorCode(answer)}`, '403 SignatureDoesNotMatch', `byte ${at}`)
    const record = await to.proxy.takeRecord()
    assert.equal(`${record.outcome} ${record.reason}`, 'refused authentication')
  }
  assert.equal(to.received.length, 0, 'no origin got a whole body')
  assert.equal(to.failures.length, attempts.length)
})

test('an aws-chunked body that is not as long as it said, or does not say, is refused', async (t) => {
  const to = await scene(t)
  const attempt = async (decodedLength: number | undefined): Promise<string> =>
    errorCode(await chunked(to, { literal: SIGNED, decodedLength, frame: (seed) => signedChunks(seed, CHUNKS) }))
  assert.equal(await attempt(undefined), 'MissingContentLength')
  assert.equal(await attempt(DECODED.length + 1), 'IncompleteBody')
  assert.equal(await attempt(DECODED.length - 1), 'IncompleteBody')
  assert.equal(to.received.length, 0)
})

test('chunks of a request that nobody signed cannot be checked', async (t) => {
  const origin = new FunctionOrigin(() => reply(200))
  const proxy = await proxyFor(t, { origin })
  const fields = { 'x-amz-content-sha256': SIGNED, 'x-amz-decoded-content-length': '1', 'content-length': '5' }
  assert.equal(errorCode(await new S3Client(proxy).put(PATH, '1;c=x', fields)), 'AccessDenied')
  assert.deepEqual(origin.requests, [])
})

for (const identity of ['verified', 'pass-through'] as const) {
  test(`an upload without a length is answered 411 where clients are ${identity}, and the origin is not asked`, async (t) => {
    await missingLength(t, identity)
  })
}

async function missingLength(t: TestContext, identity: 'verified' | 'pass-through'): Promise<void> {
  const origin = new FunctionOrigin(() => reply(200))
  const proxy = await proxyFor(t, { origin, identity })
  const heads = [`PUT ${PATH} HTTP/1.1\r\nHost: h\r\n\r\n`, `PUT ${PATH}?partNumber=1&uploadId=u HTTP/1.1\r\nHost: h\r\n\r\n`]
  for (const head of heads) {
    const raw = await RawClient.connect(portOf(proxy))
    raw.send(head)
    const answer = await raw.response()
    assert.equal(answer.status, 411)
    assert.match(answer.body.toString(), /<Code>MissingContentLength<\/Code>/)
    raw.destroy()
  }
  assert.deepEqual(origin.requests, [])
  for (const fields of ['Content-Length: 0\r\n', 'x-amz-copy-source: /bucket/other\r\n']) {
    const raw = await RawClient.connect(portOf(proxy))
    raw.send(`PUT ${PATH} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`)
    assert.equal((await raw.response()).status, 200, fields)
    raw.destroy()
  }
}

test('an upload in chunks of HTTP goes up without a length: not every origin wants one', async (t) => {
  const { proxy, client, received } = await scene(t)
  const hash = sha256('in chunks')
  const signed = client.signature({ method: 'PUT', path: PATH }, hash)
  const fields = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`)
  const raw = await RawClient.connect(portOf(proxy))
  const head = `PUT ${PATH} HTTP/1.1\r\nHost: ${new URL(proxy.endpoint).host}\r\nTransfer-Encoding: chunked\r\n${fields.join('')}\r\n`
  raw.send(`${head}3\r\nin \r\n6\r\nchunks\r\n0\r\n\r\n`)
  assert.equal((await raw.response()).status, 200)
  raw.destroy()
  const [got] = received
  assert.equal(got?.body.toString(), 'in chunks')
  assert.equal(got?.request.bodyLength, undefined)
  assert.deepEqual(got?.request.payload, { kind: 'sha256', hex: hash })
})

test('100 Continue is sent when the origin wants the body, and not when it answers without it', async (t) => {
  const gate = new Gate()
  const origin = new FunctionOrigin(async (request) => {
    if (request.rawKey === 'refused') return errorReply(403, 'AccessDenied')
    await gate.pass()
    while ((await request.body.read()) !== undefined) assert.ok(gate.arrived > 0)
    return reply(200, { etag: '"e"' })
  })
  const proxy = await proxyFor(t, { origin })
  const head = (key: string): string => `PUT /bucket/${key} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`
  const raw = await RawClient.connect(portOf(proxy))
  raw.send(head('key'))
  await gate.reached()
  gate.open()
  assert.equal((await raw.response()).status, 100)
  raw.send('body')
  assert.equal((await raw.response()).status, 200)
  raw.send(head('refused'))
  const refused = await raw.response()
  assert.equal(refused.status, 403)
  assert.match(refused.body.toString(), /AccessDenied/)
  assert.deepEqual(
    origin.requests.map(({ headers }) => headerValue(headers, 'expect')),
    [undefined, undefined],
  )
  raw.destroy()
})

test('an origin that answers before an upload is whole is heard by the client', async (t) => {
  const origin = new FunctionOrigin(async (request) => {
    await request.body.read()
    return errorReply(507, 'StorageFull')
  })
  const proxy = await proxyFor(t, { origin })
  const raw = await RawClient.connect(portOf(proxy))
  raw.send(`PUT ${PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: ${64 * MIB}\r\n\r\n${'x'.repeat(100_000)}`)
  const answer = await raw.response()
  assert.equal(answer.status, 507)
  assert.match(answer.body.toString(), /StorageFull/)
  raw.destroy()
})

test('a client that leaves in the middle of its upload ends the origin’s request', async (t) => {
  const aborted = Promise.withResolvers<unknown>()
  const begun = new Gate()
  const origin = new FunctionOrigin(async (request) => {
    const { signal } = request
    assert.ok(signal !== undefined)
    const left = once(signal, 'abort')
    begun.open()
    await begun.pass()
    try {
      while ((await request.body.read()) !== undefined) assert.ok(!signal.aborted)
    } catch (error) {
      await left
      aborted.resolve(signal.reason)
      throw new OriginFailure('aborted', 'nobody waits', { cause: error })
    }
    return reply(200)
  })
  const proxy = await proxyFor(t, { origin })
  const raw = await RawClient.connect(portOf(proxy))
  raw.send(`PUT ${PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc`)
  await begun.reached()
  raw.destroy()
  assert.match(String(await aborted.promise), /ClientGone/)
  const record = await proxy.takeRecord()
  assert.equal(`${record.outcome} ${record.status}`, 'client-gone 0')
})

test('an upload flows with backpressure: a slow origin holds the client back', async (t) => {
  const gate = new Gate()
  const size = 32 * MIB
  let readBytes = 0
  const origin = new FunctionOrigin(async (request) => {
    await gate.pass()
    for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) readBytes += chunk.length
    return reply(200)
  })
  const proxy = await proxyFor(t, { origin })
  const raw = await RawClient.connect(portOf(proxy))
  raw.send(`PUT ${PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`)
  await gate.reached()
  const sent = raw.sent(patterned(size))
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(raw.socket.writableLength > size / 2, `${raw.socket.writableLength} of ${size} bytes wait with the client`)
  gate.open()
  await sent
  assert.equal((await raw.response()).status, 200)
  assert.equal(readBytes, size)
  raw.destroy()
})

test('DeleteObjects is counted once, goes up with its hash, and is refused where it cannot be read', async (t) => {
  const { client, received, proxy, origin } = await scene(t)
  const body = '<Delete><Object><Key>a</Key></Object></Delete>'
  const ask = { method: 'POST', path: '/bucket?delete', fields: { 'content-type': 'application/xml' } }
  assert.equal((await client.ask({ ...ask, body })).status, 200)
  assert.equal(received[0]?.body.toString(), body)
  assert.deepEqual(received[0]?.request.payload, { kind: 'sha256', hex: sha256(body) })
  assert.equal((await proxy.takeRecord()).bytesReceived, body.length)
  origin.takeAsked()
  for (const bad of ['', '<Delete/>', '<Delete><Object/></Delete>', 'no xml', '<!DOCTYPE a><Delete/>', `${body}${body}`]) {
    const answer = await client.ask({ ...ask, body: bad })
    assert.equal(`${answer.status} ${errorCode(answer)}`, '400 MalformedXML', bad)
  }
  const long = `<Delete>${' '.repeat(3 * MIB)}</Delete>`
  assert.equal(errorCode(await client.ask({ ...ask, body: long })), 'EntityTooLarge')
  assert.deepEqual(origin.takeAsked(), [])
})

test('a session for one signing key at the origin is refused by name', async (t) => {
  const admin: ClientConfig = { ...CLIENT, grants: [{ bucket: '*', prefix: '', actions: ['read', 'write', 'admin'] }] }
  const all = await proxyFor(t, { origin: new FunctionOrigin(() => reply(200)), anonymous: false, clients: [admin] })
  assert.equal(errorCode(await new S3Client(all, ALICE).get('/bucket?session')), 'NotImplemented')
})
