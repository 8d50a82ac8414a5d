import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { Refusal } from '../errors.ts'
import { deriveSigningKey } from '../sigv4/signing-key.ts'
import { formValue, type FormField } from './form.ts'
import { signForm, verifyForm, type PostPolicy } from './policy.ts'

const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const NOW_MS = Date.UTC(2015, 11, 29, 1, 0, 0)

/** The signature by HMACs written out, apart from the code under test. */
function signatureOf(policy: string, secret: string, scope: string): string {
  let key = createHmac('sha256', `AWS4${secret}`)
    .update(scope.split('/')[0] ?? '')
    .digest()
  for (const step of scope.split('/').slice(1)) key = createHmac('sha256', key).update(step).digest()
  return createHmac('sha256', key).update(policy).digest('hex')
}

const SCOPE = '20151229/us-east-1/s3/aws4_request'
const CREDENTIAL = `${CREDENTIALS.accessKeyId}/${SCOPE}`
const CONDITIONS: readonly unknown[] = [
  { bucket: 'sigv4examplebucket' },
  ['starts-with', '$key', 'user/user1/'],
  { 'x-amz-credential': CREDENTIAL },
  ['eq', '$X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
  ['starts-with', '$x-amz-date', '20151229'],
  ['content-length-range', 1, 1000],
]

function formOf(document: object, changes: Readonly<Record<string, string | undefined>> = {}): FormField[] {
  const policy = Buffer.from(JSON.stringify(document)).toString('base64')
  const fields: Record<string, string | undefined> = {
    key: 'user/user1/x',
    policy,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': CREDENTIAL,
    'x-amz-date': '20151229T000000Z',
    'x-amz-signature': signatureOf(policy, CREDENTIALS.secretAccessKey, SCOPE),
    ...changes,
  }
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
}

function verify(fields: readonly FormField[], sessionToken?: string): ReturnType<typeof verifyForm> {
  const lookup = (id: string) => (id === CREDENTIALS.accessKeyId ? { ...CREDENTIALS, sessionToken } : undefined)
  return verifyForm(fields, { lookup, nowMs: NOW_MS, signingKey: deriveSigningKey })
}

const FINE = { expiration: '2015-12-30T12:00:00.000Z', conditions: CONDITIONS }

function codeOf(fields: readonly FormField[], sessionToken?: string): string {
  try {
    verify(fields, sessionToken)
    return 'accepted'
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error))
    return error.code
  }
}

test('verifyForm() gives who signed a form and the policy', () => {
  assert.deepEqual(verify(formOf(FINE)), { accessKeyId: CREDENTIALS.accessKeyId, policy: FINE })
  assert.equal(verify([{ name: 'key', value: 'k' }]), 'anonymous')
})

test('verifyForm() takes the example that S3 documents, within its time', () => {
  // S3 API reference, "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)".
  const policy =
    'eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9'
  const documented = formOf(FINE, { policy, 'x-amz-signature': '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e' })
  const verified = verify(documented)
  assert.ok(verified !== 'anonymous')
  assert.equal(verified.policy.conditions.length, 11)
})

