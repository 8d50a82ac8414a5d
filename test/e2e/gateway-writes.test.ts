import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { headerValue } from '../../src/base/header-list.ts'
import { errorReply, reply, type FunctionOrigin } from '../support/function-origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { storeOrigin, type ObjectStore } from '../support/object-store.ts'
import { errorCode, S3Client, type Ask } from '../support/s3-client.ts'

async function scene(t: TestContext): Promise<{ store: ObjectStore; origin: FunctionOrigin; client: S3Client }> {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  return { store, origin, client: new S3Client(proxy) }
}

/** Writes whose conditions, offsets and sources only the origin can judge: all of it has to arrive. */
const WRITES: readonly Ask[] = [
  { method: 'PUT', path: '/bucket/key', body: 'x', fields: { 'if-none-match': '*' } },
  { method: 'PUT', path: '/bucket/key', body: 'x', fields: { 'if-match': '"etag"' } },
  { method: 'POST', path: '/bucket/key?uploadId=u', body: '<x/>', fields: { 'if-none-match': '*' } },
  { method: 'DELETE', path: '/bucket/key', fields: { 'if-match': '"etag"', 'x-amz-if-match-size': '3' } },
  { method: 'DELETE', path: '/bucket/key', fields: { 'x-amz-if-match-last-modified-time': 'Thu, 01 Jan 2026 00:00:00 GMT' } },
  { method: 'PUT', path: '/bucket/key', body: 'more', fields: { 'x-amz-write-offset-bytes': '3' } },
  { method: 'PUT', path: '/bucket/key?append&position=3', body: 'more' },
  {
    method: 'PUT',
    path: '/bucket/key',
    fields: { 'x-amz-copy-source': '/bucket/a%2Bb', 'x-amz-copy-source-if-match': '"etag"', 'if-none-match': '*' },
  },
  {
    method: 'PUT',
    path: '/bucket/key?renameObject',
    fields: { 'x-amz-rename-source': 'bucket/other', 'if-match': '"a"', 'x-amz-rename-source-if-match': '"b"' },
  },
  {
    method: 'PUT',
    path: '/bucket/key',
    body: 'x',
    fields: { 'x-amz-storage-class': 'GLACIER', 'x-amz-tagging': 'a=b', 'x-amz-meta-c': '\xc3\xa9' },
  },
  {
    method: 'POST',
    path: '/bucket/key?uploads',
    fields: { 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'FULL_OBJECT' },
  },
  {
    method: 'POST',
    path: '/bucket/key?uploadId=u',
    body: '<x/>',
    fields: { 'x-amz-mp-object-size': '1', 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' },
  },
]

for (const ask of WRITES) {
  const fields = ask.fields as Record<string, string> | undefined
  const what = `${ask.method} ${ask.path} ${Object.keys(fields ?? {}).join(' ')}`
  test(`${what}: every field reaches the origin, and its 200, 409 and 412 reach the client`, async (t) => {
    const { store, origin, client } = await scene(t)
    for (const status of [200, 409, 412]) {
      store.put('bucket/key', 'before')
      await client.get('/bucket/key')
      origin.answer = async (request) => {
        if (request.method === 'GET' || request.method === 'HEAD') return store.answer(request)
        for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
        store.put('bucket/key', 'after')
        return status === 200
          ? reply(200, { etag: '"new"' })
          : errorReply(status, status === 412 ? 'PreconditionFailed' : 'ConditionalRequestConflict')
      }
      origin.requests.length = 0
      const answer = await client.ask(ask)
      assert.equal(answer.status, status)
      if (status !== 200) assert.match(errorCode(answer), /^(?:PreconditionFailed|ConditionalRequestConflict)$/)
      const sent = origin.requests.find(({ method }) => method === ask.method)
      for (const [name, value] of Object.entries(fields ?? {})) assert.equal(headerValue(sent?.headers ?? [], name), value)
      assert.equal(sent?.rawQuery, ask.path.split('?')[1] ?? '')
      assert.equal((await client.get('/bucket/key')).body.toString(), 'after', 'nobody can be sure that nothing changed')
    }
  })
}
