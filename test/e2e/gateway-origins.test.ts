import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { sourceOf, type ByteSource } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import { RawClient } from '../../src/http/testing/raw-client.ts'
import { OriginFailure, type OriginFailureKind } from '../../src/origin/origin.ts'
import { errorReply, FunctionOrigin, reply, type OriginAnswer } from '../support/function-origin.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { assertSameBytes, errorCode, patterned, S3Client } from '../support/s3-client.ts'

const MIB = 1024 * 1024
const BODY = '0123456789'

interface Scene {
  readonly origin: FunctionOrigin
  readonly proxy: InProcessProxy
  readonly client: S3Client
}

async function scene(t: TestContext, answer: OriginAnswer): Promise<Scene> {
  const origin = new FunctionOrigin(answer)
  const proxy = await proxyFor(t, { origin })
  return { origin, proxy, client: new S3Client(proxy) }
}

function rangeStart(headers: readonly string[]): number | undefined {
  const range = headerValue(headers, 'range')
  return range === undefined ? undefined : Number(/^bytes=(\d+)-/.exec(range)?.[1])
}

/** Answers that cannot be kept: the version has no name, or its size is not told. */
const UNSTORABLE: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
  'without an ETag': {},
  'with a weak ETag': { etag: 'W/"v1"' },
  'with an ETag without quotes': { etag: 'v1' },
  'without a length': { etag: '"v1"', 'content-length': undefined },
  'that aws-chunked framing leaked into': { etag: '"v1"', 'content-encoding': 'aws-chunked' },
  'with a customer’s key': { etag: '"v1"', 'x-amz-server-side-encryption-customer-algorithm': 'AES256' },
  'that the requester pays for': { etag: '"v1"', 'x-amz-request-charged': 'requester' },
}

for (const [what, fields] of Object.entries(UNSTORABLE)) {
  test(`an answer ${what} is passed to everyone and never kept`, async (t) => {
    const { proxy, client, origin } = await scene(t, ({ method }) => {
      const answer = reply(200, { 'content-type': 'text/plain', ...fields }, method === 'HEAD' ? '' : BODY)
      const length = 'content-length' in fields ? [] : ['content-length', String(BODY.length)]
      return { ...answer, headers: [...answer.headers.filter((_, i, all) => all[i - (i % 2)] !== 'content-length'), ...length] }
    })
    for (const round of ['cold', 'again']) {
      const answers = await Promise.all([client.get('/bucket/key'), client.get('/bucket/key')])
      for (const answer of answers) {
        assert.equal(answer.status, 200, round)
        assert.equal(answer.body.toString(), BODY)
        assert.ok(answer.complete)
        assert.equal(answer.fields.get('etag'), fields['etag'])
        assert.match(answer.fields.get('cache-status') ?? '', /^hotbucket; fwd=miss; fwd-status=200; detail=uncacheable-object/)
        const record = await proxy.takeRecord()
        assert.equal(`${record.outcome} ${record.reason}`, 'pass uncacheable-object')
        assert.equal(record.bytesFromOrigin, BODY.length)
        assert.equal(record.bytesFromMemory, 0)
      }
    }
    const head = await client.head('/bucket/key')
    assert.equal(head.status, 200)
    assert.equal(head.fields.get('content-type'), 'text/plain')
    origin.takeAsked()
    const ranged = await client.get('/bucket/key', { range: 'bytes=2-3', 'if-match': '"v1"' })
    assert.equal(ranged.status, 200)
    assert.equal(headerValue(origin.requests.at(-1)?.headers ?? [], 'range'), 'bytes=2-3', 'the client’s own request goes up')
    assert.equal(headerValue(origin.requests.at(-1)?.headers ?? [], 'if-match'), '"v1"')
  })
}

