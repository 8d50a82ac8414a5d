import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { splitTarget } from '../address.ts'
import { Refusal } from '../errors.ts'
import { parseQuery } from '../query.ts'
import { canonicalQuery, canonicalRequest, canonicalUri, EMPTY_SHA256, sha256Hex } from './canonical.ts'
import { signRequest } from './sign.ts'
import { SignedHeaders } from './signed-headers.ts'
import type { Verified } from './signature-verifier.ts'
import { TwoVerifiers, type SentRequest } from '../../../test/support/two-verifiers.ts'

const ROOT = join(import.meta.dirname, '../../../test/vectors/sigv4/v4')
const CASES = readdirSync(ROOT)

/** Their paths are normalised before signing, which S3 does not do. */
const NORMALIZED = CASES.filter((name) => name.endsWith('-normalized') && name !== 'get-space-normalized')
/** Has neither dots nor double slashes, so its signature is that of its unnormalized twin. */
const SAME_AS_TWIN = 'get-space-normalized'
/** The token was added after signing; S3 signs it. */
const TOKEN_AFTER = 'post-sts-header-after'

interface Context {
  readonly credentials: { readonly access_key_id: string; readonly secret_access_key: string; readonly token?: string }
  readonly region: string
  readonly service: string
  readonly timestamp: string
  readonly sign_body: boolean
}

function read(name: string, file: string): string {
  return readFileSync(join(ROOT, name, file), 'latin1')
}

function contextOf(name: string): Context {
  return JSON.parse(read(name, 'context.json')) as Context
}

function parseRequest(text: string): SentRequest & { readonly body: string } {
  const [head = '', body = ''] = text.split('\n\n', 2)
  const [requestLine = '', ...fieldLines] = head.split('\n')
  const match = /^([A-Z]+) (.*) HTTP\/1\.1$/.exec(requestLine)
  assert.ok(match, requestLine)
  const headers: string[] = []
  for (const line of fieldLines) {
    if (line.startsWith(' ')) headers.push(`${headers.pop()} ${line.trim()}`)
    else if (line !== '') headers.push(line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim())
  }
  return { method: match[1]!, ...splitTarget(match[2]!), headers, body }
}

const verifiers = new Map<string, TwoVerifiers>()

function verifierOf(name: string, body: string): TwoVerifiers {
  const { credentials, region, service, sign_body } = contextOf(name)
  return new TwoVerifiers({
    lookup: (accessKeyId) =>
      accessKeyId === credentials.access_key_id
        ? { secretAccessKey: credentials.secret_access_key, sessionToken: credentials.token }
        : undefined,
    region,
    service,
    undeclaredPayload: sign_body ? sha256Hex(body) : undefined,
    skewMs: 900_000,
  })
}

function verify(name: string, request: SentRequest & { readonly body?: string }): Verified | 'anonymous' {
  const verifier = verifiers.get(name) ?? verifierOf(name, request.body ?? '')
  verifiers.set(name, verifier)
  return verifier.verify(request, Date.parse(contextOf(name).timestamp))
}

function isRefused(name: string, request: SentRequest): boolean {
  try {
    return verify(name, request) === 'anonymous'
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error))
    return true
  }
}

test('all 38 published cases are here', () => {
  assert.equal(CASES.length, 38)
  assert.equal(NORMALIZED.length, 6)
})

for (const form of ['header', 'query'] as const) {
  for (const name of CASES) {
    const request = parseRequest(read(name, `${form}-signed-request.txt`))
    if (NORMALIZED.includes(name)) {
      test(`SignatureVerifier refuses ${name} (${form}): S3 does not normalise paths`, () => assert.ok(isRefused(name, request)))
      continue
    }
    if (name === TOKEN_AFTER) {
      test(`SignatureVerifier refuses ${name} (${form}): S3 wants the token signed`, () => assert.ok(isRefused(name, request)))
      continue
    }
    test(`SignatureVerifier accepts ${name} (${form})`, () => {
      const verified = verify(name, request)
      assert.ok(verified !== 'anonymous')
      assert.equal(verified.kind, form === 'header' ? 'header' : 'presigned')
      assert.equal(verified.signature, read(name, `${form}-signature.txt`))
    })
  }
}

