import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { collect, sourceOf } from '../../src/base/byte-source.ts'
import type { ClientConfig, GrantConfig } from '../../src/config/config.ts'
import { createOrigin } from '../../src/origin/create-origin.ts'
import type { S3OriginConfig } from '../../src/origin/s3-origin.ts'
import { formValue, readForm, renderFields, type FormField, type FormUpload } from '../../src/s3/post/form.ts'
import { signForm, verifyForm, type PostPolicy } from '../../src/s3/post/policy.ts'
import { deriveSigningKey } from '../../src/s3/sigv4/signing-key.ts'
import { FaultOrigin, type FaultRequest } from '../support/fault-origin.ts'
import { proxyFor, type InProcessOptions, type InProcessProxy } from '../support/in-process-proxy.ts'
import { configOf, CREDENTIALS as ORIGIN } from '../support/origin-requests.ts'
import { errorCode, S3Client, type Answer } from '../support/s3-client.ts'

const ALICE = { accessKeyId: 'AKALICE', secretAccessKey: 'alice-secret' }
const TYPE = 'multipart/form-data; boundary=----formBoundary'
const BOUNDARY = '----formBoundary'
const CREATED = '<?xml version="1.0"?><PostResponse><Key>k</Key></PostResponse>'

interface Scene {
  readonly proxy: InProcessProxy
  readonly service: FaultOrigin
  /** Sends a form that Alice signed, unless `policy` is undefined. */
  readonly post: (form: Form) => Promise<Answer>
  readonly read: (key: string) => Promise<string>
}

interface Form {
  readonly fields: readonly FormField[]
  readonly file?: string
  readonly fileName?: string
  /** Conditions of the policy; `undefined`: nobody signs. */
  readonly conditions?: PostPolicy['conditions'] | undefined
  readonly credentials?: typeof ALICE
  readonly path?: string
}

const FIELDS: readonly FormField[] = [
  { name: 'key', value: 'up/k' },
  { name: 'content-type', value: 'text/x' },
  { name: 'success_action_status', value: '201' },
]
const CONDITIONS: PostPolicy['conditions'] = [{ bucket: 'bucket' }, ['starts-with', '$key', 'up/'], ['content-length-range', 0, 10]]

async function scene(t: TestContext, options: Partial<InProcessOptions> = {}, origin: Partial<S3OriginConfig> = {}): Promise<Scene> {
  let reads = 0
  const service = new FaultOrigin(async (request, reply) => {
    await request.body
    if (request.method !== 'POST') reply.answer(200, { etag: `"e${++reads}"` }, `read ${reads}`)
    else reply.answer(201, { 'content-type': 'application/xml', etag: '"e"', location: 'http://b/k' }, CREATED)
  })
  const s3 = await createOrigin(configOf(await service.start(), origin), {
    clock: { nowMs: () => proxy.clock.nowMs(), monotonicMs: () => 0 },
  })
  t.after(async () => {
    await s3.close()
    await service.stop()
  })
  const grants: GrantConfig[] = [{ bucket: 'bucket', prefix: 'up/', actions: ['read', 'write'] }]
  const clients: ClientConfig[] = [{ ...ALICE, sessionToken: undefined, grants }]
  const proxy = await proxyFor(t, { origin: s3, anonymous: false, clients, ...options })
  const client = new S3Client(proxy)
  const post = async (form: Form): Promise<Answer> =>
    client.ask({ method: 'POST', path: form.path ?? '/bucket', body: formText(form, proxy), fields: { 'content-type': TYPE } })
  const read = async (key: string): Promise<string> => (await new S3Client(proxy, ALICE).get(`/bucket/${key}`)).body.toString()
  return { proxy, service, post, read }
}