test('what cannot be kept costs one origin request a read once that is known, until a minute has passed or it is written', async (t) => {
  const { proxy, client, origin } = await scene(t, ({ method }) => {
    const length = method === 'PUT' ? 0 : BODY.length
    return reply(200, { etag: 'W/"v1"', 'content-length': String(length) }, method === 'GET' ? BODY : '')
  })
  const cost = async (): Promise<number> => {
    origin.takeAsked()
    await client.get('/bucket/key')
    return origin.takeAsked().length
  }
  assert.deepEqual([await cost(), await cost(), await cost()], [2, 1, 1])
  proxy.clock.advance(60_000)
  assert.deepEqual([await cost(), await cost()], [2, 1])
  await client.ask({ method: 'PUT', path: '/bucket/key', body: 'x', fields: { 'content-length': '1' } })
  assert.deepEqual([await cost(), await cost()], [2, 1])
})

test('an origin that answers 200 to a range gives the range all the same, small and large', async (t) => {
  for (const size of [1000, 3 * MIB]) {
    const bytes = patterned(size)
    const { client } = await scene(t, ({ method }) =>
      reply(200, { etag: '"v1"', 'content-length': String(size) }, method === 'HEAD' ? '' : bytes),
    )
    for (const round of ['cold', 'warm']) {
      const answer = await client.get('/bucket/key', { range: `bytes=${size - 100}-${size - 51}` })
      assert.equal(answer.status, 206, `${size} ${round}`)
      assertSameBytes(answer.body, bytes.subarray(size - 100, size - 50))
    }
    assertSameBytes((await client.get('/bucket/key')).body, bytes)
  }
})

test('an origin that ignores ranges serves gaps by its whole answer, of which only the gap is taken', async (t) => {
  const size = 3 * MIB
  const bytes = patterned(size)
  const { client } = await scene(t, ({ method }) =>
    reply(200, { etag: '"v1"', 'content-length': String(size) }, method === 'HEAD' ? '' : bytes),
  )
  await client.head('/bucket/key')
  for (const [first, last] of [
    [2 * MIB + 5, 2 * MIB + 9],
    [MIB - 2, MIB + 1],
    [0, size - 1],
  ] as const) {
    const answer = await client.get('/bucket/key', { range: `bytes=${first}-${last}` })
    assert.equal(answer.status, 206)
    assertSameBytes(answer.body, bytes.subarray(first, last + 1))
  }
})

test('an origin that answers 206 to a plain read of the whole is understood by its Content-Range', async (t) => {
  const { client } = await scene(t, () => reply(206, { etag: '"v1"', 'content-range': `bytes 0-9/10` }, BODY))
  for (const round of ['cold', 'warm']) {
    const answer = await client.get('/bucket/key')
    assert.equal(answer.status, 200, round)
    assert.equal(answer.body.toString(), BODY)
    assert.equal(answer.fields.get('content-range'), undefined)
  }
})

const WRONG_RANGES = ['bytes 0-9', 'bytes 5-2/10', 'bytes 0-9/5', 'bytes */10', 'items 0-9/10', '']

for (const contentRange of WRONG_RANGES) {
  test(`a 206 with Content-Range "${contentRange}" is never taken for an object, nor kept`, async (t) => {
    const { client, proxy } = await scene(t, (request) => {
      const asked = headerValue(request.headers, 'accept-encoding') === 'identity'
      const fields = { etag: '"v1"', ...(contentRange === '' ? {} : { 'content-range': contentRange }) }
      return asked ? reply(206, fields, BODY) : reply(200, { etag: '"v1"' }, 'as the client would get it')
    })
    for (const round of ['cold', 'again']) {
      const answer = await client.get('/bucket/key')
      assert.equal(answer.body.toString(), 'as the client would get it', round)
      assert.equal((await proxy.takeRecord()).outcome, 'pass')
    }
  })
}

