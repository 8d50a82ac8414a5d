import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type S3ErrorCode, Refusal } from '../errors.ts'
import { percentEncode, percentEncodePath } from '../percent.ts'
import { splitPresignedQuery, stripAuthQuery } from '../query.ts'
import { EMPTY_SHA256, sha256Hex, stringToSign } from './canonical.ts'
import { deriveSigningKey } from './signing-key.ts'
import { presign, signRequest } from './sign.ts'
import { SigningKeys } from './signing-keys.ts'
import type { Verified, VerifierOptions } from './signature-verifier.ts'
import { TwoVerifiers, type SentRequest } from '../../../test/support/two-verifiers.ts'

const NOW_MS = Date.parse('2026-03-01T12:00:00Z')
const HOST = 'cache.example:9000'
const LONG_LIVED = { accessKeyId: 'AKIDLONG', secretAccessKey: 'long/secret+key' }
const TEMPORARY = { accessKeyId: 'ASIA/with/slash', secretAccessKey: 'short', sessionToken: 'token//with+signs==' }
const ALL = [LONG_LIVED, TEMPORARY]
const keys = new SigningKeys()

const OPTIONS: VerifierOptions = {
  lookup: (accessKeyId) => ALL.find((one) => one.accessKeyId === accessKeyId),
  region: 'eu-west-1',
  skewMs: 900_000,
}

const verifiers = new Map<VerifierOptions, TwoVerifiers>()

function verifyRequest(request: SentRequest, options: VerifierOptions): Verified | 'anonymous' {
  const verifier = verifiers.get(options) ?? new TwoVerifiers(options)
  verifiers.set(options, verifier)
  return verifier.verify(request, NOW_MS)
}

interface Shape {
  readonly method?: string
  readonly rawPath?: string
  readonly rawQuery?: string
  readonly headers?: readonly string[]
  readonly nowMs?: number
  readonly credentials?: typeof TEMPORARY | typeof LONG_LIVED
  readonly region?: string
  readonly service?: string
  readonly payloadHash?: string
}

function signed(shape: Shape = {}): SentRequest & { readonly headers: readonly string[] } {
  const { method = 'GET', rawPath = '/bucket/key', rawQuery = '', nowMs = NOW_MS, credentials = LONG_LIVED, region = 'eu-west-1' } = shape
  const headers = ['host', HOST, ...(shape.headers ?? [])]
  const { service, payloadHash = EMPTY_SHA256 } = shape
  const added = signRequest({ method, rawPath, rawQuery, headers, nowMs, credentials, region, service, payloadHash, signingKey: keys.of })
  return { method, rawPath, rawQuery, headers: [...headers, ...added] }
}

function presigned(shape: Shape & { readonly expiresSeconds?: number } = {}): SentRequest {
  const { method = 'GET', rawPath = '/bucket/key', rawQuery = '', nowMs = NOW_MS, credentials = LONG_LIVED, region = 'eu-west-1' } = shape
  const { expiresSeconds = 3600, service } = shape
  const query = presign({ method, rawPath, rawQuery, host: HOST, nowMs, expiresSeconds, credentials, region, service })
  return { method, rawPath, rawQuery: query, headers: ['host', HOST] }
}

function accepted(request: SentRequest, options = OPTIONS): Verified {
  const verified = verifyRequest(request, options)
  assert.ok(verified !== 'anonymous')
  return verified
}

function refused(request: SentRequest, code: S3ErrorCode, options = OPTIONS): Refusal {
  let refusal: unknown
  try {
    verifyRequest(request, options)
  } catch (error) {
    refusal = error
  }
  assert.ok(refusal instanceof Refusal, `not refused: ${JSON.stringify(request)}`)
  assert.equal(refusal.code, code, refusal.message)
  return refusal
}

function withHeader(request: SentRequest, name: string, change: (value: string) => string): SentRequest {
  const headers = request.headers.map((text, i) => (i % 2 === 1 && request.headers[i - 1] === name ? change(text) : text))
  return { ...request, headers }
}

function without(request: SentRequest, name: string): SentRequest {
  return { ...request, headers: request.headers.filter((_, i) => request.headers[i - (i % 2)] !== name) }
}

test('SignatureVerifier takes a request without any signature for anonymous', () => {
  assert.equal(
    verifyRequest({ method: 'GET', rawPath: '/b/k', rawQuery: 'list-type=2&prefix=100%25', headers: ['host', HOST] }, OPTIONS),
    'anonymous',
  )
})

