import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { OriginFailure, type OriginRequest, type OriginResponse } from '../../src/origin/origin.ts'
import { errorReply, Gate, reply, type FunctionOrigin } from '../support/function-origin.ts'
import { proxyFor, type InProcessProxy } from '../support/in-process-proxy.ts'
import { storeOrigin, type ObjectStore } from '../support/object-store.ts'
import { assertSameBytes, patterned, S3Client, type Ask } from '../support/s3-client.ts'

const MIB = 1024 * 1024

interface Scene {
  readonly store: ObjectStore
  readonly origin: FunctionOrigin
  readonly proxy: InProcessProxy
  readonly client: S3Client
  /** What a read of the path gives: its body, or the status of an error. */
  readonly read: (path: string) => Promise<string>
}

/** Objects are immutable as far as the mode goes: only an invalidation can show what is new. */
async function scene(t: TestContext): Promise<Scene> {
  const { store, origin } = storeOrigin()
  const proxy = await proxyFor(t, { origin })
  const client = new S3Client(proxy)
  const read = async (path: string): Promise<string> => {
    const answer = await client.get(path)
    return answer.status === 200 ? answer.body.toString('latin1') : String(answer.status)
  }
  return { store, origin, proxy, client, read }
}

async function readAll(request: OriginRequest): Promise<void> {
  for (let chunk = await request.body.read(); chunk !== undefined; chunk = await request.body.read()) assert.ok(chunk.length > 0)
}

function deleteXml(...keys: readonly string[]): string {
  return `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`
}

