import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, readdir, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { directoryFixture } from '../../test/support/directory-requests.ts'
import { failsAs, FedBody, requestOf } from '../../test/support/origin-requests.ts'
import { systemClock } from '../base/clock.ts'
import { headerValue } from '../base/header-list.ts'
import { DirectoryOrigin } from './directory-origin.ts'

test('DirectoryOrigin serves a directory that somebody else filled', async (context) => {
  const { path, ask, keys } = await directoryFixture(context)
  await mkdir(join(path, 'photos/2026/empty'), { recursive: true })
  await writeFile(join(path, 'photos/2026/été 1.jpg'), 'jpeg')
  await writeFile(join(path, 'photos/read.me'), 'text')
  const read = await ask({ bucket: 'photos', rawKey: '2026/%C3%A9t%C3%A9%201.jpg' })
  assert.equal(read.text, 'jpeg')
  assert.equal(headerValue(read.headers, 'content-type'), 'image/jpeg')
  assert.match(read.etag ?? '', /^"[0-9a-f]{32}-file"$/)
  assert.equal(headerValue((await ask({ bucket: 'photos', rawKey: 'read.me' })).headers, 'content-type'), 'binary/octet-stream')
  const listed = (await ask({ bucket: 'photos', rawKey: undefined, rawQuery: 'list-type=2&delimiter=/' })).text
  assert.match(listed, /<Key>read.me<.*<Prefix>2026\/</)
  assert.equal(listed.includes(read.etag ?? ''), false)
  assert.deepEqual(await keys(), [])
})

test('DirectoryOrigin needs nothing but reading for reads', async (context) => {
  const { path, origin, ask } = await directoryFixture(context)
  await writeFile(join(path, 'bucket/file'), 'x')
  await chmod(join(path, 'bucket'), 0o555)
  await chmod(path, 0o555)
  try {
    assert.equal((await ask({ rawKey: 'file' })).status, 200)
    assert.equal((await ask({ rawKey: undefined, rawQuery: 'list-type=2' })).status, 200)
    assert.deepEqual(await readdir(path), ['bucket'])
  } finally {
    await chmod(path, 0o755)
    await chmod(join(path, 'bucket'), 0o755)
  }
  await origin.close()
})

test('DirectoryOrigin fails as unreachable where its directory is not there', async () => {
  const origin = new DirectoryOrigin({ name: 'none', path: '/nonexistent/hotbucket' }, { clock: systemClock })
  await assert.rejects(origin.send(requestOf()), failsAs('unreachable'))
})

test('an ETag changes with every change of the file, also one of equal size that keeps its time', async (context) => {
  const { path, ask, put } = await directoryFixture(context)
  const file = join(path, 'bucket/file')
  const seen = new Set<string | undefined>()
  const sees = async (): Promise<void> => {
    const { etag } = await ask({ method: 'HEAD', rawKey: 'file' })
    assert.equal((await ask({ rawKey: 'file' })).etag, etag)
    assert.equal(seen.has(etag), false)
    seen.add(etag)
  }
  await put('file', 'aaa')
  await sees()
  await writeFile(file, 'bbb')
  await sees()
  await writeFile(file, 'ccc')
  await sees()
  const then = new Date(1_700_000_000_000)
  await utimes(file, then, then)
  await sees()
  await writeFile(file, 'ddd')
  await utimes(file, then, then)
  await sees()
  await writeFile(`${file}.new`, 'eee')
  await rename(`${file}.new`, file)
  await sees()
})

test('metadata belongs to the version that it came with', async (context) => {
  const { path, origin, ask, put } = await directoryFixture(context)
  await put('file', 'one', ['content-type', 'text/one', 'x-amz-meta-v', '1'])
  const again = new DirectoryOrigin({ name: 'again', path }, { clock: systemClock })
  assert.equal(headerValue((await again.send(requestOf({ method: 'HEAD', rawKey: 'file' }))).headers, 'x-amz-meta-v'), '1')
  await writeFile(join(path, 'bucket/file'), 'two')
  assert.equal(headerValue((await ask({ rawKey: 'file' })).headers, 'x-amz-meta-v'), undefined)
  await put('file', 'six', ['x-amz-meta-v', '6'])
  await put('file', 'ten')
  const last = await ask({ rawKey: 'file' })
  assert.equal(headerValue(last.headers, 'x-amz-meta-v'), undefined)
  await ask({ method: 'DELETE', rawKey: 'file' })
  await origin.close()
})

