import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reply } from '../support/function-origin.ts'
import { proxyFor, ttlMode } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { S3Client } from '../support/s3-client.ts'

/** What may change of an object while its ETag stays: only by asking for its fields can that be seen. */
const CHANGES: Readonly<Record<string, Record<string, string>>> = {
  'a copy onto itself': { 'content-type': 'text/new', 'x-amz-meta-a': '2', 'last-modified': 'Wed, 31 Dec 2025 00:00:01 GMT' },
  'a copy onto itself within the same second': { 'content-type': 'text/new' },
  tags: { 'x-amz-tagging-count': '2' },
  'another version of the same bytes': { 'x-amz-version-id': 'v2', 'last-modified': 'Wed, 31 Dec 2025 00:00:02 GMT' },
  'a storage class': { 'x-amz-storage-class': 'GLACIER_IR' },
  'a lock': { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': '2030-01-01T00:00:00Z' },
  'a restore': { 'x-amz-restore': 'ongoing-request="false"' },
  'an encoding': { 'content-encoding': 'gzip' },
}

for (const [what, fields] of Object.entries(CHANGES)) {
  test(`${what}, made around the proxy, is told by the next read in strict mode, and after its time in ttl mode`, async (t) => {
    for (const mode of [{ kind: 'strict' } as const, ttlMode(1000)]) {
      const { store, origin } = storeOrigin()
      const proxy = await proxyFor(t, { origin, mode })
      const client = new S3Client(proxy)
      store.put('bucket/key', 'same bytes', { 'x-amz-version-id': 'v1', 'content-type': 'text/old', 'x-amz-meta-gone': '1' })
      await client.get('/bucket/key')
      store.put('bucket/key', 'same bytes', fields)
      if (mode.kind === 'ttl') proxy.clock.advance(1000)
      origin.takeAsked()
      for (const method of ['GET', 'HEAD']) {
        const answer = await client.ask({ method, path: '/bucket/key' })
        for (const [name, value] of Object.entries(fields)) assert.equal(answer.fields.get(name), value, `${method} ${name}`)
        assert.equal(answer.fields.get('x-amz-meta-gone'), undefined, 'what went is gone')
        if (method === 'GET') assert.equal(answer.body.toString(), 'same bytes')
      }
      assert.ok(
        origin.takeAsked().every((asked) => asked === 'HEAD'),
        'the bytes stay',
      )
      const modified = store.objects.get('bucket/key')?.fields['last-modified'] ?? ''
      const unchanged = await client.get('/bucket/key', { 'if-modified-since': modified })
      assert.equal(unchanged.status, 304, 'dates are those of the new fields')
    }
  })

  test(`${what}, made through the proxy, is told by the next read, however long a hit may last`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    store.put('bucket/key', 'same bytes')
    await client.get('/bucket/key')
    const read = origin.answer
    origin.answer = (request) => {
      if (request.method !== 'PUT') return read(request)
      store.put('bucket/key', 'same bytes', fields)
      return reply(200, {}, '<CopyObjectResult/>')
    }
    await client.ask({
      method: 'PUT',
      path: '/bucket/key',
      fields: { 'x-amz-copy-source': '/bucket/key', 'x-amz-metadata-directive': 'REPLACE' },
    })
    const answer = await client.get('/bucket/key')
    for (const [name, value] of Object.entries(fields)) assert.equal(answer.fields.get(name), value, name)
  })
}
