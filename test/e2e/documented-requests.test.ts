import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { collect } from '../../src/base/byte-source.ts'
import { headerValue } from '../../src/base/header-list.ts'
import { RawClient, type RawResponse } from '../../src/http/testing/raw-client.ts'
import { OriginFailure, type OriginRequest } from '../../src/origin/origin.ts'
import { FunctionOrigin, reply } from '../support/function-origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'

/*
 * The worked examples of the Amazon S3 API Reference as they are on the wire, signatures included ("Signature Calculations for the
 * Authorization Header": single chunk, multiple chunks, with trailing headers; "Authenticating Requests: Using Query Parameters").
 */

const KEY_ID = 'AKIAIOSFODNN7EXAMPLE'
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const OBJECT = 'the first ten bytes, and more'
const BODY = Buffer.alloc(66_560, 'a')

/** What arrived at the origin whole. */
interface Arrived extends Pick<OriginRequest, 'method' | 'bucket' | 'rawKey' | 'rawQuery' | 'headers'> {
  readonly body: Uint8Array | undefined
}

async function start(
  context: TestContext,
): Promise<{ readonly arrived: Arrived[]; readonly send: (bytes: Buffer) => Promise<RawResponse> }> {
  const arrived: Arrived[] = []
  const origin = new FunctionOrigin(async (request) => {
    const { method, bucket, rawKey, rawQuery, headers } = request
    const body = await collect(request.body, 100_000).catch((cause: unknown) => {
      throw new OriginFailure('body', 'The body broke off', { cause })
    })
    arrived.push({ method, bucket, rawKey, rawQuery, headers, body })
    if (method === 'PUT') return reply(200, { etag: '"put"' })
    const range = { 'content-range': `bytes 0-${OBJECT.length - 1}/${OBJECT.length}`, etag: '"object"' }
    return rawKey === undefined ? reply(200, {}, '<Result/>') : reply(206, range, OBJECT)
  })
  const proxy = await proxyFor(context, {
    origin,
    anonymous: false,
    domains: ['s3.amazonaws.com'],
    startMs: Date.parse('2013-05-24T00:00:00Z'),
    clients: [
      { accessKeyId: KEY_ID, secretAccessKey: SECRET, sessionToken: undefined, grants: [{ bucket: '*', prefix: '', actions: ALL }] },
    ],
  })
  const client = await RawClient.connect(Number(new URL(proxy.endpoint).port))
  context.after(() => client.destroy())
  return {
    arrived,
    send: async (bytes) => {
      client.send(bytes)
      return client.response()
    },
  }
}

const ALL = ['read', 'list', 'write', 'delete', 'admin'] as const

function authorization(signedHeaders: string, signature: string): string {
  return `Authorization: AWS4-HMAC-SHA256 Credential=${KEY_ID}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`
}

function bytesOf(lines: readonly string[], body: Uint8Array | string = ''): Buffer {
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)])
}

const FROM_BUCKET = ['Host: examplebucket.s3.amazonaws.com', 'x-amz-date: 20130524T000000Z']
const SIGNED = 'host;x-amz-content-sha256;x-amz-date'