function formText(form: Form, proxy: InProcessProxy): string {
  const nowMs = proxy.clock.nowMs()
  const expiration = new Date(nowMs + 60_000).toISOString()
  const signing = { credentials: form.credentials ?? ALICE, bucket: 'bucket', region: 'us-east-1', nowMs, signingKey: deriveSigningKey }
  const policy = form.conditions === undefined ? undefined : { expiration, conditions: form.conditions }
  const fields = policy === undefined ? form.fields : signForm({ fields: form.fields, policy }, signing)
  const name = form.fileName === undefined ? '' : `; filename="${form.fileName}"`
  const file = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"${name}\r\nContent-Type: a/b\r\n\r\n${form.file ?? 'body'}\r\n--${BOUNDARY}--\r\n`
  return renderFields(BOUNDARY, fields) + file
}

/** What the service got, with its own check of the signature. */
async function received(
  request: FaultRequest | undefined,
  proxy: InProcessProxy,
): Promise<FormUpload & { rest: string; policy: PostPolicy }> {
  assert.ok(request !== undefined)
  const body = await request.body
  assert.equal(request.headers.get('content-length'), String(body.length))
  assert.equal(request.headers.get('authorization'), undefined)
  assert.equal(request.headers.get('content-type'), TYPE)
  assert.equal(request.target, '/bucket')
  const form = await readForm(sourceOf(body), TYPE)
  const lookup = (id: string) => (id === ORIGIN.accessKeyId ? ORIGIN : undefined)
  const verified = verifyForm(form.fields, { lookup, nowMs: proxy.clock.nowMs(), signingKey: deriveSigningKey })
  assert.ok(verified !== 'anonymous')
  const rest = Buffer.from((await collect(form.file, 1_000_000)) ?? []).toString('latin1')
  return { ...form, rest, policy: verified.policy }
}

test('a form reaches the origin signed anew, with the conditions of its policy, and its answer comes back', async (t) => {
  const { proxy, service, post } = await scene(t)
  const answer = await post({ fields: FIELDS, conditions: CONDITIONS, file: 'the file\r\n\0', fileName: 'x.txt' })
  assert.equal(`${answer.status} ${answer.body.toString()}`, `201 ${CREATED}`)
  assert.equal(answer.fields.get('location'), 'http://b/k')
  const got = await received(service.requests[0], proxy)
  for (const { name, value } of FIELDS) assert.equal(formValue(got.fields, name), value)
  for (const condition of CONDITIONS) assert.ok(got.policy.conditions.some((kept) => JSON.stringify(kept) === JSON.stringify(condition)))
  assert.match(got.rest, /filename="x\.txt"\r\nContent-Type: a\/b\r\n\r\nthe file\r\n\0\r\n/)
  const record = await proxy.takeRecord()
  assert.equal(`${record.operation} ${record.outcome} ${record.accessKeyId ?? ''} ${record.key ?? ''}`, 'PostObject write AKALICE up/k')
  assert.ok(record.bytesReceived > 500)
})

test('what a form wrote is seen by the next read, also where only the origin knows the key', async (t) => {
  const { post, read } = await scene(t)
  const other = await read('up/other')
  for (const [key, fileName, all] of [
    ['up/k', 'f', false],
    ['up/${filename}', 'k', false],
    ['up/${filename}', 'C:\\\\k', true],
    ['up/${filename}', undefined, true],
  ] as const) {
    const before = await read('up/k')
    assert.equal(await read('up/k'), before, 'cached')
    const known = await read('up/other')
    const answer = await post({
      fields: [{ name: 'key', value: key }],
      conditions: CONDITIONS,
      ...(fileName === undefined ? {} : { fileName }),
    })
    assert.equal(answer.status, 201)
    assert.notEqual(await read('up/k'), before, key)
    assert.equal((await read('up/other')) === known, !all)
  }
  assert.notEqual(await read('up/other'), other)
})

