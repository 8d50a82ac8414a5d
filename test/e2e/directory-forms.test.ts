import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { renderFields, type FormField } from '../../src/s3/post/form.ts'
import { signForm, type PostPolicy } from '../../src/s3/post/policy.ts'
import { deriveSigningKey } from '../../src/s3/sigv4/signing-key.ts'
import { directoryFixture } from '../support/directory-requests.ts'
import { proxyFor } from '../support/in-process-proxy.ts'
import { errorCode, patterned, S3Client, type Answer } from '../support/s3-client.ts'

const BOUNDARY = 'form-boundary'
const ALICE = { accessKeyId: 'AKALICE', secretAccessKey: 'alice-secret' }
const ALLOWED: PostPolicy['conditions'] = [{ bucket: 'bucket' }, ['starts-with', '$key', '']]

interface Form {
  readonly file?: string | Uint8Array
  readonly fileName?: string
  readonly conditions?: PostPolicy['conditions']
  /** Nobody signs it. */
  readonly unsigned?: boolean
}

interface Scene {
  readonly path: string
  /** Fields beside `key`; each is allowed by a condition where none are given. */
  readonly post: (fields: Readonly<Record<string, string>>, form?: Form) => Promise<Answer>
  readonly get: (key: string) => Promise<Answer>
}

async function scene(t: TestContext): Promise<Scene> {
  const { origin, path } = await directoryFixture(t)
  const actions = ['read', 'write', 'list', 'admin'] as const
  const clients = [{ ...ALICE, sessionToken: undefined, grants: [{ bucket: '*', prefix: '', actions }] }]
  const proxy = await proxyFor(t, { origin, clients, anonymous: true })
  const client = new S3Client(proxy, ALICE)
  const post: Scene['post'] = async (values, form = {}) => {
    const fields: FormField[] = Object.entries(values).map(([name, value]) => ({ name, value }))
    const nowMs = proxy.clock.nowMs()
    const conditions = form.conditions ?? [...ALLOWED, ...fields.map(({ name }) => ['starts-with', `$${name}`, ''])]
    const policy = { expiration: new Date(nowMs + 60_000).toISOString(), conditions }
    const signing = { credentials: ALICE, bucket: 'bucket', region: 'us-east-1', nowMs, signingKey: deriveSigningKey }
    const sent = form.unsigned === true ? fields : signForm({ fields, policy }, signing)
    const head = `${renderFields(BOUNDARY, sent)}--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${form.fileName ?? 'f'}"\r\nContent-Type: a/b\r\n\r\n`
    const body = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(form.file ?? 'body'), Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
    const type = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
    return new S3Client(proxy).ask({ method: 'POST', path: '/bucket', body, fields: type })
  }
  return { path, post, get: async (key) => client.get(`/bucket/${key}`) }
}

for (const size of [0, 1, 70_000, 3 * 1024 * 1024 + 7]) {
  test(`a form puts a file of ${size} bytes into a directory, whatever is cached of the key`, async (t) => {
    const { post, get } = await scene(t)
    await post({ key: 'k' }, { file: 'before' })
    for (let time = 0; time < 2; time++) assert.equal((await get('k')).body.toString(), 'before')
    const file = Buffer.from(patterned(size))
    const posted = await post({ key: 'k', 'content-type': 'text/x', 'x-amz-meta-m': '1', 'cache-control': 'no-cache' }, { file })
    assert.equal(posted.status, 204)
    assert.equal(posted.fields.get('location'), '/bucket/k')
    const read = await get('k')
    assert.ok(file.equals(read.body))
    for (const [name, value] of [
      ['etag', posted.fields.get('etag')],
      ['content-type', 'text/x'],
      ['x-amz-meta-m', '1'],
      ['cache-control', 'no-cache'],
    ] as const) {
      assert.equal(read.fields.get(name), value, name)
    }
  })
}

