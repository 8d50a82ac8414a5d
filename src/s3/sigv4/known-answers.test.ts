import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, sourceOf } from '../../base/byte-source.ts'
import { EMPTY_SHA256, sha256Hex, stringToSign } from './canonical.ts'
import { chunkStringToSign, trailerStringToSign } from './chunk-signature.ts'
import { decodeAwsChunked } from './chunked.ts'
import { presign } from './sign.ts'
import { deriveSigningKey } from './signing-key.ts'
import { TwoVerifiers, type SentRequest } from '../../../test/support/two-verifiers.ts'

/*
 * The worked examples of the Amazon S3 API Reference: "Signature Calculations for the Authorization Header" (single chunk: four,
 * multiple chunks, with trailing headers) and "Authenticating Requests: Using Query Parameters". That of a POST policy is in
 * src/s3/post/policy.test.ts.
 */

const ACCESS_KEY_ID = 'AKIAIOSFODNN7EXAMPLE'
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const AMZ_DATE = '20130524T000000Z'
const BUCKET_HOST = 'examplebucket.s3.amazonaws.com'
const NOW_MS = Date.parse('2013-05-24T00:00:00Z')
const SCOPE = '20130524/us-east-1/s3/aws4_request'
const KEY = deriveSigningKey(SECRET, '20130524', 'us-east-1', 's3')

const verifier = new TwoVerifiers({
  lookup: (id: string) => (id === ACCESS_KEY_ID ? { secretAccessKey: SECRET } : undefined),
  region: 'us-east-1',
  skewMs: 900_000,
})