test('a form that is not signed, wrongly signed or not allowed never reaches the origin', async (t) => {
  const { service, post, proxy } = await scene(t)
  const key = (value: string): FormField[] => [{ name: 'key', value }]
  const cases: readonly [form: Form, wanted: string][] = [
    [{ fields: FIELDS }, '403 AccessDenied'],
    [{ fields: FIELDS, conditions: CONDITIONS, credentials: { ...ALICE, secretAccessKey: 'guessed' } }, '403 SignatureDoesNotMatch'],
    [{ fields: FIELDS, conditions: CONDITIONS, credentials: { ...ALICE, accessKeyId: 'NOBODY' } }, '403 InvalidAccessKeyId'],
    [{ fields: key('elsewhere/k'), conditions: [] }, '403 AccessDenied'],
    [{ fields: key('${filename}'), conditions: [], fileName: 'up/k' }, '403 AccessDenied'],
    [{ fields: FIELDS, conditions: CONDITIONS, path: '/other' }, '403 AccessDenied'],
    [{ fields: [...FIELDS, { name: 'acl', value: 'public-read' }], conditions: CONDITIONS }, '403 AccessDenied'],
    [{ fields: [...FIELDS, { name: 'x-amz-object-lock-mode', value: 'GOVERNANCE' }], conditions: CONDITIONS }, '403 AccessDenied'],
    [{ fields: [], conditions: CONDITIONS }, '400 InvalidArgument'],
    [{ fields: key('up/'.padEnd(1025, 'k')), conditions: CONDITIONS }, '400 KeyTooLongError'],
  ]
  for (const [form, wanted] of cases) {
    const answer = await post(form)
    assert.equal(`${answer.status} ${errorCode(answer)}`, wanted)
  }
  const signedTwice = new S3Client(proxy, ALICE)
  const body = formText({ fields: FIELDS, conditions: CONDITIONS }, proxy)
  const twice = await signedTwice.ask({ method: 'POST', path: '/bucket', body, fields: { 'content-type': TYPE } })
  assert.equal(`${twice.status} ${errorCode(twice)}`, '400 InvalidArgument')
  assert.deepEqual(service.requests, [])
  assert.equal((await post({ fields: [...FIELDS, { name: 'acl', value: 'private' }], conditions: CONDITIONS })).status, 201)
})

test('a form with a second key behind its file is given up before the origin has all of it', async (t) => {
  const { service, proxy } = await scene(t)
  const text = formText({ fields: FIELDS, conditions: CONDITIONS }, proxy)
  const smuggled = text.replace(/--\r\n$/, `\r\nContent-Disposition: form-data; name="key"\r\n\r\nother\r\n--${BOUNDARY}--\r\n`)
  const ask = { method: 'POST', path: '/bucket', body: smuggled, fields: { 'content-type': TYPE } }
  assert.equal(errorCode(await new S3Client(proxy).ask(ask)), 'MalformedPOSTRequest')
  for (const request of service.requests) assert.ok(request.bodyBytes() < Number(request.headers.get('content-length')))
})

test('with anonymous access a form that nobody signed is signed for the origin, or goes up as it is to one without credentials', async (t) => {
  const signed = await scene(t, { anonymous: true })
  assert.equal((await signed.post({ fields: FIELDS })).status, 201)
  const got = await received(signed.service.requests[0], signed.proxy)
  assert.deepEqual(got.policy.conditions[0], { bucket: 'bucket' })

  const open = await scene(t, { anonymous: true }, { credentials: { kind: 'unsigned' } })
  assert.equal((await open.post({ fields: FIELDS })).status, 201)
  const form = await readForm(sourceOf(await open.service.requests[0]!.body), TYPE)
  assert.deepEqual(form.fields, FIELDS)
})

test('in pass-through a form goes up byte for byte, and what it wrote is not served from before', async (t) => {
  const { service, proxy } = await scene(t, { identity: 'pass-through', clients: [] }, { credentials: { kind: 'unsigned' } })
  const text = formText({ fields: FIELDS, conditions: CONDITIONS }, proxy).replace('name="key"', 'Name="Key"')
  const ask = { method: 'POST', path: '/bucket', body: text, fields: { 'content-type': TYPE } }
  assert.equal((await new S3Client(proxy).ask(ask)).status, 201)
  assert.equal((await service.requests[0]?.body)?.toString('latin1'), text)
})