test('canonicalRequest() gives the published canonical requests', () => {
  for (const name of CASES) {
    if (NORMALIZED.includes(name)) continue
    const request = parseRequest(read(name, 'header-signed-request.txt'))
    const signedHeaders = /SignedHeaders=([^,]+)/.exec(request.headers[request.headers.indexOf('authorization') + 1]!)![1]!
    const payload = request.headers.indexOf('x-amz-content-sha256')
    const canonical = canonicalRequest({
      method: request.method,
      uri: canonicalUri(request.rawPath),
      query: canonicalQuery(parseQuery(request.rawQuery)),
      headerLines: new SignedHeaders(signedHeaders).canonicalLines(request.headers, undefined),
      signedHeaders,
      payloadHash: payload < 0 ? EMPTY_SHA256 : request.headers[payload + 1]!,
    })
    assert.equal(canonical, read(name, 'header-canonical-request.txt'), name)
  }
})

test('the declared payload hashes of the vectors are those of their bodies', () => {
  for (const name of CASES.filter((name) => name.includes('urlencoded'))) {
    const request = parseRequest(read(name, 'header-signed-request.txt'))
    const verified = verify(name, request)
    assert.ok(verified !== 'anonymous' && verified.payload === sha256Hex(request.body))
  }
})

/** Every text with one byte replaced by another of its kind, so that the request stays well formed. */
function* mutations(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    const replacement =
      character === 'z' ? 'y' : character === '9' ? '8' : character === '/' ? 'a' : String.fromCharCode(text.charCodeAt(i) ^ 1)
    yield text.slice(0, i) + replacement + text.slice(i + 1)
  }
}

const APPLICABLE = CASES.filter((name) => !NORMALIZED.includes(name) && name !== TOKEN_AFTER && name !== SAME_AS_TWIN)

test('SignatureVerifier refuses any change of one byte in path, query, signed fields, date or signature (header)', () => {
  for (const name of APPLICABLE) {
    const request = parseRequest(read(name, 'header-signed-request.txt'))
    const changed: SentRequest[] = []
    for (const rawPath of mutations(request.rawPath.slice(1))) changed.push({ ...request, rawPath: `/${rawPath}` })
    for (const rawQuery of mutations(request.rawQuery)) changed.push({ ...request, rawQuery })
    for (const method of mutations(request.method)) changed.push({ ...request, method })
    for (let i = 1; i < request.headers.length; i += 2) {
      if (request.headers[i - 1] === 'content-length') continue
      for (const value of mutations(request.headers[i]!)) {
        // Only runs of spaces may change without a change of meaning, and the comma's blank in Authorization.
        if (value.trim().replace(/ +/g, ' ') === request.headers[i]!.trim().replace(/ +/g, ' ')) continue
        changed.push({ ...request, headers: request.headers.with(i, value) })
      }
    }
    for (const request of changed) assert.ok(isRefused(name, request), `${name}: ${JSON.stringify(request)}`)
  }
})

test('SignatureVerifier refuses any change of one byte in path, query and signed fields (presigned)', () => {
  for (const name of APPLICABLE) {
    const request = parseRequest(read(name, 'query-signed-request.txt'))
    for (const rawPath of mutations(request.rawPath.slice(1))) assert.ok(isRefused(name, { ...request, rawPath: `/${rawPath}` }), name)
    for (const rawQuery of mutations(request.rawQuery)) {
      assert.ok(isRefused(name, { ...request, rawQuery }), `${name}: ${rawQuery}`)
    }
    for (let i = 1; i < request.headers.length; i += 2) {
      if (request.headers[i - 1] !== 'host') continue
      for (const value of mutations(request.headers[i]!)) {
        assert.ok(isRefused(name, { ...request, headers: request.headers.with(i, value) }), `${name}: ${value}`)
      }
    }
  }
})

test('signRequest() signs the vectors whose fields it would sign', () => {
  let compared = 0
  for (const name of APPLICABLE) {
    const { credentials, region, service, timestamp } = contextOf(name)
    const request = parseRequest(read(name, 'header-signed-request.txt'))
    const published = request.headers[request.headers.indexOf('authorization') + 1]!
    const signable = request.headers.filter((_, i) => !/^(authorization|content-length)$/.test(request.headers[i - (i % 2)]!))
    const added = signRequest({
      ...request,
      headers: signable,
      payloadHash: EMPTY_SHA256,
      nowMs: Date.parse(timestamp),
      credentials: {
        accessKeyId: credentials.access_key_id,
        secretAccessKey: credentials.secret_access_key,
        sessionToken: credentials.token,
      },
      region,
      service,
    })
    // The vectors sign no x-amz-content-sha256 and so never equal ours; verifying ours is the comparison.
    const ours = { ...request, headers: [...signable.filter((_, i) => !signable[i - (i % 2)]!.startsWith('x-amz-')), ...added] }
    const verified = verify(name, ours)
    assert.ok(verified !== 'anonymous' && added[added.indexOf('authorization') + 1] !== published)
    compared++
  }
  assert.equal(compared, APPLICABLE.length)
})
