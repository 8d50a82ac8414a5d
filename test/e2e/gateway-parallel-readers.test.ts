import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceOf } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import { proxyFor, ttlMode } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { assertSameBytes, errorCode, patterned, S3Client } from '../support/s3-client.ts'

/**
 * Readers that fetch an object by many ranged GETs at once, each with If-Match of the ETag that they saw first: the AWS CRT (and what is
 * built on it), `aws s3 cp`, boto3's transfer manager.
 */

const MIB = 1024 * 1024
const PART_BYTES = 8 * MIB

function rangesOf(size: number): { range: string; start: number; end: number }[] {
  const ranges = []
  for (let start = 0; start < size; start += PART_BYTES) {
    const end = Math.min(size, start + PART_BYTES)
    // The CRT asks for whole parts, also for the last one.
    ranges.push({ range: `bytes=${start}-${start + PART_BYTES - 1}`, start, end })
  }
  return ranges
}

test('parallel ranged reads with If-Match cost the origin every byte once, and nothing when they come again', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, mode: ttlMode(60_000) })
  const client = new S3Client(proxy)
  const body = patterned(20 * MIB + 3)
  store.put('bucket/big', body)
  for (const state of ['cold', 'warm']) {
    const etag = (await client.head('/bucket/big')).fields.get('etag') ?? ''
    const parts = await Promise.all(rangesOf(body.length).map(async ({ range }) => client.get('/bucket/big', { range, 'if-match': etag })))
    for (const [i, { start, end }] of rangesOf(body.length).entries()) {
      const part = parts[i]!
      assert.equal(part.status, 206)
      assert.equal(part.fields.get('content-range'), `bytes ${start}-${end - 1}/${body.length}`)
      assert.equal(part.fields.get('content-length'), String(end - start))
      assertSameBytes(part.body, body.subarray(start, end), `${state} part ${i}`)
    }
    const asked = origin.takeAsked()
    const fetched = asked.filter((one) => one.startsWith('GET'))
    if (state === 'warm') assert.deepEqual(asked, [])
    else assert.deepEqual(fetched.toSorted(), [...new Set(fetched)].toSorted(), 'no range twice')
  }
  const bytes = proxy.records.reduce((sum, record) => sum + record.bytesFromOrigin, 0)
  assert.equal(bytes, body.length)
})

test('a ranged read with the ETag of an older version is refused without a byte, from memory', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin, mode: ttlMode(1000) })
  const client = new S3Client(proxy)
  store.put('bucket/key', patterned(3 * MIB))
  const old = (await client.get('/bucket/key', { range: 'bytes=0-9' })).fields.get('etag') ?? ''
  store.put('bucket/key', patterned(3 * MIB, 2))
  proxy.clock.advance(1000)
  await client.get('/bucket/key', { range: 'bytes=0-9' })
  origin.takeAsked()
  const refused = await client.get('/bucket/key', { range: `bytes=${MIB}-${2 * MIB}`, 'if-match': old })
  assert.equal(`${refused.status} ${errorCode(refused)}`, '412 PreconditionFailed')
  assert.deepEqual(origin.takeAsked(), [])
})

test('the first ranged read of an empty object is refused in the very words by which the AWS CRT knows that it is empty', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/empty', '')
  for (const state of ['cold', 'warm']) {
    const answer = await client.get('/bucket/empty', { range: 'bytes=0-8388607' })
    assert.equal(answer.status, 416, state)
    assert.equal(answer.fields.get('content-type'), 'application/xml', 'exactly, without a charset')
    assert.equal(answer.fields.get('content-range'), 'bytes */0')
    assert.match(answer.body.toString(), /<Code>InvalidRange<\/Code>.*<ActualObjectSize>0<\/ActualObjectSize>/s)
  }
  origin.takeAsked()
  // Then it asks for the first part, which only the origin knows.
  const first = await client.get('/bucket/empty?partNumber=1')
  assert.equal(`${first.status} ${first.body.length}`, '200 0')
  assert.equal(origin.requests[0]?.rawQuery, 'partNumber=1')
})

test('a suffix range is answered from memory with its place in the whole', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const body = patterned(2 * MIB + 7)
  store.put('bucket/key', body)
  for (const [suffix, start] of [
    [7, 2 * MIB],
    [MIB, MIB + 7],
    [9 * MIB, 0],
  ] as const) {
    for (let time = 1; time <= 2; time++) {
      const { etag } = store.objects.get('bucket/key')!
      const answer = await client.get('/bucket/key', { range: `bytes=-${suffix}`, 'if-match': etag })
      assert.equal(answer.fields.get('content-range'), `bytes ${start}-${body.length - 1}/${body.length}`)
      assertSameBytes(answer.body, body.subarray(start))
    }
  }
  origin.takeAsked()
  const headed = await client.head('/bucket/key', { range: 'bytes=-7' })
  assert.equal(`${headed.status} ${headed.fields.get('content-length') ?? ''}`, '206 7')
  assert.deepEqual(origin.takeAsked(), [])
})

test('a part by its number goes to the origin, conditions and all, and poisons nothing', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  store.put('bucket/key', 'whole object')
  await client.get('/bucket/key')
  const whole = origin.answer
  origin.answer = (request) => {
    if (request.rawQuery === '') return whole(request)
    const headers = ['etag', '"e-2"', 'content-length', '5', 'content-range', 'bytes 0-4/12', 'x-amz-mp-parts-count', '2']
    return { status: 206, headers, body: sourceOf(Buffer.from(request.method === 'GET' ? 'whole' : '')) }
  }
  for (const method of ['HEAD', 'GET']) {
    const part = await client.ask({ method, path: '/bucket/key?partNumber=1', fields: { 'if-match': '"e-2"' } })
    assert.equal(`${part.status} ${part.fields.get('x-amz-mp-parts-count') ?? ''}`, '206 2', method)
    assert.equal(part.body.toString(), method === 'GET' ? 'whole' : '')
    assert.equal(headerValue(origin.requests.at(-1)?.headers ?? [], 'if-match'), '"e-2"')
  }
  const after = await client.get('/bucket/key')
  assert.equal(after.body.toString(), 'whole object')
  assert.equal((await client.head('/bucket/key')).fields.get('content-length'), '12')
})