test('a form may hold what looks like its end', async (t) => {
  const { post, get } = await scene(t)
  for (const file of [`\r\n--${BOUNDARY.slice(0, -1)}`, '\r\n\r\n', '\r\n--\r\n'.repeat(30_000)]) {
    assert.equal((await post({ key: 'k' }, { file })).status, 204)
    assert.equal((await get('k')).body.toString(), file)
  }
})

test('a form says how it wants to be answered', async (t) => {
  const { post } = await scene(t)
  assert.equal((await post({ key: 'k', success_action_status: '200' })).status, 200)
  assert.equal((await post({ key: 'k', success_action_status: '404' })).status, 204)
  const created = await post({ key: 'a&b', success_action_status: '201' })
  assert.equal(created.status, 201)
  assert.match(
    created.body.toString(),
    /<PostResponse.*<Location>\/bucket\/a%26b<\/Location><Bucket>bucket<\/Bucket><Key>a&amp;b<\/Key><ETag>/s,
  )
  const sent = await post({ key: 'a&b', success_action_redirect: 'https://example.com/done?x=1' })
  assert.equal(sent.status, 303)
  assert.match(sent.fields.get('location') ?? '', /^https:\/\/example\.com\/done\?x=1&bucket=bucket&key=a%26b&etag=%22[0-9a-f]{32}%22$/)
  for (const nowhere of ['there', 'javascript:alert(1)'])
    assert.equal((await post({ key: 'k', success_action_redirect: nowhere })).status, 204)
})

test('the name of the file takes the place of ${filename}, without its folders', async (t) => {
  const { post, get } = await scene(t)
  // oxlint-disable-next-line no-template-curly-in-string -- S3's own placeholder
  assert.equal((await post({ key: 'up/${filename}' }, { fileName: 'C:/docs/a b.txt' })).status, 204)
  assert.equal((await get('up/a%20b.txt')).body.toString(), 'body')
})

test('a directory checks what the policy says of fields and file, and puts nothing in place that it forbids', async (t) => {
  const { post, path } = await scene(t)
  const conditions = [...ALLOWED, ['content-length-range', 2, 5]]
  const codes = [
    await post({ key: 'k' }, { conditions: [{ bucket: 'other' }, ['starts-with', '$key', '']] }),
    await post({ key: 'k' }, { conditions: [{ bucket: 'bucket' }, { key: 'l' }] }),
    await post({ key: 'k', acl: 'private' }, { conditions: ALLOWED }),
    await post({ key: 'k' }, { conditions: [...ALLOWED, ['ends-with', '$key', 'k']] }),
    await post({ key: 'k' }, { conditions, file: 'x' }),
    await post({ key: 'k' }, { conditions, file: 'xxxxxx' }),
    await post({ key: 'k' }, { conditions, file: patterned(500_000) }),
    await post({ key: 'k', acl: 'public-read' }),
    await post({ key: 'k', tagging: '<Tagging/>' }),
    await post({ key: 'k', 'content-type': 'a\r\nb: c' }),
    await post({ key: 'k', 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' }),
  ].map(errorCode)
  const expected = 'AccessDenied AccessDenied AccessDenied InvalidPolicyDocument EntityTooSmall EntityTooLarge EntityTooLarge'
  assert.equal(codes.join(' '), `${expected} NotImplemented NotImplemented InvalidArgument BadDigest`)
  assert.deepEqual(await readdir(join(path, 'bucket')), [])
  for (const file of ['xx', 'xxxxx']) assert.equal((await post({ key: 'k' }, { conditions, file })).status, 204, 'at the bounds')
  assert.deepEqual(await readdir(join(path, 'bucket')), ['k'])
})

test('a form that nobody signed needs no policy where everybody may write', async (t) => {
  const { post, get } = await scene(t)
  assert.equal((await post({ key: 'k' }, { unsigned: true })).status, 204)
  assert.equal((await get('k')).body.toString(), 'body')
})
