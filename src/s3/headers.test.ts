import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  forwardedRequestFields,
  forwardedResponseFields,
  isChecksumField,
  isHopByHop,
  storedFields,
  wantsChecksums,
  withoutAwsChunked,
  withoutChecksums,
  withoutRangeAndConditions,
  withoutUntoldChecksums,
} from './headers.ts'
import { parseQuery } from './query.ts'

const list = (...names: string[]): string[] => names.flatMap((name) => [name, `value of ${name}`])
const HOP_BY_HOP = list(
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
)

test('forwardedRequestFields() leaves out the signature, the connection and the framing', () => {
  const kept = list(
    'range',
    'x-amz-meta-a',
    'x-amz-meta-a',
    'content-type',
    'content-md5',
    'x-amz-acl',
    'x-amz-sdk-checksum-algorithm',
    'user-agent',
  )
  const signature = list('authorization', 'host', 'date', 'expect', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token')
  const framing = list('content-length', 'x-amz-decoded-content-length', 'x-amz-trailer')
  assert.deepEqual(forwardedRequestFields([...signature, ...kept, ...framing, ...HOP_BY_HOP]), kept)
})

test('forwardedRequestFields() honours Connection and unwraps aws-chunked', () => {
  assert.deepEqual(forwardedRequestFields(['connection', 'close, X-Private', 'x-private', '1', 'x-public', '2']), ['x-public', '2'])
  assert.deepEqual(forwardedRequestFields(['content-encoding', 'gzip,aws-chunked']), ['content-encoding', 'gzip'])
  assert.deepEqual(forwardedRequestFields(['content-encoding', 'aws-chunked', 'etag', 'x']), ['etag', 'x'])
})

test('forwardedResponseFields() sends on everything that is end to end', () => {
  const kept = list(
    'x-amz-request-id',
    'server',
    'etag',
    'content-range',
    'set-cookie',
    'set-cookie',
    'access-control-allow-origin',
    'vary',
  )
  assert.deepEqual(forwardedResponseFields([...list('date', 'content-length'), ...kept, ...HOP_BY_HOP]), kept)
})

test('storedFields() keeps what is about the object and drops what is about one answer', () => {
  const kept = list('etag', 'last-modified', 'content-type', 'content-encoding', 'content-disposition', 'cache-control', 'expires')
  kept.push(...list('x-amz-meta-owner', 'x-amz-version-id', 'x-amz-checksum-crc32', 'x-amz-storage-class', 'x-amz-tagging-count'))
  kept.push(...list('x-amz-server-side-encryption', 'x-amz-object-lock-mode', 'x-goog-generation', 'x-rgw-object-type'))
  const dropped = list(
    'date',
    'server',
    'x-amz-request-id',
    'x-amz-id-2',
    'set-cookie',
    'vary',
    'age',
    'via',
    'content-length',
    'content-range',
  )
  dropped.push(...list('accept-ranges', 'x-amzn-requestid', 'x-cache'))
  kept.push(...list('access-control-allow-origin', 'access-control-expose-headers'))
  assert.deepEqual(storedFields([...dropped, ...kept, ...HOP_BY_HOP]), kept)
  assert.deepEqual(storedFields(['connection', 'x-hop', 'x-hop', '1', 'etag', '"e"']), ['etag', '"e"'])
})

test('withoutChecksums() leaves nothing that an SDK would check a range against', () => {
  const fields = list('etag', 'x-amz-checksum-crc64nvme', 'x-amz-checksum-type', 'x-amz-meta-checksum')
  assert.deepEqual(withoutChecksums(fields), list('etag', 'x-amz-meta-checksum'))
  for (const name of ['x-amz-checksum-sha256', 'x-rgw-checksum-sha512']) assert.equal(isChecksumField(name), true)
})

test('withoutUntoldChecksums() keeps checksums of an object in parts only with their type', () => {
  const whole = ['etag', '"abc"', 'x-amz-checksum-crc32', 'AAAAAA==']
  const parts = ['etag', '"abc-2"', 'x-amz-checksum-crc32', 'AAAAAA==-2']
  assert.deepEqual(withoutUntoldChecksums(whole), whole)
  assert.deepEqual(withoutUntoldChecksums(parts), ['etag', '"abc-2"'])
  const told = [...parts, 'x-amz-checksum-type', 'COMPOSITE']
  assert.deepEqual(withoutUntoldChecksums(told), told)
})

test('withoutRangeAndConditions() leaves a request for the object itself', () => {
  const conditions = list('range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range')
  assert.deepEqual(
    withoutRangeAndConditions([...conditions, ...list('accept', 'x-amz-checksum-mode')]),
    list('accept', 'x-amz-checksum-mode'),
  )
})

test('wantsChecksums() takes the field in any case of value, and the parameter of a presigned URL', () => {
  assert.equal(wantsChecksums(['x-amz-checksum-mode', 'ENABLED'], []), true)
  assert.equal(wantsChecksums(['x-amz-checksum-mode', 'enabled'], []), true)
  assert.equal(wantsChecksums([], parseQuery('x-amz-checksum-mode=ENABLED')), true)
  assert.equal(wantsChecksums([], parseQuery('X-Amz-Checksum-Mode=enabled')), true)
  assert.equal(wantsChecksums([], []), false)
  assert.equal(wantsChecksums(['x-amz-checksum-mode', 'no'], []), false)
})

test('withoutAwsChunked() keeps the codings of the object', () => {
  const table: [string, string | undefined][] = [
    ['gzip', 'gzip'],
    ['aws-chunked', undefined],
    ['AWS-Chunked', undefined],
    ['aws-chunked,gzip', 'gzip'],
    ['gzip, aws-chunked', 'gzip'],
    ['gzip , br,aws-chunked,', 'gzip,br'],
    ['', ''],
  ]
  for (const [value, expected] of table) assert.equal(withoutAwsChunked(value), expected, value)
})

test('isHopByHop() knows the fields of one connection', () => {
  assert.equal(isHopByHop('transfer-encoding'), true)
  assert.equal(isHopByHop('content-length'), true)
  assert.equal(isHopByHop('etag'), false)
})