test('verifyForm() refuses what was changed, is over, or is not signed by a known key', () => {
  const policyOf = (document: object): string => Buffer.from(JSON.stringify(document)).toString('base64')
  const cases: readonly [code: string, fields: readonly FormField[], token?: string][] = [
    ['SignatureDoesNotMatch', formOf(FINE, { policy: policyOf({ ...FINE, conditions: [] }) })],
    ['SignatureDoesNotMatch', formOf(FINE, { 'x-amz-signature': '0'.repeat(64) })],
    ['SignatureDoesNotMatch', formOf(FINE, { 'x-amz-signature': 'short' })],
    ['InvalidAccessKeyId', formOf(FINE, { 'x-amz-credential': `OTHER/${SCOPE}` })],
    ['InvalidRequest', formOf(FINE, { 'x-amz-algorithm': 'AWS4-ECDSA-P256-SHA256' })],
    ['InvalidRequest', formOf(FINE, { awsaccesskeyid: 'x' })],
    ['InvalidRequest', [{ name: 'signature', value: 'x' }]],
    ['InvalidArgument', formOf(FINE, { policy: undefined })],
    ['InvalidArgument', formOf(FINE, { 'x-amz-signature': undefined })],
    ['InvalidArgument', formOf(FINE, { 'x-amz-date': 'yesterday' })],
    ['AuthorizationQueryParametersError', formOf(FINE, { 'x-amz-date': '20151230T000000Z' })],
    ['AuthorizationQueryParametersError', formOf(FINE, { 'x-amz-credential': 'nonsense' })],
    ['InvalidToken', formOf(FINE, { 'x-amz-security-token': 'unexpected' })],
    ['InvalidToken', formOf(FINE), 'expected'],
    ['accepted', formOf(FINE, { 'x-amz-security-token': 'expected' }), 'expected'],
    ['AccessDenied', formOf({ ...FINE, expiration: '2015-12-29T01:00:00Z' })],
    ['accepted', formOf({ ...FINE, expiration: '2015-12-29T01:00:00.001Z' })],
    ['InvalidPolicyDocument', formOf({ ...FINE, expiration: 'never' })],
    ['InvalidPolicyDocument', formOf({ conditions: [] })],
    ['InvalidPolicyDocument', formOf({ expiration: FINE.expiration })],
    ['InvalidPolicyDocument', formOf(['no policy'])],
    ['AccessDenied', formOf({ ...FINE, conditions: [{ 'x-amz-credential': 'another' }] })],
    ['AccessDenied', formOf({ ...FINE, conditions: [['starts-with', '$x-amz-date', '2016']] })],
    ['AccessDenied', formOf({ ...FINE, conditions: [['never-heard-of', '$x-amz-date', '20151229T000000Z']] })],
    ['accepted', formOf({ ...FINE, conditions: [['never-heard-of', '$key', 'x'], 'x', null, 5] })],
  ]
  for (const [index, [code, fields, token]] of cases.entries()) assert.equal(codeOf(fields, token), code, `case ${index}`)
})

const ORIGIN = { accessKeyId: 'ORIGINKEY', secretAccessKey: 'origin-secret', sessionToken: 'origin-token' }
const SIGNING = { credentials: ORIGIN, bucket: 'b', region: 'eu-west-1', nowMs: NOW_MS, signingKey: deriveSigningKey }

function signedPolicy(fields: readonly FormField[]): PostPolicy {
  const policy = formValue(fields, 'policy') ?? ''
  const scope = '20151229/eu-west-1/s3/aws4_request'
  assert.equal(formValue(fields, 'x-amz-credential'), `ORIGINKEY/${scope}`)
  assert.equal(formValue(fields, 'x-amz-security-token'), 'origin-token')
  assert.equal(formValue(fields, 'x-amz-signature'), signatureOf(policy, ORIGIN.secretAccessKey, scope))
  return JSON.parse(Buffer.from(policy, 'base64').toString()) as PostPolicy
}

test('signForm() signs the same policy for the origin, with other names in the conditions about the signature', () => {
  const client = formOf(FINE)
  const verified = verify(client)
  assert.ok(verified !== 'anonymous')
  const fields = signForm({ fields: client, policy: verified.policy }, SIGNING)
  assert.equal(fields.filter(({ name }) => name === 'policy').length, 1)
  assert.equal(formValue(fields, 'key'), 'user/user1/x')
  assert.deepEqual(signedPolicy(fields), {
    expiration: FINE.expiration,
    conditions: [
      CONDITIONS[0],
      CONDITIONS[1],
      CONDITIONS[5],
      { 'x-amz-algorithm': 'AWS4-HMAC-SHA256' },
      { 'x-amz-credential': 'ORIGINKEY/20151229/eu-west-1/s3/aws4_request' },
      { 'x-amz-date': '20151229T010000Z' },
      { 'x-amz-security-token': 'origin-token' },
    ],
  })
})

test('signForm() keeps the rest of a condition that names several fields', () => {
  const policy = { expiration: FINE.expiration, conditions: [{ acl: 'private', 'X-Amz-Credential': 'x' }] }
  assert.deepEqual(signedPolicy(signForm({ fields: [], policy }, SIGNING)).conditions[0], { acl: 'private' })
})

test('signForm() makes a policy for a form that nobody signed: that bucket, those fields, a quarter of an hour', () => {
  const policy = signedPolicy(signForm({ fields: [{ name: 'key', value: 'k' }], policy: undefined }, SIGNING))
  assert.equal(policy.expiration, '2015-12-29T01:15:00.000Z')
  assert.deepEqual(policy.conditions.slice(0, 2), [{ bucket: 'b' }, ['starts-with', '$key', '']])
})