test('SignatureVerifier says who signed, how, and what for', () => {
  const verified = accepted(signed({ payloadHash: 'UNSIGNED-PAYLOAD' }))
  assert.equal(verified.accessKeyId, 'AKIDLONG')
  assert.equal(verified.kind, 'header')
  assert.equal(verified.payload, 'UNSIGNED-PAYLOAD')
  assert.equal(verified.scope, '20260301/eu-west-1/s3/aws4_request')
  assert.equal(verified.amzDate, '20260301T120000Z')
  assert.match(verified.signature, /^[0-9a-f]{64}$/)
  assert.equal(accepted(presigned()).kind, 'presigned')
  assert.equal(accepted(presigned()).payload, 'UNSIGNED-PAYLOAD')
})

test('SignatureVerifier takes Authorization with and without blanks, and access keys with slashes', () => {
  const request = signed({ credentials: TEMPORARY })
  assert.equal(accepted(request).accessKeyId, 'ASIA/with/slash')
  accepted(withHeader(request, 'authorization', (value) => value.replaceAll(', ', ',')))
  accepted(withHeader(request, 'authorization', (value) => value.replaceAll(', ', ' ,  ')))
})

test('SignatureVerifier takes the Date field where there is no x-amz-date', () => {
  // Signed by hand: signRequest always sends x-amz-date.
  const request = signed()
  const headers = without(request, 'x-amz-date').headers
  refused({ ...request, headers }, 'AccessDenied')
  refused({ ...request, headers: [...headers, 'date', 'Sun, 01 Mar 2026 12:00:00 GMT'] }, 'SignatureDoesNotMatch')
  refused({ ...request, headers: [...headers, 'date', 'yesterday'] }, 'AccessDenied')
})

test('SignatureVerifier holds clocks to the allowed skew, both ways', () => {
  accepted(signed({ nowMs: NOW_MS - 900_000 }))
  accepted(signed({ nowMs: NOW_MS + 900_000 }))
  for (const offMs of [-901_000, 901_000]) {
    const refusal = refused(signed({ nowMs: NOW_MS + offMs }), 'RequestTimeTooSkewed')
    assert.equal(refusal.status, 403)
    assert.deepEqual(Object.keys(refusal.fields), ['RequestTime', 'ServerTime', 'MaxAllowedSkewMilliseconds'])
  }
})

test('SignatureVerifier holds presigned URLs to their lifetime', () => {
  accepted(presigned({ nowMs: NOW_MS - 3600_000 }))
  assert.equal(refused(presigned({ nowMs: NOW_MS - 3601_000 }), 'AccessDenied').message, 'Request has expired')
  accepted(presigned({ nowMs: NOW_MS + 900_000 }))
  assert.equal(refused(presigned({ nowMs: NOW_MS + 901_000 }), 'AccessDenied').message, 'Request is not valid yet')
  accepted(presigned({ expiresSeconds: 604_800 }))
  for (const expiresSeconds of [0, -1, 604_801, 1.5]) refused(presigned({ expiresSeconds }), 'AuthorizationQueryParametersError')
})

test('SignatureVerifier refuses scopes of elsewhere and names the region it wants', () => {
  const refusal = refused(signed({ region: 'us-east-1' }), 'AuthorizationHeaderMalformed')
  assert.equal(refusal.status, 400)
  assert.equal(refusal.fields['Region'], 'eu-west-1')
  refused(signed({ service: 's3express' }), 'AuthorizationHeaderMalformed')
  refused(presigned({ region: 'us-east-1' }), 'AuthorizationQueryParametersError')
  accepted(signed({ region: 'us-east-1' }), { ...OPTIONS, region: undefined })
  const scope = '/20260301/eu-west-1/s3/aws4_request'
  for (const other of ['/20260302/eu-west-1/s3/aws4_request', '/20260301/eu-west-1/s3/aws4', '/20260301/eu-west-1/aws4_request', '']) {
    refused(
      withHeader(signed(), 'authorization', (value) => value.replace(scope, other)),
      'AuthorizationHeaderMalformed',
    )
  }
})

test('SignatureVerifier refuses unknown keys and wrong secrets as S3 does', () => {
  const stranger = { accessKeyId: 'AKIDWHO', secretAccessKey: 'x' }
  assert.equal(refused(signed({ credentials: stranger }), 'InvalidAccessKeyId').fields['AWSAccessKeyId'], 'AKIDWHO')
  const refusal = refused(signed({ credentials: { ...LONG_LIVED, secretAccessKey: 'guess' } }), 'SignatureDoesNotMatch')
  assert.equal(refusal.status, 403)
  const names = ['AWSAccessKeyId', 'StringToSign', 'SignatureProvided', 'StringToSignBytes', 'CanonicalRequest', 'CanonicalRequestBytes']
  assert.deepEqual(Object.keys(refusal.fields), names)
  assert.ok(!JSON.stringify(refusal.fields).includes('long/secret'))
  refused(presigned({ credentials: { ...LONG_LIVED, secretAccessKey: 'guess' } }), 'SignatureDoesNotMatch')
})