test('a gap answered with other bytes than asked for is refused, not served', async (t) => {
  const wrong: readonly Readonly<Record<string, string>>[] = [
    { 'content-range': `bytes 0-${MIB - 1}/${2 * MIB}` },
    { 'content-range': `bytes ${MIB}-${2 * MIB - 1}/${3 * MIB}` },
    { 'content-range': `bytes ${MIB}-${2 * MIB - 1}/*` },
    {},
  ]
  for (const fields of wrong) {
    const { client, proxy } = await scene(t, ({ method }) =>
      method === 'HEAD'
        ? reply(200, { etag: '"v1"', 'content-length': String(2 * MIB) })
        : reply(206, { etag: '"v1"', ...fields }, patterned(MIB)),
    )
    await client.head('/bucket/key')
    await proxy.takeRecord()
    const answer = await client.get('/bucket/key', { range: `bytes=${MIB}-` })
    assert.equal(`${answer.status} ${errorCode(answer)}`, '502 BadGateway')
    const record = await proxy.takeRecord()
    assert.equal(`${record.outcome} ${record.reason}`, 'failed origin')
    assert.ok(record.failure !== undefined)
  }
})

test('a gap answered with another version is never joined to the bytes that are here', async (t) => {
  let version = 1
  const { client } = await scene(t, ({ method, headers }) => {
    // An origin that does not know If-Match.
    const bytes = patterned(2 * MIB, version)
    const start = rangeStart(headers) ?? 0
    const fields = { etag: `"${version}"`, 'content-range': `bytes ${start}-${2 * MIB - 1}/${2 * MIB}` }
    if (method === 'HEAD') return reply(200, { etag: `"${version}"`, 'content-length': String(2 * MIB) })
    return reply(206, { ...fields, 'content-length': String(2 * MIB - start) }, bytes.subarray(start))
  })
  assert.equal((await client.head('/bucket/key')).status, 200)
  version = 2
  const answer = await client.get('/bucket/key')
  assert.equal(answer.fields.get('etag'), '"2"')
  assertSameBytes(answer.body, patterned(2 * MIB, 2))
})

for (const [status, code] of [
  [403, 'AccessDenied'],
  [404, 'NoSuchKey'],
  [404, 'NoSuchBucket'],
  [409, 'InvalidObjectState'],
  [429, 'SlowDown'],
  [500, 'InternalError'],
  [503, 'SlowDown'],
] as const) {
  test(`an origin’s ${status} ${code} is passed as it is, to GET and HEAD, and never kept`, async (t) => {
    const sick: OriginAnswer = ({ method }) => {
      const answer = errorReply(status, code, method)
      return { ...answer, headers: [...answer.headers, 'retry-after', '7', 'x-amz-id-2', 'ID2', 'connection', 'close'] }
    }
    const { store } = storeOrigin()
    const { client, proxy, origin } = await scene(t, sick)
    for (const round of ['first', 'second']) {
      const answer = await client.get('/bucket/key')
      assert.equal(answer.status, status, round)
      assert.equal(errorCode(answer), code)
      assert.equal(answer.fields.get('x-amz-request-id'), 'ORIGINERROR')
      assert.equal(answer.fields.get('retry-after'), '7')
      assert.equal(answer.fields.get('x-amz-id-2'), 'ID2')
      const record = await proxy.takeRecord()
      assert.equal(record.outcome, 'miss')
      assert.equal(record.reason, status >= 500 ? 'origin' : 'absent')
      assert.equal(record.originRequestId, 'ORIGINERROR')
      const head = await client.head('/bucket/key')
      assert.equal(head.status, status)
      assert.equal(head.body.length, 0)
      await proxy.takeRecord()
    }
    assert.equal(origin.requests.length, 4)
    store.put('bucket/key', BODY)
    origin.answer = store.answer
    assert.equal((await client.get('/bucket/key')).body.toString(), BODY)
  })
}

const FAILURES: Readonly<Record<OriginFailureKind, string | undefined>> = {
  timeout: '504 GatewayTimeout',
  reset: '502 BadGateway',
  protocol: '502 BadGateway',
  unreachable: '503 ServiceUnavailable',
  credentials: '503 ServiceUnavailable',
  aborted: '503 ServiceUnavailable',
  // Only uploads have a body that can fail.
  body: undefined,
}