test('a body is cut rather than mixed when its file is written over while it is read', async (context) => {
  const { path, origin } = await directoryFixture(context)
  const file = join(path, 'bucket/big')
  const size = 2 * 1024 * 1024
  await writeFile(file, Buffer.alloc(size, 'a'))
  const { body } = await origin.send(requestOf({ rawKey: 'big' }))
  assert.equal((await body.read())?.[0], 'a'.charCodeAt(0))
  await writeFile(file, Buffer.alloc(size, 'b'))
  await assert.rejects(body.read(), failsAs('reset'))
  await assert.rejects(body.read(), failsAs('reset'))
})

test('a body is whole when its object is replaced, or deleted, while it is read', async (context) => {
  const { origin, put, ask } = await directoryFixture(context)
  const size = 1024 * 1024
  for (const change of ['put', 'delete'] as const) {
    await put('big', Buffer.alloc(size, 'a'))
    const { body } = await origin.send(requestOf({ rawKey: 'big' }))
    await body.read()
    if (change === 'put') await put('big', Buffer.alloc(size, 'b'))
    else await ask({ method: 'DELETE', rawKey: 'big' })
    let rest = 0
    for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      assert.equal(chunk.indexOf('b'.charCodeAt(0)), -1)
      rest += chunk.length
    }
    assert.equal(rest, size - 256 * 1024)
  }
})

test('readers and writers at once never see a mixture', async (context) => {
  const { ask, put } = await directoryFixture(context)
  const size = 600 * 1024
  await put('hot', Buffer.alloc(size, 'a'), ['x-amz-meta-v', 'a'])
  let writing = true
  const writer = async (letters: string): Promise<void> => {
    for (const letter of letters) await put('hot', Buffer.alloc(size, letter), ['x-amz-meta-v', letter])
  }
  const reader = async (): Promise<number> => {
    let reads = 0
    for (; writing; reads++) {
      const { text, headers } = await ask({ rawKey: 'hot' })
      const version = headerValue(headers, 'x-amz-meta-v') ?? ''
      assert.equal(text.length, size)
      assert.ok(text === version.repeat(size), `version ${version}`)
    }
    return reads
  }
  const readers = [reader(), reader(), reader()]
  await Promise.all([writer('bcdefgh'), writer('ijklmno')])
  writing = false
  for (const reads of await Promise.all(readers)) assert.ok(reads > 0)
})

test('an object and a prefix of the same name live side by side, in either order', async (context) => {
  const { ask, put, keys } = await directoryFixture(context)
  await put('a', 'object first', ['x-amz-meta-m', '1'])
  await put('a/b', 'below')
  await put('c/d', 'prefix first')
  await put('c', 'object')
  await put('e/', 'marker')
  await put('e//f', 'empty segment')
  const long = 'x'.repeat(254)
  await put(long, 'long object')
  await put(`${long}/y`, 'below long')
  for (const [key, content] of [
    ['a', 'object first'],
    ['a/b', 'below'],
    ['c', 'object'],
    ['c/d', 'prefix first'],
    ['e/', 'marker'],
    ['e//f', 'empty segment'],
    [long, 'long object'],
    [`${long}/y`, 'below long'],
  ] as const) {
    assert.equal((await ask({ rawKey: key })).text, content, key)
  }
  assert.equal(headerValue((await ask({ rawKey: 'a' })).headers, 'x-amz-meta-m'), '1')
  assert.deepEqual(await keys('', 3), ['a', 'a/b', 'c', 'c/d', 'e/', 'e//f', long, `${long}/y`])
  await put('a', 'new object')
  assert.equal((await ask({ rawKey: 'a' })).text, 'new object')
  await ask({ method: 'DELETE', rawKey: 'a/b' })
  assert.equal((await ask({ rawKey: 'a' })).text, 'new object')
  await put('a', 'plain again')
  await ask({ method: 'DELETE', rawKey: 'a' })
  assert.equal((await ask({ rawKey: 'a' })).status, 404)
})

