import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyFor, ttlMode } from '../support/in-process-proxy.ts'
import { errorReply } from '../support/function-origin.ts'
import { storeOrigin } from '../support/object-store.ts'
import { errorCode, S3Client, type Answer } from '../support/s3-client.ts'

const ETAG = '"v1"'
const MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'
const EARLIER = 'Tue, 30 Dec 2025 23:59:59 GMT'
const LATER = 'Wed, 31 Dec 2025 00:00:01 GMT'
const FUTURE = 'Thu, 01 Jan 2026 01:00:00 GMT'
const BODY = '0123456789'

interface Case {
  readonly fields: Readonly<Record<string, string>>
  readonly status: 200 | 206 | 304 | 412 | 416
}

/** RFC 9110 section 13.2.2, as S3 has it: If-Match beats If-Unmodified-Since, If-None-Match beats If-Modified-Since, all beat the range. */
const CASES: readonly Case[] = [
  { fields: { 'if-match': ETAG }, status: 200 },
  { fields: { 'if-match': 'v1' }, status: 200 },
  { fields: { 'if-match': '"v0"' }, status: 412 },
  { fields: { 'if-match': ETAG, 'if-unmodified-since': EARLIER }, status: 200 },
  { fields: { 'if-match': '"v0"', 'if-unmodified-since': LATER }, status: 412 },
  { fields: { 'if-unmodified-since': MODIFIED }, status: 200 },
  { fields: { 'if-unmodified-since': EARLIER }, status: 412 },
  { fields: { 'if-none-match': ETAG }, status: 304 },
  { fields: { 'if-none-match': '"v0"' }, status: 200 },
  { fields: { 'if-none-match': '"v0"', 'if-modified-since': LATER }, status: 200 },
  { fields: { 'if-none-match': ETAG, 'if-modified-since': EARLIER }, status: 304 },
  { fields: { 'if-modified-since': MODIFIED }, status: 304 },
  { fields: { 'if-modified-since': LATER }, status: 304 },
  { fields: { 'if-modified-since': EARLIER }, status: 200 },
  { fields: { 'if-match': ETAG, 'if-none-match': ETAG }, status: 304 },
  { fields: { 'if-match': '"v0"', 'if-none-match': ETAG }, status: 412 },
  { fields: { 'if-unmodified-since': EARLIER, 'if-none-match': ETAG }, status: 412 },
  { fields: { 'if-match': ETAG, range: 'bytes=2-4' }, status: 206 },
  { fields: { 'if-match': '"v0"', range: 'bytes=2-4' }, status: 412 },
  { fields: { 'if-match': '"v0"', range: 'bytes=99-' }, status: 412 },
  { fields: { 'if-none-match': ETAG, range: 'bytes=99-' }, status: 304 },
  { fields: { 'if-none-match': '"v0"', range: 'bytes=99-' }, status: 416 },
  { fields: { 'if-range': ETAG, range: 'bytes=2-4' }, status: 206 },
  { fields: { 'if-range': ETAG, range: 'bytes=99-' }, status: 416 },
  { fields: { 'if-range': ETAG }, status: 200 },
]

/** Servers differ in these, so the origin says what it makes of them. */
const PASSED: readonly Readonly<Record<string, string>>[] = [
  { 'if-match': '*' },
  { 'if-match': '"v0", "v1"' },
  { 'if-match': 'W/"v1"' },
  { 'if-none-match': 'W/"v1"' },
  { 'if-none-match': '"v0", W/"v1"' },
  { 'if-none-match': '*' },
  { 'if-modified-since': 'not a date' },
  { 'if-modified-since': FUTURE },
  { 'if-unmodified-since': 'not a date' },
  { 'if-range': '"v0"', range: 'bytes=2-4' },
  { 'if-range': 'W/"v1"', range: 'bytes=2-4' },
  { 'if-range': MODIFIED, range: 'bytes=2-4' },
  { 'if-range': EARLIER, range: 'bytes=2-4' },
  { 'if-range': '"v0"', range: 'bytes=99-' },
]