for (const [kind, wanted] of Object.entries(FAILURES) as [OriginFailureKind, string | undefined][]) {
  if (wanted === undefined) continue
  test(`an origin that gives no answer (${kind}) is answered ${wanted}, for reads, passed reads and writes`, async (t) => {
    const { client, proxy } = await scene(t, () => Promise.reject(new OriginFailure(kind, 'what went wrong with 10.0.0.1')))
    for (const ask of [
      { path: '/bucket/key' },
      { path: '/bucket/key', fields: { 'if-none-match': '"a"' } },
      { path: '/bucket/key?partNumber=1' },
      { path: '/bucket?list-type=2' },
      { path: '/bucket/key', method: 'PUT', body: 'x' },
      { path: '/bucket/key', method: 'DELETE' },
    ]) {
      const answer = await client.ask(ask)
      assert.equal(`${answer.status} ${errorCode(answer)}`, wanted, JSON.stringify(ask))
      assert.ok(!answer.body.includes('10.0.0.1'), 'what failed below is for the log alone')
      const record = await proxy.takeRecord()
      assert.equal(`${record.outcome} ${record.reason}`, 'failed origin')
      assert.match(record.failure ?? '', /10\.0\.0\.1/)
    }
  })
}

/** A body that gives `bytes` and then ends or fails. */
function brokenBody(bytes: Uint8Array, how: 'ends' | 'fails'): ByteSource {
  const inner = sourceOf(bytes)
  return {
    length: undefined,
    read: async () => {
      const chunk = await inner.read()
      if (chunk === undefined && how === 'fails') throw new OriginFailure('reset', 'connection lost')
      return chunk
    },
    cancel: () => undefined,
  }
}

for (const how of ['ends', 'fails'] as const) {
  for (const kept of [0, 5000]) {
    test(`a body that ${how} after ${kept} bytes is resumed where it stopped, once, and the client sees nothing of it`, async (t) => {
      const bytes = patterned(10_000)
      const asked: (number | undefined)[] = []
      const { client } = await scene(t, ({ headers }) => {
        const start = rangeStart(headers) ?? 0
        asked.push(start)
        const fields = { etag: '"v1"', 'content-range': `bytes ${start}-9999/10000`, 'content-length': String(10_000 - start) }
        const answer = reply(206, fields, bytes.subarray(start))
        return asked.length === 1 ? { ...answer, body: brokenBody(bytes.subarray(0, kept), how) } : answer
      })
      for (const round of ['cold', 'warm']) {
        const answer = await client.get('/bucket/key')
        assert.ok(answer.complete, round)
        assertSameBytes(answer.body, bytes)
      }
      assert.deepEqual(asked, [0, kept])
    })

    test(`a body that ${how} after ${kept} bytes twice is an error or a cut, never a short answer, and is not kept`, async (t) => {
      const bytes = patterned(10_000)
      let sick = true
      const { client, proxy } = await scene(t, ({ headers }) => {
        const start = rangeStart(headers) ?? 0
        const fields = { etag: '"v1"', 'content-range': `bytes ${start}-9999/10000`, 'content-length': String(10_000 - start) }
        const answer = reply(206, fields, bytes.subarray(start))
        return sick ? { ...answer, body: brokenBody(bytes.subarray(start, Math.max(start, kept)), how) } : answer
      })
      const answer = await client.get('/bucket/key')
      if (kept === 0) assert.equal(`${answer.status} ${errorCode(answer)}`, '502 BadGateway')
      else {
        assert.equal(answer.complete, false)
        assertSameBytes(answer.body, bytes.subarray(0, answer.body.length))
      }
      const record = await proxy.takeRecord()
      assert.equal(`${record.outcome} ${record.reason}`, 'failed origin')
      sick = false
      assertSameBytes((await client.get('/bucket/key')).body, bytes)
    })
  }
}