test('no key leads out of its bucket', async (context) => {
  const { path, ask, put, keys } = await directoryFixture(context)
  await writeFile(join(path, 'secret'), 'secret')
  await mkdir(join(path, 'other'))
  await writeFile(join(path, 'other/file'), 'secret')
  for (const rawKey of ['../secret', '..%2Fsecret', '%2e%2e/other/file', 'x/../../secret', '/../secret', '../.hotbucket/meta', '..']) {
    assert.equal((await ask({ rawKey })).status, 404, rawKey)
    assert.equal((await put(rawKey, 'mine')).status, 200, rawKey)
    assert.equal((await ask({ rawKey })).text, 'mine')
    assert.equal((await keys()).length, 1)
    await ask({ method: 'DELETE', rawKey })
  }
  assert.deepEqual((await readdir(path)).sort(), ['.hotbucket', 'bucket', 'other', 'secret'])
  for (const bucket of ['..', '.', '.hotbucket', 'secret', '']) assert.equal((await ask({ bucket, rawKey: 'x' })).status, 404, bucket)
  assert.equal((await ask({ method: 'PUT', bucket: '.hotbucket', rawKey: undefined })).status, 400)
  const buckets = (await ask({ bucket: undefined, rawKey: undefined })).text
  assert.deepEqual(
    [...buckets.matchAll(/<Name>([^<]*)</g)].map((match) => match[1]),
    ['bucket', 'other'],
  )
})

test('symbolic links are neither shown, nor followed, nor written through', async (context) => {
  const { path, ask, put, keys } = await directoryFixture(context)
  await mkdir(join(path, 'other/deep'), { recursive: true })
  await writeFile(join(path, 'other/deep/file'), 'secret')
  await symlink('/etc', join(path, 'etc-bucket'))
  await symlink(join(path, 'other'), join(path, 'bucket/linked'))
  await symlink(join(path, 'other/deep/file'), join(path, 'bucket/file'))
  assert.equal((await ask({ bucket: 'etc-bucket', rawKey: 'passwd' })).status, 404)
  assert.equal((await ask({ rawKey: 'linked/deep/file' })).status, 404)
  assert.equal((await ask({ rawKey: 'file' })).status, 404)
  assert.deepEqual(await keys(), [])
  assert.deepEqual(await keys('linked/deep/'), [])
  assert.equal((await put('linked/new', 'x')).status, 403)
  assert.equal((await put('linked/deep/new', 'x')).status, 403)
  await ask({ method: 'DELETE', rawKey: 'linked/deep/file' })
  assert.deepEqual(await readdir(join(path, 'other/deep')), ['file'])
  assert.equal((await put('file', 'mine')).status, 200)
  assert.equal((await ask({ rawKey: 'file' })).text, 'mine')
  assert.equal((await ask({ method: 'DELETE', bucket: 'bucket', rawKey: 'file' })).status, 204)
  assert.match((await ask({ method: 'DELETE', rawKey: undefined })).text, /BucketNotEmpty/)
})

test('special files are no objects and make nobody wait', async (context) => {
  const { path, ask, keys } = await directoryFixture(context)
  execFileSync('sh', ['-c', 'mkfifo "$0"', join(path, 'bucket/pipe')])
  assert.equal((await ask({ rawKey: 'pipe' })).status, 404)
  assert.deepEqual(await keys(), [])
})

