import { createHmac } from 'node:crypto'
import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const query = { sign: 'query' } as const
const HOUR_MS = 3_600_000

function presigned(method: string, more: Partial<Parameters<Trial['send']>[0]> = {}): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'presigned text', Metadata: { m: '1' } })
    await t.s3.getObject(t.at())
    await t.reads(async () => t.send({ method, path: t.path(), ...query, ...more }))
    await t.may(t.s3.getObject(t.at()))
  }
}

interface Form {
  readonly fields?: Readonly<Record<string, string>>
  readonly conditions?: readonly unknown[]
  readonly expires?: Date
  readonly secret?: string
  readonly file?: Buffer
  readonly filename?: string
  /** Without policy and signature. */
  readonly bare?: boolean
}

/** A browser's form upload with a signed policy (S3 API reference, "POST Object"). */
async function post(t: Trial, form: Form): Promise<void> {
  const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const { accessKeyId, secretAccessKey, region } = t.credentials
  const credential = `${accessKeyId}/${now.slice(0, 8)}/${region}/s3/aws4_request`
  const key = form.fields?.['key'] ?? t.key()
  const signing = { 'x-amz-algorithm': 'AWS4-HMAC-SHA256', 'x-amz-credential': credential, 'x-amz-date': now }
  const conditions = form.conditions ?? [
    { bucket: t.bucket },
    ['starts-with', '$key', ''],
    ...Object.entries({ ...signing, ...form.fields, key: undefined }).flatMap(([name, value]) =>
      value === undefined ? [] : [{ [name]: value }],
    ),
  ]
  const policy = Buffer.from(
    JSON.stringify({ expiration: (form.expires ?? new Date(Date.now() + HOUR_MS)).toISOString(), conditions }),
  ).toString('base64')
  const seed: Buffer = Buffer.from(`AWS4${form.secret ?? secretAccessKey}`)
  const signingKey = [now.slice(0, 8), region, 's3', 'aws4_request'].reduce(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    seed,
  )
  const signed = { ...signing, policy, 'x-amz-signature': createHmac('sha256', signingKey).update(policy).digest('hex') }
  const fields = { key, ...form.fields, ...(form.bare === true ? {} : signed) }
  const boundary = 'conform-boundary'
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = `${parts.join('')}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${form.filename ?? 'f.txt'}"\r\nContent-Type: text/plain\r\n\r\n`
  const body = Buffer.concat([Buffer.from(head), form.file ?? Buffer.from('from a form'), Buffer.from(`\r\n--${boundary}--\r\n`)])
  await t.may(
    t.send({
      method: 'POST',
      path: `/${t.bucket}`,
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      body,
      sign: 'none',
    }),
  )
}

/** The object is warm before the form overwrites it. */
function posted(form: Form): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'before the form' })
    await t.look()
    await post(t, form)
    await t.look()
  }
}

