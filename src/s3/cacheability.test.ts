import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  requestCacheability,
  responseOverrides,
  storableResponse,
  type UncacheableRequest,
  type UnstorableResponse,
} from './cacheability.ts'
import { Refusal } from './errors.ts'
import { parseQuery } from './query.ts'

const ETAG = '"0123456789abcdef-2"'

function reasonOf(headers: readonly string[], rawQuery = '', signed = true): UncacheableRequest | undefined {
  const answer = requestCacheability({ headers, query: parseQuery(rawQuery), signed })
  return answer === 'cacheable' ? undefined : answer.reason
}

test('requestCacheability() lets the cache answer what ordinary clients send', () => {
  const headers = ['host', 'h', 'authorization', 'a', 'x-amz-date', 'd', 'x-amz-content-sha256', 'u', 'x-amz-security-token', 't']
  headers.push('x-amz-checksum-mode', 'ENABLED', 'x-amz-user-agent', 'aws-sdk-js', 'amz-sdk-invocation-id', 'i', 'x-amzn-trace-id', 'r')
  headers.push(
    'x-forwarded-for',
    '::1',
    'range',
    'bytes=0-1',
    'if-match',
    ETAG,
    'accept-encoding',
    'identity',
    'x-amz-api-version',
    '2006-03-01',
  )
  assert.equal(reasonOf(headers), undefined)
  assert.equal(reasonOf([], 'x-id=GetObject&x-amz-checksum-mode=ENABLED&X-Amz-Signature=00'), undefined)
  assert.equal(reasonOf([], 'response-content-type=text/plain&response-expires=x'), undefined)
  assert.equal(reasonOf([], 'versionId=null'), undefined)
  assert.equal(reasonOf([], `versionId=${'v'.repeat(1024)}&response-expires=x`), undefined)
})

test('requestCacheability() leaves to the origin whose answer depends on more than the object', () => {
  const headers: [string, UncacheableRequest][] = [
    ['x-amz-server-side-encryption-customer-algorithm', 'sse-c'],
    ['x-amz-server-side-encryption-customer-key', 'sse-c'],
    ['x-goog-encryption-key', 'sse-c'],
    ['x-amz-request-payer', 'request-payer'],
    ['x-amz-expected-bucket-owner', 'expected-bucket-owner'],
    ['origin', 'cors'],
    ['x-amz-optional-object-attributes', 'unknown-field'],
    ['x-amz-not-yet-invented', 'unknown-field'],
    ['x-minio-extract', 'unknown-field'],
    ['x-rgw-something', 'unknown-field'],
  ]
  for (const [name, reason] of headers) assert.equal(reasonOf([name, 'x']), reason, name)
  const queries: [string, UncacheableRequest][] = [
    ['partNumber=1', 'part-number'],
    ['versionId=', 'version-id'],
    ['versionId=a%00b', 'version-id'],
    [`versionId=${'v'.repeat(1025)}`, 'version-id'],
    ['x-amz-request-payer=requester', 'request-payer'],
    ['X-Amz-Expected-Bucket-Owner=1', 'expected-bucket-owner'],
    ['response-expires=a&response-expires=b', 'response-override'],
  ]
  for (const [query, reason] of queries) assert.equal(reasonOf([], query), reason, query)
  assert.equal(reasonOf([], 'response-expires=a', false), 'response-override')
})

test('responseOverrides() gives the fields that the client wants replaced', () => {
  const query = parseQuery(
    'response-content-type=text%2Fplain&x-id=GetObject&response-content-disposition=attachment%3B+filename%3D%22%C3%A9%22',
  )
  assert.deepEqual(responseOverrides(query), ['content-type', 'text/plain', 'content-disposition', 'attachment; filename="\xc3\xa9"'])
  assert.deepEqual(responseOverrides([]), [])
})

test('responseOverrides() refuses values that would begin a field of their own', () => {
  for (const value of ['a%0d%0aset-cookie: x', 'a%0ab', '%00', 'a%7f']) {
    const query = parseQuery(`response-content-type=${value}`)
    assert.throws(
      () => responseOverrides(query),
      (error) => error instanceof Refusal && error.code === 'InvalidArgument',
      value,
    )
  }
})

test('storableResponse() wants a strong ETag and the whole size', () => {
  const whole = ['etag', ETAG, 'content-length', '1024', 'content-encoding', 'gzip']
  assert.deepEqual(storableResponse(200, whole), { storable: true, etag: ETAG, sizeBytes: 1024 })
  assert.deepEqual(storableResponse(200, ['etag', ETAG, 'content-length', '0']), { storable: true, etag: ETAG, sizeBytes: 0 })
  const part = ['etag', ETAG, 'content-length', '10', 'content-range', 'bytes 0-9/1024']
  assert.deepEqual(storableResponse(206, part), { storable: true, etag: ETAG, sizeBytes: 1024 })
})

test('storableResponse() refuses what cannot be named, measured or shared', () => {
  const length = ['content-length', '5']
  const good = ['etag', ETAG, ...length]
  const table: [status: number, headers: string[], reason: UnstorableResponse][] = [
    [304, good, 'status'],
    [404, good, 'status'],
    [200, length, 'no-strong-etag'],
    [200, ['etag', `W/${ETAG}`, ...length], 'no-strong-etag'],
    [200, ['etag', 'bare', ...length], 'no-strong-etag'],
    [200, ['etag', '"', ...length], 'no-strong-etag'],
    [200, ['etag', '"a', ...length], 'no-strong-etag'],
    [200, ['etag', ETAG, 'etag', ETAG, ...length], 'no-strong-etag'],
    [200, ['etag', ETAG], 'no-length'],
    [200, ['etag', ETAG, ...length, 'content-length', '6'], 'no-length'],
    [200, ['etag', ETAG, 'content-length', '-1'], 'no-length'],
    [206, good, 'no-length'],
    [206, [...good, 'content-range', 'bytes 0-4/*'], 'no-length'],
    [206, [...good, 'content-range', 'bytes */5'], 'no-length'],
    [206, [...good, 'content-type', 'multipart/byteranges; boundary=x'], 'multipart-ranges'],
    [200, [...good, 'content-encoding', 'aws-chunked'], 'aws-chunked'],
    [200, [...good, 'content-encoding', 'gzip', 'content-encoding', 'AWS-Chunked'], 'aws-chunked'],
    [200, [...good, 'x-amz-server-side-encryption-customer-algorithm', 'AES256'], 'sse-c'],
    [200, [...good, 'x-amz-request-charged', 'requester'], 'requester-pays'],
  ]
  for (const [status, headers, reason] of table) {
    assert.deepEqual(storableResponse(status, headers), { storable: false, reason }, JSON.stringify(headers))
  }
})