/** Every request that may change an object, and the objects that it may change. */
const WRITES: readonly [ask: Ask, paths: readonly string[]][] = [
  [{ method: 'PUT', path: '/bucket/key', body: 'x' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/key', fields: { 'x-amz-copy-source': '/bucket/other' } }, ['/bucket/key']],
  [{ method: 'DELETE', path: '/bucket/key' }, ['/bucket/key']],
  [{ method: 'DELETE', path: '/bucket/key?versionId=1' }, ['/bucket/key']],
  [{ method: 'POST', path: '/bucket/key?uploadId=u', body: '<CompleteMultipartUpload/>' }, ['/bucket/key']],
  [
    { method: 'PUT', path: '/bucket/key?renameObject', fields: { 'x-amz-rename-source': 'bucket/b%20c' } },
    ['/bucket/key', '/bucket/b%20c'],
  ],
  [{ method: 'PUT', path: '/bucket/key?tagging', body: '<Tagging/>' }, ['/bucket/key']],
  [{ method: 'DELETE', path: '/bucket/key?tagging' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/key?acl', body: '<x/>' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/key?retention', body: '<x/>' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/key?legal-hold', body: '<x/>' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/key?encryption', body: '<x/>' }, ['/bucket/key']],
  [{ method: 'POST', path: '/bucket/key?restore', body: '<x/>' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/key?not-yet-invented', body: '<x/>' }, ['/bucket/key']],
  [{ method: 'POST', path: '/bucket/key', body: 'x' }, ['/bucket/key']],
  [{ method: 'PATCH', path: '/bucket/key', body: 'x' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/%6bey', body: 'x' }, ['/bucket/key']],
  [{ method: 'PUT', path: '/bucket/gr%C3%B6%C3%9Fe', body: 'x' }, ['/bucket/gr%C3%B6%C3%9Fe']],
  [{ method: 'POST', path: '/bucket?delete', body: deleteXml('key', 'a/b') }, ['/bucket/key', '/bucket/a/b']],
  [
    { method: 'POST', path: '/bucket?delete=', body: deleteXml('gr\xc3\xb6\xc3\x9fe', 'a&amp;b&#x20;&lt;', ' key ') },
    ['/bucket/gr%C3%B6%C3%9Fe', '/bucket/a%26b%20%3C', '/bucket/%20key%20'],
  ],
  // What else origins take in it is their business; then every object of the bucket may be meant.
  [{ method: 'POST', path: '/bucket?delete', body: '<Delete><Unknown/></Delete>' }, ['/bucket/key', '/bucket/a/b']],
  // It says who may read, hotbucket itself among them.
  [{ method: 'PUT', path: '/bucket?policy', body: '{}' }, ['/bucket/key', '/bucket/a/b']],
  [{ method: 'DELETE', path: '/bucket' }, ['/bucket/key', '/bucket/a/b']],
  [{ method: 'POST', path: '/bucket?not-yet-invented', body: '<x/>' }, ['/bucket/key', '/bucket/a/b']],
]

/** How the origin may answer a write: in every case nobody can be sure that nothing changed. */
const ANSWERS: Readonly<Record<string, () => OriginResponse>> = {
  success: () => reply(200, { etag: '"e"' }),
  'no content': () => reply(204, { 'content-length': undefined }),
  'an error': () => errorReply(500, 'InternalError'),
  'a failed condition': () => errorReply(412, 'PreconditionFailed'),
  '200 with an error inside': () => reply(200, { 'content-type': 'application/xml' }, '<Error><Code>InternalError</Code></Error>'),
  'no answer': () => {
    throw new OriginFailure('timeout', 'nothing came')
  },
}

for (const [ask, paths] of WRITES) {
  const body = ask.path.includes('?delete') ? ` ${String(ask.body)}` : ''
  test(`${ask.method} ${ask.path}${body} is seen by the next read, and a read beside it leaves nothing behind`, async (t) => {
    const { store, origin, client, read } = await scene(t)
    for (const [what, answer] of Object.entries(ANSWERS)) {
      for (const path of [...paths, '/bucket/untouched']) store.put(path.slice(1), 'before')
      for (const path of [...paths, '/bucket/untouched']) assert.match(await read(path), /^(before|after)$/)
      const gate = new Gate()
      origin.answer = async (request) => {
        if (request.method === 'GET' || request.method === 'HEAD') return store.answer(request)
        await readAll(request)
        await gate.pass()
        for (const path of paths) store.put(path.slice(1), 'after')
        return answer()
      }
      const writing = client.ask(ask)
      await gate.reached()
      for (const path of paths) assert.equal(await read(path), 'before', `${what}: ${path} was forgotten before the write`)
      gate.open()
      await writing
      for (const path of paths) assert.equal(await read(path), 'after', `${what}: ${path} was forgotten after the write`)
      origin.takeAsked()
      for (const path of paths) await read(path)
      assert.deepEqual(origin.takeAsked(), [], 'what was read after the write stays')
      if (paths[1] !== '/bucket/a/b' || body.includes('<Object>')) {
        await read('/bucket/untouched')
        assert.deepEqual(origin.takeAsked(), [], 'no other object was forgotten')
      }
    }
  })
}

const READS: readonly Ask[] = [
  { path: '/bucket/key?acl' },
  { path: '/bucket/key?versionId=1' },
  { path: '/bucket?list-type=2' },
  { method: 'OPTIONS', path: '/bucket/key' },
  { method: 'POST', path: '/bucket/key?select&select-type=2', body: '<x/>' },
  { method: 'PUT', path: '/bucket?cors', body: '<x/>' },
]

for (const ask of READS) {
  test(`${ask.method ?? 'GET'} ${ask.path} forgets no object`, async (t) => {
    const { store, origin, client, read } = await scene(t)
    store.put('bucket/key', 'body')
    await read('/bucket/key')
    origin.answer = async (request) => {
      await readAll(request)
      return reply(200)
    }
    assert.equal((await client.ask(ask)).status, 200)
    origin.takeAsked()
    assert.equal(await read('/bucket/key'), 'body')
    assert.deepEqual(origin.takeAsked(), [])
  })
}

test('a read that began before a write and ends after it leaves nothing behind, small and large', async (t) => {
  const { store, origin, client } = await scene(t)
  for (const size of [100, 3 * MIB]) {
    const path = `bucket/${size}`
    const old = store.put(path, patterned(size, 1))
    const gate = new Gate()
    origin.answer = async (request) => {
      const answer = await store.answer(request)
      if (request.method === 'GET' && gate.arrived === 0) await gate.pass()
      return answer
    }
    const reading = client.get(`/${path}`)
    await gate.reached()
    assert.equal((await client.put(`/${path}`, patterned(size, 2))).status, 200)
    assertSameBytes((await client.get(`/${path}`)).body, patterned(size, 2), 'the next read does not join the old one')
    gate.open()
    const late = await reading
    const version = late.fields.get('etag') === old.etag ? 1 : 2
    assertSameBytes(late.body, patterned(size, version), 'the old read gets one version, the one it names')
    origin.takeAsked()
    assertSameBytes((await client.get(`/${path}`)).body, patterned(size, 2))
    assert.deepEqual(origin.takeAsked(), [])
  }
})

for (const pieces of [['<CompleteMultipartUploadResult/>'], [' ', '\n', '<CompleteMultipartUploadResult/>']]) {
  test(`a write’s answer in ${pieces.length} pieces is not whole with the client before its effects can be seen`, async (t) => {
    const { store, origin, proxy, read } = await scene(t)
    store.put('bucket/key', 'before')
    await read('/bucket/key')
    // One for each piece, and one for the end: the client may take the last piece for it.
    const gates = [...pieces, 'end'].map(() => new Gate())
    origin.answer = async (request) => {
      if (request.method === 'GET') return store.answer(request)
      let next = 0
      const read = async (): Promise<Buffer | undefined> => {
        const piece = pieces[next]
        await gates[next]?.pass()
        if (next === pieces.length - 1) store.put('bucket/key', 'after')
        next += 1
        return piece === undefined ? undefined : Buffer.from(piece)
      }
      const length = pieces.join('').length
      return { status: 200, headers: ['content-length', String(length)], body: { length, read, cancel: () => undefined } }
    }
    const { RawClient } = await import('../../src/http/testing/raw-client.ts')
    const raw = await RawClient.connect(Number(new URL(proxy.endpoint).port))
    raw.send('POST /bucket/key?uploadId=u HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n<x/>')
    for (const gate of gates.slice(0, pieces.length - 1)) {
      await gate.reached()
      gate.open()
      await raw.bytes(1)
      assert.equal(await read('/bucket/key'), 'before')
    }
    await gates.at(-2)?.reached()
    assert.equal(await read('/bucket/key'), 'before')
    gates.at(-2)?.open()
    while (!(await raw.bytes(1)).includes('Result/>')) assert.ok(!raw.ended)
    assert.equal(await read('/bucket/key'), 'after')
    gates.at(-1)?.open()
    raw.destroy()
  })
}

test('a client that leaves after its upload leaves the write to be finished, and its effects to be seen', async (t) => {
  const { store, origin, proxy, read } = await scene(t)
  store.put('bucket/key', 'before')
  const gate = new Gate()
  let signal: AbortSignal | undefined
  origin.answer = async (request) => {
    if (request.method === 'GET') return store.answer(request)
    signal = request.signal
    await readAll(request)
    await gate.pass()
    return store.put('bucket/key', 'after') && reply(200, { etag: '"e"' })
  }
  const { RawClient } = await import('../../src/http/testing/raw-client.ts')
  const raw = await RawClient.connect(Number(new URL(proxy.endpoint).port))
  raw.send('PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nafter')
  await gate.reached()
  raw.socket.resetAndDestroy()
  assert.equal(await read('/bucket/key'), 'before')
  await proxy.takeRecord()
  assert.equal(signal?.aborted, false)
  gate.open()
  const record = await proxy.takeRecord()
  assert.equal(`${record.operation} ${record.outcome}`, 'PutObject client-gone')
  assert.equal(await read('/bucket/key'), 'after')
})