test('a write whose body fails leaves neither an object nor a file', async (context) => {
  const { path, origin, ask } = await directoryFixture(context)
  const body = new FedBody()
  body.feed(Buffer.from('half'))
  const sent = origin.send(requestOf({ method: 'PUT', payload: { kind: 'unsigned' }, body, bodyLength: 8 }))
  body.feed(new Error('client left'))
  await assert.rejects(sent, failsAs('body'))
  assert.equal((await ask({})).status, 404)
  assert.deepEqual(await readdir(join(path, '.hotbucket/tmp')), [])
  const short = new FedBody()
  short.feed(Buffer.from('half'))
  short.feed(undefined)
  const answer = await ask({ method: 'PUT', payload: { kind: 'unsigned' }, body: short, bodyLength: 8 })
  assert.match(answer.text, /IncompleteBody/)
})

test('listing agrees with a sorted set for any keys, page size and delimiter', async (context) => {
  const { ask, put, keys } = await directoryFixture(context)
  const segment = fc.constantFrom('a', 'b', 'a-', 'a.', 'aa', '', '.', '..', '%~', 'ü', 'a'.repeat(300), '!')
  const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom('', 'a', 'a/', 'a/a'),
      async (some, pageKeys, prefix) => {
        const wanted = some.filter((each) => each !== '')
        for (const each of wanted) assert.equal((await put(encodeURIComponent(each), '')).status, 200)
        const bytes = (text: string): string => Buffer.from(text).toString('latin1')
        const sorted = [...wanted].filter((each) => each.startsWith(prefix)).sort((a, b) => (bytes(a) < bytes(b) ? -1 : 1))
        assert.deepEqual(await keys(prefix, pageKeys), sorted)
        for (const each of wanted) await ask({ method: 'DELETE', rawKey: encodeURIComponent(each) })
        assert.deepEqual(await keys(), [])
      },
    ),
    { numRuns: 20 },
  )
  assert.equal((await ask({ method: 'DELETE', rawKey: undefined })).status, 204)
})

test('listing a directory larger than what is held at a time misses nothing', async (context) => {
  const { path, keys } = await directoryFixture(context)
  const names = Array.from({ length: 4500 }, (_, i) => `n${String((i * 7919) % 4500).padStart(5, '0')}`)
  for (let at = 0; at < names.length; at += 500)
    await Promise.all(names.slice(at, at + 500).map((name) => writeFile(join(path, 'bucket', name), '')))
  assert.deepEqual(await keys('', 1000), [...names].sort())
})

test('writes that race with the removal of their directories all succeed', async (context) => {
  const { ask, put, keys } = await directoryFixture(context)
  const churn = async (name: string): Promise<void> => {
    for (let i = 0; i < 15; i++) {
      assert.equal((await put(`d/e/${name}`, name)).status, 200)
      assert.equal((await ask({ rawKey: `d/e/${name}` })).text, name)
      assert.equal((await ask({ method: 'DELETE', rawKey: `d/e/${name}` })).status, 204)
    }
  }
  await Promise.all([churn('a'), churn('b'), churn('c')])
  assert.deepEqual(await keys(), [])
})

test('only one of many conditional creations succeeds, also across processes', async (context) => {
  const { path, put } = await directoryFixture(context)
  const others = Array.from({ length: 8 }, () => new DirectoryOrigin({ name: 'other', path }, { clock: systemClock }))
  const answers = await Promise.all([
    put('once', 'x', ['if-none-match', '*']),
    ...others.map((origin) => origin.send(requestOf({ method: 'PUT', rawKey: 'once', headers: ['if-none-match', '*'] }))),
  ])
  assert.deepEqual(
    answers.map((answer) => answer.status).sort((a, b) => a - b),
    [200, ...Array.from({ length: 8 }, () => 412)],
  )
})

test('a key that is too long, or an upload id that is a path, is refused', async (context) => {
  const { ask, put } = await directoryFixture(context)
  assert.match((await put('k'.repeat(1025), 'x')).text, /KeyTooLongError/)
  assert.equal((await put('k'.repeat(1024), 'x')).status, 200)
  assert.equal((await put('/'.repeat(1024), 'x')).status, 200)
  for (const uploadId of ['../..', '..%2F..', '0'.repeat(32), '']) {
    const answer = await ask({ method: 'DELETE', rawQuery: `uploadId=${uploadId}` })
    assert.ok(answer.status === 404 || answer.status === 501, uploadId)
  }
})
