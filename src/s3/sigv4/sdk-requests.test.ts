import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { splitTarget } from '../address.ts'
import { TwoVerifiers, type SentRequest } from '../../../test/support/two-verifiers.ts'

/* Requests as the AWS SDK for JavaScript really signs them; nothing is sent. */

const CREDENTIALS = { accessKeyId: 'AKIDSDK', secretAccessKey: 'sdk-secret', sessionToken: 'sdk/token+==' }
const KEYS = ['plain.txt', 'a b+c/../é', '//double//slash/', 'per%2Fcent', "!'()*~", '日本語/🪣', 'q?x=1&y#z', 'trailing/']

interface SdkRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

class Captured extends Error {
  readonly request: SdkRequest

  constructor(request: SdkRequest) {
    super('captured')
    this.request = request
  }
}

const client = new S3Client({
  region: 'eu-west-1',
  endpoint: 'http://cache.example:9000',
  forcePathStyle: true,
  credentials: CREDENTIALS,
  maxAttempts: 1,
  requestHandler: {
    handle: async (request: SdkRequest) => {
      throw new Captured(request)
    },
  },
})

async function capture(send: () => Promise<unknown>): Promise<SentRequest> {
  const error: unknown = await send().then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(error instanceof Captured, String(error))
  const { method, path, query, headers } = error.request
  const rawQuery = Object.entries(query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  const list = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), Buffer.from(value).toString('latin1')])
  return { method, rawPath: path, rawQuery: rawQuery.join('&'), headers: list }
}

const verifier = new TwoVerifiers({ lookup: () => CREDENTIALS, region: 'eu-west-1', skewMs: 900_000 })

function assertVerifies(request: SentRequest): void {
  assert.ok(verifier.verify(request, Date.now()) !== 'anonymous')
}

test('SignatureVerifier accepts what the AWS SDK signs, for keys of every kind', async () => {
  for (const Key of KEYS) {
    assertVerifies(await capture(() => client.send(new GetObjectCommand({ Bucket: 'bucket', Key, Range: 'bytes=0-9' }))))
    assertVerifies(await capture(() => client.send(new HeadObjectCommand({ Bucket: 'bucket', Key }))))
    const put = new PutObjectCommand({ Bucket: 'bucket', Key, Body: 'body', Metadata: { a: 'x  y' }, ContentType: 'text/plain' })
    assertVerifies(await capture(() => client.send(put)))
    assertVerifies(await capture(() => client.send(new ListObjectsV2Command({ Bucket: 'bucket', Prefix: Key, Delimiter: '/' }))))
  }
})

test('SignatureVerifier accepts the URLs that the AWS SDK presigns', async () => {
  for (const Key of KEYS) {
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'bucket', Key, ResponseContentType: 'text/plain; x="ü"' }))
    const target = url.slice('http://cache.example:9000'.length)
    assertVerifies({ method: 'GET', ...splitTarget(target), headers: ['host', 'cache.example:9000'] })
  }
})
