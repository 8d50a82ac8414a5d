import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FaultOrigin } from '../../test/support/fault-origin.ts'
import { configOf, CREDENTIALS, requestOf, startS3Origin, text } from '../../test/support/origin-requests.ts'
import { sourceOf } from '../base/byte-source.ts'
import { systemClock } from '../base/clock.ts'
import { headerValue, type HeaderList } from '../base/header-list.ts'
import { parseQuery } from '../s3/query.ts'
import { SignatureVerifier } from '../s3/sigv4/signature-verifier.ts'
import { S3Targets } from './s3/s3-target.ts'
import { S3Origin } from './s3-origin.ts'

const VERIFIER_OPTIONS = { lookup: () => CREDENTIALS, region: 'eu-west-1', skewMs: 60_000 }

test('S3Origin sends raw path and query bytes untouched and a signature that verifies', async (context) => {
  const { fault, origin } = await startS3Origin(context, (_request, reply) => reply.answer(200, { etag: '"e"' }, 'hello'))
  const rawKey = 'a//b/../%2E%2f+x%20y/%C3%A9/'
  const response = await origin.send(requestOf({ rawKey, rawQuery: 'versionId=a%2Bb&x-id=GetObject', headers: ['range', 'bytes=0-4'] }))
  assert.equal(response.status, 200)
  assert.equal(headerValue(response.headers, 'etag'), '"e"')
  assert.equal(await text(response.body), 'hello')
  const seen = fault.requests[0]!
  assert.equal(seen.target, `/bucket/${rawKey}?versionId=a%2Bb&x-id=GetObject`)
  const query = parseQuery('versionId=a%2Bb&x-id=GetObject')
  const sent = { method: 'GET', rawPath: `/bucket/${rawKey}`, query, headers: [...seen.headers].flat() }
  const verified = new SignatureVerifier(VERIFIER_OPTIONS).verify(sent, Date.now())
  assert.notEqual(verified, 'anonymous')
  assert.equal(seen.headers.get('x-amz-security-token'), 'TOKEN')
})

test('S3Origin presigns a presigned request anew, fields included, so that the origin reads its query as it would', async (context) => {
  const { fault, origin } = await startS3Origin(context, (_request, reply) => reply.answer(200, { etag: '"e"' }))
  const rawQuery = 'x-amz-acl=private&x-id=PutObject&x-amz-meta-a=1%202'
  const headers = ['content-type', 'text/plain', 'x-amz-storage-class', 'STANDARD']
  const body = sourceOf(Buffer.from('body'))
  const put = requestOf({ method: 'PUT', rawQuery, presigned: true, headers, payload: { kind: 'unsigned' }, body, bodyLength: 4 })
  await text((await origin.send(put)).body)
  const seen = fault.requests[0]!
  assert.equal(seen.headers.get('authorization'), undefined)
  const [rawPath = '', sentQuery = ''] = seen.target.split('?')
  assert.ok(sentQuery.startsWith(`${rawQuery}&X-Amz-Algorithm=`))
  const sent = { method: 'PUT', rawPath, query: parseQuery(sentQuery), headers: [...seen.headers].flat() }
  const verified = new SignatureVerifier(VERIFIER_OPTIONS).verify(sent, Date.now())
  assert.ok(verified !== 'anonymous' && verified.kind === 'presigned')
})

test('S3Origin says in fields what a presigned query said, where the body is known or there is nothing to sign with', async (context) => {
  const hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  for (const { credentials, payload } of [
    { credentials: { kind: 'unsigned' }, payload: { kind: 'none' } },
    { credentials: undefined, payload: { kind: 'sha256', hex } },
  ] as const) {
    const { fault, origin } = await startS3Origin(
      context,
      (_request, reply) => reply.answer(200),
      credentials === undefined ? {} : { credentials },
    )
    const put = requestOf({ method: 'PUT', rawQuery: 'x-amz-acl=private&x-id=PutObject', presigned: true, payload })
    await text((await origin.send(put)).body)
    const seen = fault.requests[0]!
    assert.equal(seen.target, '/bucket/key?x-id=PutObject')
    assert.equal(seen.headers.get('x-amz-acl'), 'private')
  }
})