test('SignatureVerifier wants the session token of temporary credentials, and none with others', () => {
  accepted(signed({ credentials: TEMPORARY }))
  accepted(presigned({ credentials: TEMPORARY }))
  const { sessionToken: _, ...tokenless } = TEMPORARY
  for (const credentials of [tokenless, { ...TEMPORARY, sessionToken: 'other' }, { ...LONG_LIVED, sessionToken: 'surplus' }]) {
    refused(signed({ credentials }), 'InvalidToken')
    refused(presigned({ credentials }), 'InvalidToken')
  }
})

test('SignatureVerifier refuses x-amz fields that were not signed, and a signature without host', () => {
  const refusal = refused({ ...signed(), headers: [...signed().headers, 'x-amz-acl', 'public-read'] }, 'AccessDenied')
  assert.equal(refusal.fields['HeadersNotSigned'], 'x-amz-acl')
  refused({ ...presigned(), headers: ['host', HOST, 'x-amz-meta-added', '1'] }, 'AccessDenied')
  refused(
    withHeader(signed(), 'authorization', (value) => value.replace('SignedHeaders=host;', 'SignedHeaders=')),
    'AccessDenied',
  )
  refused(
    withHeader(signed(), 'authorization', (value) => value.replace('=host;', '=host;host;')),
    'AuthorizationHeaderMalformed',
  )
  // What hops in front add is not theirs to have signed.
  accepted({ ...signed(), headers: [...signed().headers, 'x-amzn-trace-id', 'Root=1', 'x-amz-cf-id', 'abc', 'x-forwarded-for', '::1'] })
})

