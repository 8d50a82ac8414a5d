import type { VerifierOptions } from '../../src/s3/sigv4/signature-verifier.ts'
import { EMPTY_SHA256, UNSIGNED_PAYLOAD } from '../../src/s3/sigv4/canonical.ts'
import { presign, signRequest } from '../../src/s3/sigv4/sign.ts'

/** A request as it is on the wire, framing aside. */
export interface Message {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
}

/** A request with a right signature, and who takes it. */
export interface SignedSample {
  readonly name: string
  readonly message: Message
  readonly options: VerifierOptions
  readonly nowMs: number
}

const NOW_MS = Date.parse('2026-03-01T12:00:00Z')
const HOST = 'cache.example:9000'
const REGION = 'eu-west-1'
const LONG_LIVED = { accessKeyId: 'AKIDLONG', secretAccessKey: 'long/secret+key' }
const TEMPORARY = { accessKeyId: 'ASIA/slash', secretAccessKey: 'short', sessionToken: 'token//with+signs==' }
const HASH = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'

interface Shape {
  readonly method?: string
  readonly rawPath: string
  readonly rawQuery?: string
  readonly headers?: readonly string[]
  /** Sent and not signed. */
  readonly unsigned?: readonly string[]
  readonly credentials?: typeof LONG_LIVED | typeof TEMPORARY
}

function sample(name: string, message: Message, region: string | undefined): SignedSample {
  const all = [LONG_LIVED, TEMPORARY]
  const options = { lookup: (id: string) => all.find(({ accessKeyId }) => accessKeyId === id), region, skewMs: 900_000 }
  return { name, message, options, nowMs: NOW_MS }
}

function byHeader(name: string, shape: Shape & { readonly payloadHash: string; readonly region?: string }): SignedSample {
  const { method = 'GET', rawPath, rawQuery = '', credentials = LONG_LIVED, payloadHash } = shape
  const headers = ['host', HOST, ...(shape.headers ?? [])]
  const added = signRequest({ method, rawPath, rawQuery, headers, payloadHash, nowMs: NOW_MS, credentials, region: REGION })
  const target = rawQuery === '' ? rawPath : `${rawPath}?${rawQuery}`
  return sample(name, { method, target, headers: [...headers, ...(shape.unsigned ?? []), ...added] }, shape.region)
}

function byUrl(name: string, shape: Shape & { readonly region?: string }): SignedSample {
  const { method = 'GET', rawPath, rawQuery = '', credentials = LONG_LIVED, headers = [] } = shape
  const signing = { method, rawPath, rawQuery, headers, host: HOST, nowMs: NOW_MS, expiresSeconds: 3600, credentials, region: REGION }
  const message = { method, target: `${rawPath}?${presign(signing)}`, headers: ['host', HOST, ...headers, ...(shape.unsigned ?? [])] }
  return sample(name, message, shape.region)
}

/** Requests of the kinds that clients send, small enough for every byte of them to be changed in every way. */
export function signedSamples(): SignedSample[] {
  return [
    byHeader('read', { rawPath: '/bucket/a/key.txt', payloadHash: UNSIGNED_PAYLOAD, unsigned: ['user-agent', 'sdk/1'] }),
    byHeader('ranged read with a token', {
      rawPath: '/bucket/a%20b%2Bc//%C3%A9',
      rawQuery: 'versionId=3%2F4&x-id=GetObject&acl',
      headers: ['range', 'bytes=0-9', 'if-match', '"e"'],
      credentials: TEMPORARY,
      payloadHash: EMPTY_SHA256,
      region: REGION,
    }),
    byHeader('write', {
      method: 'PUT',
      rawPath: '/bucket/~key',
      headers: ['content-type', 'text/plain', 'x-amz-meta-a', 'x  y', 'x-amz-meta-a', 'voil\u00c3\u00a0', 'x-amz-meta-b', ''],
      payloadHash: HASH,
      region: REGION,
    }),
    byUrl('read by URL', { rawPath: '/bucket/key', region: REGION }),
    byUrl('read by URL with a token', {
      rawPath: '/bucket/a%20b',
      rawQuery: 'response-content-type=a%2Fb&versionId=1',
      headers: ['range', 'bytes=0-9', 'x-amz-checksum-mode', 'ENABLED'],
      credentials: TEMPORARY,
      unsigned: ['user-agent', 'sdk/1'],
    }),
  ]
}