for (const fields of PASSED) {
  const what = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  test(`${what.join(', ')} is for the origin to judge, cold and warm`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    for (const state of ['cold', 'warm']) {
      store.put(`bucket/${state}`, BODY, { etag: ETAG, 'last-modified': MODIFIED })
      if (state === 'warm') await client.get('/bucket/warm')
      origin.answer = (request) =>
        request.headers.some((name) => name in fields && name !== 'range') ? errorReply(409, 'OriginSays') : store.answer(request)
      const answer = await client.get(`/bucket/${state}`, fields)
      assert.equal(`${answer.status} ${errorCode(answer)}`, '409 OriginSays', state)
      const [name = '', value = ''] = Object.entries(fields)[0] ?? []
      const sent = origin.requests.at(-1)?.headers ?? []
      assert.equal(sent[sent.indexOf(name) + 1], value, state)
    }
  })
}

const EXPECTED: Readonly<Record<Case['status'], string>> = {
  200: BODY,
  206: '234',
  304: '',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
}

function check(answer: Answer, status: Case['status'], method: string): void {
  assert.equal(answer.status, status)
  if (status === 304) {
    assert.equal(answer.fields.get('etag'), ETAG)
    assert.equal(answer.fields.get('last-modified'), MODIFIED)
    assert.equal(answer.fields.get('cache-control'), 'max-age=5')
    assert.equal(answer.fields.get('content-length'), undefined)
    assert.equal(answer.fields.get('content-type'), undefined, 'says nothing of a body')
  }
  if (method === 'HEAD') assert.equal(answer.body.length, 0)
  else assert.equal(status >= 400 ? errorCode(answer) : answer.body.toString(), EXPECTED[status])
  if (status === 412) assert.equal(answer.fields.get('content-range'), undefined)
}

for (const { fields, status } of CASES) {
  const what = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  test(`${what.join(', ')} is answered ${status}, GET and HEAD, cold, warm and revalidated`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin, mode: ttlMode(1000) })
    const client = new S3Client(proxy)
    for (const method of ['GET', 'HEAD']) {
      const path = `/bucket/${method}`
      store.put(path.slice(1), BODY, { etag: ETAG, 'last-modified': MODIFIED, 'cache-control': 'max-age=5' })
      check(await client.ask({ method, path, fields }), status, method)
      check(await client.ask({ method, path, fields }), status, method)
      origin.takeAsked()
      check(await client.ask({ method, path, fields }), status, method)
      assert.deepEqual(origin.takeAsked(), [], 'known by now')
    }
    proxy.clock.advance(1000)
    for (const method of ['GET', 'HEAD']) check(await client.ask({ method, path: `/bucket/${method}`, fields }), status, method)
  })
}

test('no condition of a client goes to the origin with a question of the cache', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', BODY, { etag: ETAG })
  for (const { fields } of CASES) await client.get('/bucket/key', fields)
  for (const request of origin.requests) {
    const conditions = request.headers.filter((name, i) => i % 2 === 0 && name.startsWith('if-'))
    assert.deepEqual(conditions, [])
  }
})

test('a 304 and a 412 are told apart from errors in the record', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', BODY, { etag: ETAG })
  await client.get('/bucket/key')
  await proxy.takeRecord()
  const unmodified = await client.get('/bucket/key', { 'if-none-match': ETAG })
  const record = await proxy.takeRecord()
  assert.equal(`${record.status} ${record.outcome} ${record.reason}`, '304 not-modified fresh')
  assert.match(unmodified.fields.get('cache-status') ?? '', /^hotbucket; hit/)
  await client.get('/bucket/key', { 'if-match': '"v0"' })
  const refused = await proxy.takeRecord()
  assert.equal(`${refused.status} ${refused.outcome} ${refused.reason} ${refused.errorCode}`, '412 refused condition PreconditionFailed')
})

test('a conditional GET of an absent object asks for the head alone where the condition may make the body needless', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', BODY, { etag: ETAG })
  assert.equal((await client.get('/bucket/key', { 'if-none-match': ETAG })).status, 304)
  assert.deepEqual(origin.takeAsked(), ['HEAD'])
})

test('a conditional GET of an object that does not exist is answered with the origin’s whole error', async (t) => {
  const { origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  for (const fields of [{ 'if-none-match': ETAG }, { 'if-modified-since': EARLIER }, { 'if-match': ETAG }, {}]) {
    const answer = await client.get('/bucket/none', fields)
    assert.equal(answer.status, 404)
    assert.equal(errorCode(answer), 'NoSuchKey')
  }
})