function authorization(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY_ID}/${SCOPE},SignedHeaders=${signedHeaders},Signature=${signature}`
}

function signatureOf(request: SentRequest): string {
  const verified = verifier.verify(request, NOW_MS)
  assert.ok(verified !== 'anonymous')
  return verified.signature
}

test('1: GET with Range', () => {
  const signature = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'
  const headers = [
    'host',
    'examplebucket.s3.amazonaws.com',
    'range',
    'bytes=0-9',
    'x-amz-content-sha256',
    EMPTY_SHA256,
    'x-amz-date',
    AMZ_DATE,
  ]
  const signed = [...headers, 'authorization', authorization('host;range;x-amz-content-sha256;x-amz-date', signature)]
  assert.equal(signatureOf({ method: 'GET', rawPath: '/test.txt', rawQuery: '', headers: signed }), signature)
})

test('PUT with a date of its own kind, a storage class and a body hash', () => {
  const signature = '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'
  const payload = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'
  assert.equal(sha256Hex('Welcome to Amazon S3.'), payload)
  const headers = ['host', BUCKET_HOST, 'date', 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-date', AMZ_DATE]
  headers.push('x-amz-storage-class', 'REDUCED_REDUNDANCY', 'x-amz-content-sha256', payload)
  headers.push('authorization', authorization('date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class', signature))
  // The documentation writes the key with a bare $; SDKs send it encoded.
  for (const rawPath of ['/test$file.text', '/test%24file.text']) {
    assert.equal(signatureOf({ method: 'PUT', rawPath, rawQuery: '', headers }), signature)
  }
})

test('GET of a sub-resource without a value, and of a list', () => {
  for (const [rawQuery, signature] of [
    ['lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ] as const) {
    const headers = ['host', BUCKET_HOST, 'x-amz-date', AMZ_DATE, 'x-amz-content-sha256', EMPTY_SHA256]
    headers.push('authorization', authorization('host;x-amz-content-sha256;x-amz-date', signature))
    assert.equal(signatureOf({ method: 'GET', rawPath: '/', rawQuery, headers }), signature)
  }
})

test('2: presigned GET, also as presign() makes it', () => {
  const signature = 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'
  const host = 'examplebucket.s3.amazonaws.com'
  const rawQuery = presign({
    method: 'GET',
    rawPath: '/test.txt',
    rawQuery: '',
    host,
    nowMs: NOW_MS,
    expiresSeconds: 86_400,
    credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET },
    region: 'us-east-1',
  })
  assert.ok(rawQuery.endsWith(`&X-Amz-Signature=${signature}`))
  assert.equal(signatureOf({ method: 'GET', rawPath: '/test.txt', rawQuery, headers: ['host', host] }), signature)
})

const STREAMING = { signingKey: KEY, amzDate: AMZ_DATE, scope: SCOPE }
const FIRST = Buffer.alloc(65_536, 'a')
const SECOND = Buffer.alloc(1024, 'a')
const HOST_AND_REST = ['host', 's3.amazonaws.com', 'content-encoding', 'aws-chunked', 'x-amz-decoded-content-length', '66560']

test('3 to 6: streaming upload with signed chunks', async () => {
  const seed = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'
  const chunks = [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ]
  const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
  const names = 'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class'
  const headers = [...HOST_AND_REST, 'content-length', '66824', 'x-amz-storage-class', 'REDUCED_REDUNDANCY', 'x-amz-date', AMZ_DATE]
  headers.push('x-amz-content-sha256', payload, 'authorization', authorization(names, seed))
  assert.equal(signatureOf({ method: 'PUT', rawPath: '/examplebucket/chunkObject.txt', rawQuery: '', headers }), seed)

  const signing = { ...STREAMING, seedSignature: seed }
  assert.equal(KEY.sign(chunkStringToSign(signing, seed, sha256Hex(FIRST))), chunks[0])
  assert.equal(KEY.sign(chunkStringToSign(signing, chunks[0]!, sha256Hex(SECOND))), chunks[1])
  assert.equal(KEY.sign(chunkStringToSign(signing, chunks[1]!, EMPTY_SHA256)), chunks[2])

  const framed = Buffer.concat([
    Buffer.from(`10000;chunk-signature=${chunks[0]}\r\n`),
    FIRST,
    Buffer.from(`\r\n400;chunk-signature=${chunks[1]}\r\n`),
    SECOND,
    Buffer.from(`\r\n0;chunk-signature=${chunks[2]}\r\n\r\n`),
  ])
  assert.equal(framed.length, 66_824)
  const decoded = decodeAwsChunked(sourceOf(framed), { mode: 'signed', decodedLength: 66_560, verifier: signing, trailerNames: [] })
  assert.deepEqual(await collect(decoded, 100_000), Buffer.concat([FIRST, SECOND]))
})

test('7 to 11: streaming upload with signed chunks and trailer', async () => {
  const seed = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'
  const chunks = [
    'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
    '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
    '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
  ]
  const trailer = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435'
  const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
  const names = 'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer'
  const headers = [...HOST_AND_REST, 'x-amz-storage-class', 'REDUCED_REDUNDANCY', 'x-amz-trailer', 'x-amz-checksum-crc32c']
  headers.push('x-amz-date', AMZ_DATE, 'x-amz-content-sha256', payload, 'authorization', authorization(names, seed))
  assert.equal(signatureOf({ method: 'PUT', rawPath: '/examplebucket/chunkObject.txt', rawQuery: '', headers }), seed)

  const signing = { ...STREAMING, seedSignature: seed }
  assert.equal(KEY.sign(chunkStringToSign(signing, seed, sha256Hex(FIRST))), chunks[0])
  assert.equal(KEY.sign(chunkStringToSign(signing, chunks[0]!, sha256Hex(SECOND))), chunks[1])
  assert.equal(KEY.sign(chunkStringToSign(signing, chunks[1]!, EMPTY_SHA256)), chunks[2])
  const fields = ['x-amz-checksum-crc32c', 'sOO8/Q==']
  assert.equal(KEY.sign(trailerStringToSign(signing, chunks[2]!, fields)), trailer)

  const framed = Buffer.concat([
    Buffer.from(`10000;chunk-signature=${chunks[0]}\r\n`),
    FIRST,
    Buffer.from(`\r\n400;chunk-signature=${chunks[1]}\r\n`),
    SECOND,
    Buffer.from(`\r\n0;chunk-signature=${chunks[2]}\r\nx-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:${trailer}\r\n\r\n`),
  ])
  const decoded = decodeAwsChunked(sourceOf(framed), {
    mode: 'signed-trailer',
    decodedLength: 66_560,
    verifier: signing,
    trailerNames: ['x-amz-checksum-crc32c'],
  })
  assert.deepEqual(await collect(decoded, 100_000), Buffer.concat([FIRST, SECOND]))
  assert.deepEqual(decoded.trailers(), fields)
})

test('stringToSign() of the first example, signed, is its signature', () => {
  const canonical = [
    'GET',
    '/test.txt',
    '',
    'host:examplebucket.s3.amazonaws.com',
    'range:bytes=0-9',
    `x-amz-content-sha256:${EMPTY_SHA256}`,
    `x-amz-date:${AMZ_DATE}`,
    '',
    'host;range;x-amz-content-sha256;x-amz-date',
    EMPTY_SHA256,
  ].join('\n')
  assert.equal(
    KEY.sign(stringToSign(AMZ_DATE, SCOPE, sha256Hex(canonical))),
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  )
})