test('a body that goes on after its length is cut off by nobody: it is not served as if it were whole', async (t) => {
  const bytes = patterned(10_000)
  const { client, proxy } = await scene(t, () => {
    const answer = reply(206, { etag: '"v1"', 'content-range': 'bytes 0-9999/10000', 'content-length': '10000' }, bytes)
    return { ...answer, body: { ...sourceOf(bytes, Buffer.from('more')), length: undefined } }
  })
  for (const round of ['first', 'second']) {
    const answer = await client.get('/bucket/key')
    assert.ok(answer.status === 502 || !answer.complete || answer.body.length === 10_000, round)
    const record = await proxy.takeRecord()
    assert.equal(record.bytesFromMemory, 0, 'nothing of it is kept')
  }
})

test('a passed body that breaks off cuts the client’s connection, with a length and without', async (t) => {
  for (const length of ['10000', undefined]) {
    const { client, proxy } = await scene(t, () => {
      const answer = reply(200, { 'content-length': length, etag: '"v1"' })
      return { ...answer, body: brokenBody(patterned(5000), 'fails') }
    })
    const answer = await client.get('/bucket/key?partNumber=1')
    assert.equal(answer.status, 200)
    assert.equal(answer.complete, false)
    const record = await proxy.takeRecord()
    assert.equal(`${record.outcome} ${record.reason}`, 'failed origin')
  }
})

test('an HTTP/1.0 client of a passed body without a length gets it until the connection ends, and a reset where it breaks off', async (t) => {
  for (const how of ['ends', 'fails'] as const) {
    const { proxy } = await scene(t, () => {
      const answer = reply(200, { 'content-length': undefined, etag: '"v1"' })
      return { ...answer, body: brokenBody(Buffer.from('until the end'), how) }
    })
    const raw = await RawClient.connect(Number(new URL(proxy.endpoint).port))
    const reset = Promise.withResolvers<boolean>()
    raw.socket.once('error', () => reset.resolve(true))
    raw.socket.once('close', () => reset.resolve(false))
    raw.send('GET /bucket/key?partNumber=1 HTTP/1.0\r\n\r\n')
    const text = (await raw.rest()).toString('latin1')
    assert.equal(await reset.promise, how === 'fails')
    if (how === 'ends') assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?!.*Transfer-Encoding).*\r\n\r\nuntil the end$/s)
    raw.destroy()
  }
})

test('a passed answer whose body fails before its first byte is answered as an error', async (t) => {
  const { client } = await scene(t, () => ({
    ...reply(200, { etag: '"v1"', 'content-length': '5' }),
    body: brokenBody(new Uint8Array(), 'fails'),
  }))
  const answer = await client.get('/bucket/key?partNumber=1')
  assert.equal(`${answer.status} ${errorCode(answer)}`, '502 BadGateway')
})

test('an error of the origin too long to be shared is not gathered without bound', async (t) => {
  const { client } = await scene(t, () => reply(404, { 'content-type': 'application/xml' }, patterned(MIB)))
  const answer = await client.get('/bucket/key')
  assert.equal(`${answer.status} ${errorCode(answer)}`, '502 BadGateway')
})

test('an empty object that the origin answers 416 for is found by HEAD', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  store.put('bucket/empty', '')
  const client = new S3Client(proxy)
  assert.equal((await client.get('/bucket/empty', { range: 'bytes=0-99' })).status, 416)
  assert.deepEqual(origin.takeAsked(), ['GET bytes=0-1048575', 'HEAD'])
  assert.equal((await client.get('/bucket/empty')).fields.get('content-length'), '0')
  assert.deepEqual(origin.takeAsked(), [], 'known by now')
})

test('a 416 for an object that is gone by the time of the HEAD is answered with a whole error', async (t) => {
  const { client } = await scene(t, ({ method }) =>
    method === 'HEAD' ? errorReply(404, 'NoSuchKey', 'HEAD') : errorReply(416, 'InvalidRange'),
  )
  const answer = await client.get('/bucket/key')
  assert.equal(`${answer.status} ${errorCode(answer)}`, '404 NoSuchKey')
})