test('SignatureVerifier refuses a second value of a signed field', () => {
  const request = signed({ headers: ['range', 'bytes=0-9'] })
  refused({ ...request, headers: [...request.headers, 'range', 'bytes=0-99'] }, 'SignatureDoesNotMatch')
  refused({ ...request, headers: [...request.headers, 'x-amz-date', '20260301T120000Z'] }, 'InvalidRequest')
  refused({ ...request, headers: [...request.headers, 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD'] }, 'InvalidRequest')
})

test('SignatureVerifier refuses other ways to sign by name, never taking them for anonymous', () => {
  const base = { method: 'GET', rawPath: '/b/k', rawQuery: '' }
  const by = (authorization: string): SentRequest => ({ ...base, headers: ['host', HOST, 'authorization', authorization] })
  refused(by('AWS AKID:c2lnbmF0dXJl'), 'InvalidRequest')
  refused(by('AWS4-ECDSA-P256-SHA256 Credential=AKID/20260301/s3/aws4_request, SignedHeaders=host, Signature=30'), 'InvalidRequest')
  for (const other of ['Basic YTpi', 'Bearer x', '', 'aws4-hmac-sha256 x']) refused(by(other), 'InvalidArgument')
  for (const query of ['AWSAccessKeyId=A&Expires=1&Signature=x', 'Signature=x', 'AWSAccessKeyId=A', '%53ignature=x']) {
    refused({ ...base, rawQuery: query, headers: ['host', HOST] }, 'InvalidRequest')
  }
  const wrong = presigned()
  refused({ ...wrong, rawQuery: wrong.rawQuery.replace('HMAC-SHA256', 'ECDSA-P256-SHA256') }, 'InvalidRequest')
  refused({ ...wrong, rawQuery: wrong.rawQuery.replace('HMAC-SHA256', 'HMAC-SHA1') }, 'AuthorizationQueryParametersError')
})

test('SignatureVerifier refuses two signatures on one request', () => {
  const headers = signed().headers
  refused({ ...presigned(), headers }, 'InvalidArgument')
  const authorization = headers[headers.indexOf('authorization') + 1]!
  refused({ ...signed(), headers: [...headers, 'authorization', authorization] }, 'InvalidArgument')
  refused({ ...presigned(), rawQuery: `${presigned().rawQuery}&Signature=x` }, 'InvalidArgument')
})

test('SignatureVerifier refuses presigned queries with a parameter missing, empty or twice, in any case', () => {
  const { rawQuery } = presigned()
  const parameters = rawQuery.split('&')
  for (const parameter of parameters) {
    const request = { ...presigned(), rawQuery: parameters.filter((other) => other !== parameter).join('&') }
    refused(request, 'AuthorizationQueryParametersError')
    refused({ ...request, rawQuery: `${rawQuery}&${parameter}` }, 'AuthorizationQueryParametersError')
    refused({ ...request, rawQuery: `${rawQuery}&${parameter.toLowerCase()}` }, 'AuthorizationQueryParametersError')
    refused({ ...request, rawQuery: `${request.rawQuery}&${parameter.split('=')[0]}` }, 'AuthorizationQueryParametersError')
  }
})

test('SignatureVerifier refuses malformed Authorization values', () => {
  const authorization = signed().headers.at(-1)!
  const changes = [
    authorization.replace('Signature=', 'Sig='),
    authorization.replace(/, Signature=.*/, ''),
    authorization.replace(/SignedHeaders=[^,]*, /, ''),
    authorization.replace(/Credential=[^,]*, /, ''),
    `${authorization}, Signature=00`,
    `${authorization},`,
    'AWS4-HMAC-SHA256',
  ]
  for (const value of changes)
    refused(
      withHeader(signed(), 'authorization', () => value),
      'AuthorizationHeaderMalformed',
    )
  const upperCase = withHeader(signed(), 'authorization', (value) => value.replace(/[0-9a-f]{64}$/, (hex) => hex.toUpperCase()))
  refused(upperCase, 'SignatureDoesNotMatch')
  refused(
    withHeader(signed(), 'authorization', (value) => value.slice(0, -1)),
    'SignatureDoesNotMatch',
  )
})

test('SignatureVerifier wants x-amz-content-sha256 and understands it', () => {
  refused(without(signed(), 'x-amz-content-sha256'), 'InvalidRequest')
  refused(signed({ payloadHash: 'abc' }), 'InvalidArgument')
  refused(signed({ payloadHash: EMPTY_SHA256.toUpperCase() }), 'InvalidArgument')
  refused(signed({ payloadHash: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' }), 'NotImplemented')
  accepted(signed({ payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }))
})

test('SignatureVerifier wants the host signed that the request is for, whatever the Host field says', () => {
  assert.equal(accepted({ ...signed(), host: HOST }).kind, 'header')
  refused({ ...signed(), host: 'other.example' }, 'SignatureDoesNotMatch')
})

test('SignatureVerifier does not take a HEAD signature for GET', () => {
  refused({ ...presigned({ method: 'HEAD' }), method: 'GET' }, 'SignatureDoesNotMatch')
})

test('SignatureVerifier takes any percent-encoding of the path that was signed in canonical form', () => {
  const request = signed({ rawPath: '/bucket/a%20b%2Bc/../%C3%A9//~' })
  accepted(request)
  accepted({ ...request, rawPath: '/bucket/a%20b+c/%2e./%c3%a9//%7E' })
  for (const rawPath of ['/bucket/a%20b%2Bc/%C3%A9//~', '/bucket/a%20b%2Bc/../%C3%A9/~', '/bucket/a+b%2Bc/../%C3%A9//~']) {
    refused({ ...request, rawPath }, 'SignatureDoesNotMatch')
  }
  refused({ ...request, rawPath: '/bucket/%zz' }, 'InvalidURI')
})

test('SignatureVerifier reads field values as bytes: the last one of an à is no blank', () => {
  for (const value of ['voilà', 'à', 'a\u00a0', '\u00a0a', ' à  b ']) {
    // Signed as clients in other languages do: outer blanks are spaces and tabs.
    const utf8 = Buffer.from(value, 'utf8').toString('latin1')
    const headers = ['host', HOST, 'x-amz-content-sha256', EMPTY_SHA256, 'x-amz-date', '20260301T120000Z', 'x-amz-meta-a', utf8]
    const names = 'host;x-amz-content-sha256;x-amz-date;x-amz-meta-a'
    const lines = headers
      .filter((_, i) => i % 2 === 1)
      .map((text, i) => `${names.split(';')[i]}:${text.replace(/^ | $/g, '').replace('  ', ' ')}\n`)
    const canonical = `GET\n/bucket/key\n\n${lines.join('')}\n${names}\n${EMPTY_SHA256}`
    const scope = '20260301/eu-west-1/s3/aws4_request'
    const key = deriveSigningKey(LONG_LIVED.secretAccessKey, '20260301', 'eu-west-1', 's3')
    const signature = key.sign(stringToSign('20260301T120000Z', scope, sha256Hex(canonical)))
    const authorization = `AWS4-HMAC-SHA256 Credential=AKIDLONG/${scope}, SignedHeaders=${names}, Signature=${signature}`
    accepted({ method: 'GET', rawPath: '/bucket/key', rawQuery: '', headers: [...headers, 'authorization', authorization] })
  }
})

test('SignatureVerifier asks for the secret anew each time: one that was changed or taken away is of no more use', () => {
  let secret: string | undefined = LONG_LIVED.secretAccessKey
  const verifier = new TwoVerifiers({ ...OPTIONS, lookup: () => (secret === undefined ? undefined : { secretAccessKey: secret }) })
  const code = (request: SentRequest): string => {
    try {
      verifier.verify(request, NOW_MS)
      return 'accepted'
    } catch (error) {
      return error instanceof Refusal ? error.code : String(error)
    }
  }
  const old = signed()
  assert.equal(code(old), 'accepted')
  secret = 'changed'
  assert.equal(code(old), 'SignatureDoesNotMatch')
  const renewed = signed({ credentials: { ...LONG_LIVED, secretAccessKey: secret } })
  assert.equal(code(renewed), 'accepted')
  assert.equal(code(old), 'SignatureDoesNotMatch')
  secret = undefined
  assert.equal(code(renewed), 'InvalidAccessKeyId')
})

const bytes = fc.uint8Array({ maxLength: 24 }).map((array) => Buffer.from(array).toString('latin1'))
const fieldValue = fc.uint8Array({ maxLength: 24 }).map((array) =>
  Buffer.from(array.map((byte) => (byte < 32 || byte === 127 ? 32 : byte)))
    .toString('latin1')
    .replace(/^ +| +$/g, ''),
)
const rawQuery = fc
  .array(fc.tuple(fc.stringMatching(/^[a-z][a-z-]{0,8}$/), bytes), { maxLength: 5 })
  .map((pairs) => pairs.map(([name, value]) => `${name}=${percentEncode(value)}`).join('&'))
const rawPath = fc.array(bytes, { maxLength: 4 }).map((parts) => `/${parts.map(percentEncodePath).join('/')}`)
const credentials = fc.constantFrom<typeof LONG_LIVED | typeof TEMPORARY>(LONG_LIVED, TEMPORARY)

test('SignatureVerifier accepts whatever signRequest() and presign() make, and nothing else of it', () => {
  const shape = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'DELETE'),
    rawPath,
    rawQuery,
    credentials,
    headers: fc
      .tuple(fieldValue, fieldValue)
      .map(([first, second]) => ['x-amz-meta-a', first, 'range', 'bytes=0-1', 'x-amz-meta-a', second, 'user-agent', second]),
    nowMs: fc.integer({ min: NOW_MS - 800_000, max: NOW_MS + 800_000 }),
  })
  fc.assert(
    fc.property(shape, fc.integer({ min: 0, max: 63 }), (made, digit) => {
      accepted(signed(made))
      accepted(presigned(made))
      const flip = (text: string): string => {
        const at = text.length - 64 + digit
        return `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`
      }
      refused(withHeader(signed(made), 'authorization', flip), 'SignatureDoesNotMatch')
      refused({ ...presigned(made), rawQuery: flip(presigned(made).rawQuery) }, 'SignatureDoesNotMatch')
      refused({ ...signed(made), method: 'POST' }, 'SignatureDoesNotMatch')
      refused(
        withHeader(signed(made), 'range', () => 'bytes=0-2'),
        'SignatureDoesNotMatch',
      )
    }),
    { numRuns: 150 },
  )
})

test('stripAuthQuery() and splitPresignedQuery() give back the query that was presigned', () => {
  fc.assert(
    fc.property(rawQuery, credentials, (query, credentials) => {
      const made = presigned({ rawQuery: query, credentials }).rawQuery
      assert.equal(stripAuthQuery(made), query)
      assert.deepEqual(splitPresignedQuery(made), { rawQuery: query, headers: [] })
    }),
    { numRuns: 100 },
  )
})

test('SigningKeys keeps the keys that are used and no more than it may', () => {
  const few = new SigningKeys(2)
  const first = few.of('s', '20260301', 'r', 's3')
  few.of('s', '20260302', 'r', 's3')
  assert.equal(few.of('s', '20260301', 'r', 's3'), first)
  few.of('s', '20260303', 'r', 's3')
  assert.equal(few.size, 2)
  assert.equal(few.of('s', '20260301', 'r', 's3'), first)
  assert.notEqual(few.of('other', '20260301', 'r', 's3'), first)
})