test('S3Origin puts the bucket into the host for virtual-host style and keeps the URL prefix', async (context) => {
  const fault = new FaultOrigin()
  const { port } = new URL(await fault.start())
  const origin = new S3Origin(configOf(`http://s3.test:${port}/storage/v1/`, { style: 'virtual-host' }), {
    clock: systemClock,
    lookup: (_name, options, callback) =>
      options.all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
  })
  context.after(async () => {
    await origin.close()
    await fault.stop()
  })
  for (const request of [requestOf(), requestOf({ rawKey: undefined }), requestOf({ bucket: undefined, rawKey: undefined })]) {
    await text((await origin.send(request)).body)
  }
  assert.deepEqual(
    fault.requests.map((request) => [request.headers.get('host'), request.target]),
    [
      [`bucket.s3.test:${port}`, '/storage/v1/key'],
      [`bucket.s3.test:${port}`, '/storage/v1'],
      [`s3.test:${port}`, '/storage/v1'],
    ],
  )
})

test('S3Targets leaves the default port out of Host', () => {
  assert.equal(new S3Targets({ url: 'https://s3.example.com:443', style: 'path' }).of('b', 'k').host, 's3.example.com')
  assert.equal(new S3Targets({ url: 'http://s3.example.com:80/', style: 'path' }).of('b', undefined).rawPath, '/b')
  assert.equal(new S3Targets({ url: 'http://s3.example.com:8080', style: 'path' }).of(undefined, undefined).rawPath, '/')
})

test('S3Origin signs each kind of payload as S3 wants it', async (context) => {
  const { fault, origin } = await startS3Origin(context, async (request, reply) => {
    await request.body
    reply.answer(200)
  })
  const put = { method: 'PUT', body: sourceOf(Buffer.from('hello')), bodyLength: 5 }
  const hex = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
  await text((await origin.send(requestOf({ ...put, payload: { kind: 'sha256', hex } }))).body)
  await text((await origin.send(requestOf({ ...put, body: sourceOf(Buffer.from('hello')), payload: { kind: 'unsigned' } }))).body)
  const trailer: HeaderList = ['x-amz-checksum-crc32', 'NhCmhg==']
  await text(
    (
      await origin.send(
        requestOf({
          ...put,
          body: sourceOf(Buffer.from('hello')),
          headers: ['content-encoding', 'gzip', 'expect', '100-continue', 'transfer-encoding', 'chunked'],
          payload: { kind: 'trailer', names: ['x-amz-checksum-crc32'], fields: () => trailer },
        }),
      )
    ).body,
  )
  await text((await origin.send(requestOf({ method: 'PUT', rawKey: 'empty' }))).body)
  const sent = fault.requests.map((request) => request.headers)
  assert.deepEqual(
    sent.map((headers) => headers.get('x-amz-content-sha256')),
    [hex, 'UNSIGNED-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  )
  assert.deepEqual(
    sent.map((headers) => headers.get('content-length')),
    ['5', '5', '46', '0'],
  )
  assert.equal(sent[2]?.get('content-encoding'), 'gzip,aws-chunked')
  assert.equal(sent[2]?.get('x-amz-decoded-content-length'), '5')
  assert.equal(sent[2]?.get('expect'), undefined)
  assert.equal((await fault.requests[2]!.body).toString('latin1'), '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n')
})

test('S3Origin sends nothing of a signature to an origin without credentials', async (context) => {
  const { fault, origin } = await startS3Origin(context, (_request, reply) => reply.answer(200), { credentials: { kind: 'unsigned' } })
  await text((await origin.send(requestOf({ headers: ['authorization', 'stolen'] }))).body)
  assert.deepEqual([...fault.requests[0]!.headers.keys()], ['host', 'connection'])
})

test('S3Origin uses one connection again and again, HEAD included', async (context) => {
  const { fault, origin } = await startS3Origin(context, (_request, reply) => reply.answer(200, { 'content-length': 7 }, '1234567'))
  for (const method of ['GET', 'HEAD', 'GET', 'HEAD', 'GET']) {
    const response = await origin.send(requestOf({ method }))
    assert.equal((await text(response.body)).length, method === 'HEAD' ? 0 : 7)
    assert.equal(headerValue(response.headers, 'content-length'), '7')
  }
  assert.equal(fault.connections, 1)
})

test('S3Origin passes redirects and encoded bodies on as they are', async (context) => {
  const { origin } = await startS3Origin(context, (request, reply) =>
    request.target === '/bucket/moved'
      ? reply.answer(307, { location: 'http://127.0.0.1:1/elsewhere' }, '<Error/>')
      : reply.answer(200, { 'content-encoding': 'gzip' }, 'not really gzip'),
  )
  const moved = await origin.send(requestOf({ rawKey: 'moved' }))
  assert.equal(moved.status, 307)
  assert.equal(await text(moved.body), '<Error/>')
  assert.equal(await text((await origin.send(requestOf())).body), 'not really gzip')
})
