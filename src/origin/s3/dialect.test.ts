import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestOf, startS3Origin, failsAs, text } from '../../../test/support/origin-requests.ts'
import { sourceOf } from '../../base/byte-source.ts'
import type { DialectName } from '../../config/config.ts'
import type { OriginRequest, OriginResponse } from '../origin.ts'
import { OriginDialect } from './dialect.ts'

function upload(): OriginRequest {
  return requestOf({
    method: 'PUT',
    headers: ['x-amz-sdk-checksum-algorithm', 'CRC32', 'content-type', 'text/plain'],
    payload: { kind: 'trailer', names: ['x-amz-checksum-crc32'], fields: () => ['x-amz-checksum-crc32', 'NSRBwg=='] },
    body: sourceOf(Buffer.from('abc')),
    bodyLength: 3,
  })
}

/** Which form an upload with a trailer goes up in, and whether the label of the operation does. */
const FORMS: readonly [name: DialectName, url: string, form: 'trailer' | 'unsigned', labelled: boolean][] = [
  ['auto', 'https://s3.eu-west-1.amazonaws.com', 'trailer', true],
  ['auto', 'https://s3.cn-north-1.amazonaws.com.cn', 'trailer', true],
  ['auto', 'https://account.r2.cloudflarestorage.com', 'unsigned', true],
  ['auto', 'https://storage.googleapis.com', 'unsigned', false],
  ['auto', 'https://bucket.storage.googleapis.com', 'unsigned', false],
  ['auto', 'https://notstorage.googleapis.com', 'trailer', true],
  ['auto', 'https://amazonaws.com.example', 'trailer', true],
  ['auto', 'http://127.0.0.1:9000', 'trailer', true],
  ['ceph-legacy', 'http://127.0.0.1:9000', 'unsigned', true],
  ['ceph', 'http://127.0.0.1:9000', 'trailer', true],
  ['minio', 'https://storage.googleapis.com', 'trailer', true],
]

for (const [name, url, form, labelled] of FORMS) {
  test(`an origin ${url} of dialect ${name} gets uploads in the form "${form}"${labelled ? '' : ' and no labels'}`, () => {
    const adapted = new OriginDialect(name, url).adapt({ ...upload(), rawQuery: 'x-id=UploadPart&partNumber=1&uploadId=a%2Bx-id=' })
    assert.equal(adapted.payload.kind, form)
    const algorithm = form === 'trailer' ? ['x-amz-sdk-checksum-algorithm', 'CRC32'] : []
    assert.deepEqual(adapted.headers, [...algorithm, 'content-type', 'text/plain'])
    assert.equal(adapted.rawQuery, `${labelled ? 'x-id=UploadPart&' : ''}partNumber=1&uploadId=a%2Bx-id=`)
  })
}

test('a body without a trailer goes up as it is, whatever the dialect', () => {
  const request = requestOf({ method: 'PUT', payload: { kind: 'unsigned' }, headers: ['x-amz-sdk-checksum-algorithm', 'CRC32'] })
  assert.equal(new OriginDialect('ceph-legacy', 'http://h').adapt(request), request)
})

for (const status of [411, 501]) {
  test(`a service that answers ${status} to a trailer is told from then on without one, and the upload can be tried again`, async (context) => {
    const { fault, origin } = await startS3Origin(context, async (request, reply) => {
      await request.body
      reply.answer(request.headers.has('x-amz-trailer') ? status : 200, { etag: '"e"' }, '<Error/>')
    })
    await assert.rejects(origin.send(upload()), failsAs('unreachable'))
    const answer = await origin.send(upload())
    assert.equal(answer.status, 200)
    await text(answer.body)
    const seen = fault.requests[1]!
    assert.equal((await seen.body).toString(), 'abc')
    assert.equal(seen.headers.get('content-length'), '3')
    assert.equal(seen.headers.get('x-amz-content-sha256'), 'UNSIGNED-PAYLOAD')
    assert.equal(seen.headers.get('content-encoding'), undefined)
  })
}

test('an answer of a described service, and any other error, teach nothing', () => {
  const refused: OriginResponse = { status: 411, headers: [], body: sourceOf() }
  assert.equal(new OriginDialect('aws', 'http://h').learnsFrom(upload(), refused), false)
  const learning = new OriginDialect('auto', 'http://h')
  for (const status of [200, 400, 403, 500, 503]) assert.equal(learning.learnsFrom(upload(), { ...refused, status }), false)
  assert.equal(learning.learnsFrom(requestOf(), refused), false)
  assert.equal(learning.adapt(upload()).payload.kind, 'trailer')
})