export const presignedChecks: CheckGroup = {
  name: 'presigned',
  checks: {
    GET: presigned('GET'),
    HEAD: presigned('HEAD'),
    DELETE: presigned('DELETE'),
    'GET of a range': presigned('GET', { unsigned: { range: 'bytes=2-5' } }),
    'GET of a signed range': presigned('GET', { headers: { range: 'bytes=2-5' } }),
    'GET under a condition': presigned('GET', { unsigned: { 'if-none-match': '*' } }),
    'GET with overrides': presigned('GET', { query: { 'response-content-type': 'text/over', 'response-cache-control': 'no-store' } }),
    'GET with checksum mode in the query': presigned('GET', { query: { 'x-amz-checksum-mode': 'ENABLED' } }),
    'GET that is expired': presigned('GET', { now: new Date(Date.now() - 2 * HOUR_MS), expiresSeconds: 60 }),
    'GET of tomorrow': presigned('GET', { now: new Date(Date.now() + 24 * HOUR_MS) }),
    'GET for 8 days': presigned('GET', { expiresSeconds: 8 * 86_400 }),
    'GET for 7 days': presigned('GET', { expiresSeconds: 7 * 86_400 }),
    'GET for no time': presigned('GET', { expiresSeconds: 0 }),
    'GET for negative time': presigned('GET', { expiresSeconds: -5 }),
    'GET with another signature': presigned('GET', { afterSigning: (target) => target.replace(/Signature=..../, 'Signature=0000') }),
    'GET with one more parameter': presigned('GET', { afterSigning: (target) => `${target}&response-content-type=text/evil` }),
    'GET with an unsigned user parameter': presigned('GET', { afterSigning: (target) => `${target}&x-user=1` }),
    'GET without its signature': presigned('GET', { afterSigning: (target) => target.replace(/&X-Amz-Signature=\w+/, '') }),
    'GET without its date': presigned('GET', { afterSigning: (target) => target.replace(/&X-Amz-Date=\w+/, '') }),
    'GET without its expiry': presigned('GET', { afterSigning: (target) => target.replace(/&X-Amz-Expires=\w+/, '') }),
    'GET without its credential': presigned('GET', { afterSigning: (target) => target.replace(/&X-Amz-Credential=[^&]+/, '') }),
    'GET used as PUT': presigned('GET', { afterSigning: (target) => target, unsigned: { 'x-unrelated': '1' } }),
    'GET with an Authorization field beside it': presigned('GET', { unsigned: { authorization: 'Basic Zm9vOmJhcg==' } }),
    'GET by an unknown key': presigned('GET', { credentials: { accessKeyId: 'NOSUCHKEY', secretAccessKey: 'x', region: 'us-east-1' } }),
    PUT: presigned('PUT', { body: bodyOf('presigned put', 70_000) }),
    'PUT of nothing': presigned('PUT'),
    'PUT with a signed type': presigned('PUT', { headers: { 'content-type': 'text/signed' }, body: Buffer.from('typed') }),
    'PUT with an unsigned type': presigned('PUT', { unsigned: { 'content-type': 'text/unsigned' }, body: Buffer.from('typed') }),
    'PUT with metadata': presigned('PUT', { headers: { 'x-amz-meta-a': 'b' }, body: Buffer.from('meta') }),
    'PUT with unsigned metadata': presigned('PUT', { unsigned: { 'x-amz-meta-a': 'b' }, body: Buffer.from('meta') }),
    'PUT in chunks': presigned('PUT', { body: Buffer.from('chunked'), chunked: true }),
    'a form': posted({}),
    'a form with metadata': posted({ fields: { 'x-amz-meta-a': 'b', 'Content-Type': 'text/form' } }),
    'a form that wants 201': posted({ fields: { success_action_status: '201' } }),
    'a form that wants 200': posted({ fields: { success_action_status: '200' } }),
    'a form that wants a redirect': posted({ fields: { success_action_redirect: 'http://127.0.0.1:1/done' } }),
    'a form with the name of its file': async (t) => {
      await t.s3.putObject({ ...t.at('f.txt'), Body: 'before the form' })
      await t.look('f.txt')
      // oxlint-disable-next-line no-template-curly-in-string -- S3's own placeholder
      await post(t, { fields: { key: t.key('${filename}') } })
      await t.look('f.txt')
    },
    'a form with an ACL': posted({ fields: { acl: 'public-read' } }),
    'a form with a file of 3 MiB': posted({ file: bodyOf('form file', 3 * 1024 * 1024) }),
    'an expired form': posted({ expires: new Date('2020-01-01') }),
    'a form with a wrong signature': posted({ secret: 'another secret' }),
    'a form outside its policy': posted({ conditions: [['starts-with', '$key', 'elsewhere/']] }),
    'a form with a file that is too long': posted({ conditions: [{ bucket: 'x' }, ['content-length-range', 0, 3]] }),
    'a form without a policy': posted({ bare: true }),
  },
}