const GETS: Readonly<Record<string, Buffer>> = {
  'GET with Range': bytesOf([
    'GET /test.txt HTTP/1.1',
    ...FROM_BUCKET,
    authorization('host;range;x-amz-content-sha256;x-amz-date', 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'),
    'Range: bytes=0-9',
    `x-amz-content-sha256:${EMPTY}`,
  ]),
  'GET lifecycle': bytesOf([
    'GET /?lifecycle HTTP/1.1',
    ...FROM_BUCKET,
    authorization(SIGNED, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'),
    `x-amz-content-sha256: ${EMPTY}`,
  ]),
  'GET list': bytesOf([
    'GET /?max-keys=2&prefix=J HTTP/1.1',
    ...FROM_BUCKET,
    authorization(SIGNED, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'),
    `x-amz-content-sha256:${EMPTY}`,
  ]),
  'presigned GET': bytesOf([
    `GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${KEY_ID}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1`,
    'Host: examplebucket.s3.amazonaws.com',
  ]),
}

const PUT = bytesOf(
  [
    'PUT /test$file.text HTTP/1.1',
    'Host: examplebucket.s3.amazonaws.com',
    'Date: Fri, 24 May 2013 00:00:00 GMT',
    authorization(
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ),
    'x-amz-date: 20130524T000000Z ',
    'x-amz-storage-class: REDUCED_REDUNDANCY',
    'x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    'Content-Length: 21',
  ],
  'Welcome to Amazon S3.',
)

const TO_CHUNK_OBJECT = [
  'PUT /examplebucket/chunkObject.txt HTTP/1.1',
  'Host: s3.amazonaws.com',
  'x-amz-date: 20130524T000000Z',
  'x-amz-storage-class: REDUCED_REDUNDANCY',
  'Content-Encoding: aws-chunked',
  'x-amz-decoded-content-length: 66560',
]

function chunkedBody(signatures: readonly [string, string, string], trailer: string): Buffer {
  return Buffer.concat([
    Buffer.from(`10000;chunk-signature=${signatures[0]}\r\n`),
    BODY.subarray(0, 65_536),
    Buffer.from(`\r\n400;chunk-signature=${signatures[1]}\r\n`),
    BODY.subarray(65_536),
    Buffer.from(`\r\n0;chunk-signature=${signatures[2]}\r\n${trailer}\r\n`),
  ])
}

const CHUNKED = ((): Buffer => {
  const body = chunkedBody(
    [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ],
    '',
  )
  const names = 'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class'
  const own = ['x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'Content-Length: 66824']
  assert.equal(body.length, 66_824)
  return bytesOf(
    [...TO_CHUNK_OBJECT, ...own, authorization(names, '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9')],
    body,
  )
})()

const WITH_TRAILER = ((): Buffer => {
  const body = chunkedBody(
    [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ],
    'x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n',
  )
  const names = 'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer'
  const own = ['x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', 'x-amz-trailer:x-amz-checksum-crc32c']
  return bytesOf(
    [
      ...TO_CHUNK_OBJECT,
      ...own,
      `Content-Length: ${body.length}`,
      authorization(names, '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'),
    ],
    body,
  )
})()

test('the documented reads are answered', async (context) => {
  const { arrived, send } = await start(context)
  const ranged = await send(GETS['GET with Range']!)
  assert.equal(ranged.status, 206)
  assert.equal(ranged.body.toString('latin1'), OBJECT.slice(0, 10))
  assert.equal((await send(GETS['GET lifecycle']!)).status, 200)
  assert.equal((await send(GETS['GET list']!)).status, 200)
  const whole = await send(GETS['presigned GET']!)
  assert.equal(whole.status, 200)
  assert.equal(whole.body.toString('latin1'), OBJECT)
  const asked = arrived.map(({ method, bucket, rawKey = '', rawQuery }) => `${method} ${bucket}/${rawKey}?${rawQuery}`)
  assert.deepEqual(asked, ['GET examplebucket/test.txt?', 'GET examplebucket/?lifecycle', 'GET examplebucket/?max-keys=2&prefix=J'])
})

test('the documented writes arrive at the origin, byte for byte', async (context) => {
  const { arrived, send } = await start(context)
  for (const request of [PUT, CHUNKED, WITH_TRAILER]) assert.equal((await send(request)).status, 200)
  assert.deepEqual(
    arrived.map(({ rawKey, headers }) => [rawKey, headerValue(headers, 'x-amz-storage-class')]),
    [
      ['test$file.text', 'REDUCED_REDUNDANCY'],
      ['chunkObject.txt', 'REDUCED_REDUNDANCY'],
      ['chunkObject.txt', 'REDUCED_REDUNDANCY'],
    ],
  )
  const [put, chunked, withTrailer] = arrived.map(({ body }) => Buffer.from(body ?? []))
  assert.equal(put?.toString('latin1'), 'Welcome to Amazon S3.')
  assert.ok(chunked?.equals(BODY) && withTrailer?.equals(BODY))
})

/** The same bytes with one digit of the signature that begins at `mark` changed. */
function forged(request: Buffer, mark: string): Buffer {
  const at = request.indexOf(mark) + mark.length
  assert.ok(at >= mark.length, mark)
  const changed = Buffer.from(request)
  changed[at + 10] = changed[at + 10] === 0x30 ? 0x31 : 0x30
  return changed
}

test('the documented requests are refused with one digit of a signature changed', async (context) => {
  for (const request of [...Object.values(GETS), PUT, CHUNKED, WITH_TRAILER]) {
    const { arrived, send } = await start(context)
    const answer = await send(forged(request, 'Signature='))
    assert.equal(answer.status, 403)
    assert.match(answer.body.toString('latin1'), /<Code>SignatureDoesNotMatch<\/Code>/)
    assert.equal(arrived.length, 0)
  }
})

test('the documented uploads are refused with one digit of any chunk or trailer signature changed', async (context) => {
  const marks = ['10000;chunk-signature=', '\r\n400;chunk-signature=', '\r\n0;chunk-signature=']
  for (const [request, mark] of [
    ...marks.map((mark) => [CHUNKED, mark] as const),
    ...[...marks, 'x-amz-trailer-signature:'].map((mark) => [WITH_TRAILER, mark] as const),
  ]) {
    const { arrived, send } = await start(context)
    const answer = await send(forged(request, mark))
    assert.equal(answer.status, 403, mark)
    assert.match(answer.body.toString('latin1'), /<Code>SignatureDoesNotMatch<\/Code>/)
    assert.equal(arrived.length, 0)
  }
})
