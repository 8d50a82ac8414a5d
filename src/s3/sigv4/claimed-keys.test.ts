import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseQuery } from '../query.ts'
import { claimedKeys, keyOfCredential } from './claimed-keys.ts'

const SCOPE = '20260101/us-east-1/s3/aws4_request'

test('claimedKeys() finds the key in an Authorization field and in a presigned query, however the name is written', () => {
  const authorization = `AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AK1/${SCOPE}, Signature=00`
  assert.deepEqual(claimedKeys(['authorization', authorization], []), ['AK1'])
  const query = parseQuery(`x-amz-credential=AK2%2F${SCOPE.replaceAll('/', '%2F')}`)
  assert.deepEqual(claimedKeys(['authorization', authorization], query), ['AK1', 'AK2'])
  assert.deepEqual(claimedKeys(['authorization', 'AWS AK3:c2ln'], parseQuery('AWSAccessKeyId=AK3')), [])
  assert.deepEqual(claimedKeys([], []), [])
})

test('keyOfCredential() takes what stands before the scope, slashes included, and nothing where there is no scope', () => {
  assert.equal(keyOfCredential(`team/key/${SCOPE}`), 'team/key')
  for (const text of ['', 'AK', SCOPE]) assert.equal(keyOfCredential(text), '')
})
