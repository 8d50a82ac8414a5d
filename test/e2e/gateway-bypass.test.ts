import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerValue } from '../../src/base/header-list.ts'
import { errorReply } from '../support/function-origin.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { storeOrigin } from '../support/object-store.ts'
import { S3Client, type Ask } from '../support/s3-client.ts'

const SSE_C = {
  'x-amz-server-side-encryption-customer-algorithm': 'AES256',
  'x-amz-server-side-encryption-customer-key': 'Y3VzdG9tZXIta2V5LWN1c3RvbWVyLWtleS1jdXN0b20=',
  'x-amz-server-side-encryption-customer-key-md5': 'bWQ1',
}
const SOURCE_SSE_C = {
  'x-amz-copy-source': '/bucket/other',
  'x-amz-copy-source-server-side-encryption-customer-algorithm': 'AES256',
  'x-amz-copy-source-server-side-encryption-customer-key': 'Y3VzdG9tZXIta2V5LWN1c3RvbWVyLWtleS1jdXN0b20=',
}

/** Reads whose answer depends on more than the object. */
const READS: Readonly<Record<string, { fields?: Record<string, string>; path?: string }>> = {
  'a customer key': { fields: SSE_C },
  'a willing payer': { fields: { 'x-amz-request-payer': 'requester' } },
  'a willing payer in the query': { path: '/bucket/key?x-amz-request-payer=requester' },
  'an expected owner': { fields: { 'x-amz-expected-bucket-owner': '111122223333' } },
  'an Origin': { fields: { origin: 'https://example.org' } },
}

for (const [what, { fields = {}, path = '/bucket/key' }] of Object.entries(READS)) {
  test(`the answer to a read with ${what} stays out of the cache, and the cache out of it, in either order`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    const only = { 'access-control-allow-origin': 'https://example.org', 'x-amz-request-charged': 'requester' }
    origin.answer = async (request) => {
      const special = Object.keys(fields).some((name) => headerValue(request.headers, name) !== undefined) || request.rawQuery !== ''
      const answer = await store.answer(request)
      return special ? { ...answer, headers: [...answer.headers, ...Object.entries(only).flat()] } : answer
    }
    for (const method of ['GET', 'HEAD']) {
      store.put('bucket/key', 'first')
      const passed = await client.ask({ method, path, fields })
      assert.equal(passed.fields.get('access-control-allow-origin'), 'https://example.org', 'the client gets all of it')
    }
    assert.equal(proxy.lookups(), 0)
    store.put('bucket/key', 'second')
    const plain = await client.get('/bucket/key')
    assert.equal(plain.body.toString(), 'second')
    assert.equal(plain.fields.get('access-control-allow-origin'), undefined)
    assert.equal(plain.fields.get('x-amz-request-charged'), undefined)
    store.put('bucket/key', 'third')
    assert.equal((await client.get(path, fields)).body.toString(), 'third', 'never from the cache')
    assert.equal((await client.get('/bucket/key')).body.toString(), 'second', 'which it leaves alone')
  })
}

/** Writes that end in an object which only its key opens. */
const WRITES: readonly Ask[] = [
  { method: 'PUT', path: '/bucket/key', body: 'x', fields: SSE_C },
  { method: 'PUT', path: '/bucket/key', fields: { ...SOURCE_SSE_C, ...SSE_C } },
  { method: 'POST', path: '/bucket/key?uploads', fields: SSE_C },
  { method: 'PUT', path: '/bucket/key?partNumber=1&uploadId=u', body: 'x', fields: SSE_C },
  { method: 'PUT', path: '/bucket/key?partNumber=1&uploadId=u', fields: { ...SOURCE_SSE_C, ...SSE_C } },
  { method: 'POST', path: '/bucket/key?uploadId=u', body: '<x/>', fields: SSE_C },
]

for (const ask of WRITES) {
  const source = ask.fields !== undefined && 'x-amz-copy-source' in ask.fields ? ' from such an object' : ''
  test(`${ask.method} ${ask.path} with a customer key${source} goes up with its key, and what was in the cache is gone`, async (t) => {
    const { store, origin } = storeOrigin()
    const proxy = await proxyFor(t, { origin })
    const client = new S3Client(proxy)
    store.put('bucket/key', 'plain')
    await client.get('/bucket/key')
    origin.answer = async (request) => {
      for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
      const opened = headerValue(request.headers, 'x-amz-server-side-encryption-customer-key') !== undefined
      const answer = store.read('bucket/key', { ...request, method: request.method === 'HEAD' ? 'HEAD' : 'GET' })
      if (!opened) return errorReply(400, 'InvalidRequest', request.method)
      return { ...answer, headers: [...answer.headers, 'x-amz-server-side-encryption-customer-algorithm', 'AES256'] }
    }
    origin.takeAsked()
    assert.equal((await client.ask(ask)).status, 200)
    for (const [name, value] of Object.entries(ask.fields ?? {})) assert.equal(headerValue(origin.requests[0]?.headers ?? [], name), value)
    for (let time = 1; time <= 2; time++) {
      assert.equal((await client.get('/bucket/key', SSE_C)).status, 200)
      assert.equal((await client.get('/bucket/key')).status, 400, 'without its key it stays closed')
    }
    const shown = JSON.stringify(proxy.records)
    assert.ok(!shown.includes(SSE_C['x-amz-server-side-encryption-customer-key']), 'no key in a record')
  })
}

test('an object that turns out to be closed by a customer key is never kept, whatever the client sent', async (t) => {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  for (const body of ['one', 'two']) {
    store.put('bucket/key', body, { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' })
    assert.equal((await client.get('/bucket/key')).body.toString(), body)
  }
})
