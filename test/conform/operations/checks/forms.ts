import type { Credentials } from '../../../clients/sign.ts'
import { hmacSha1 } from '../old-signature.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const BOUNDARY = 'conform-form'
const TEN_MINUTES_MS = 600_000

interface Form {
  /** Instead of the fields and policy that a right form has; `undefined` leaves one out. */
  readonly fields?: Readonly<Record<string, string | undefined>>
  readonly policy?: (usual: Policy) => object
  readonly by?: Credentials
  readonly file?: string
  /** What the bucket grants. */
  readonly acl?: 'public-read-write'
  readonly contentType?: string | undefined
}

interface Policy {
  readonly expiration: string
  readonly conditions: readonly unknown[]
}

/** A browser's form as it was signed before version 4 (S3 API reference, "Browser-based uploads using POST"). */
async function post(t: Trial, bucket: string, form: Form): Promise<void> {
  const by = form.by ?? t.credentials
  const usual: Policy = {
    expiration: new Date(Date.now() + TEN_MINUTES_MS).toISOString(),
    conditions: [
      { bucket },
      ['starts-with', '$key', 'foo'],
      { acl: 'private' },
      ['starts-with', '$Content-Type', 'text/plain'],
      ['content-length-range', 0, 1024],
    ],
  }
  const policy = Buffer.from(JSON.stringify(form.policy?.(usual) ?? usual)).toString('base64')
  const fields: Record<string, string | undefined> = {
    key: 'foo.txt',
    AWSAccessKeyId: by.accessKeyId,
    acl: 'private',
    signature: hmacSha1(by, policy),
    policy,
    'Content-Type': 'text/plain',
    ...form.fields,
  }
  const parts = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`],
  )
  const file = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="up.txt"\r\n\r\n${form.file ?? 'bar'}\r\n--${BOUNDARY}--\r\n`
  const type = 'contentType' in form ? form.contentType : `multipart/form-data; boundary=${BOUNDARY}`
  const headers = type === undefined ? {} : { 'content-type': type }
  await t.may(t.send({ method: 'POST', path: `/${bucket}`, headers, body: Buffer.from(parts.join('') + file), sign: 'none' }))
}

/** Every name that the form may have written to is warm before. */
function posted(form: Form | ((t: Trial) => Form)): Check {
  return async (t) => {
    const Bucket = await t.ownBucket()
    const chosen = typeof form === 'function' ? form(t) : form
    if (chosen.acl !== undefined) await t.s3.putBucketAcl({ Bucket, ACL: chosen.acl })
    const keys = ['foo.txt', 'up.txt', '\\$foo.txt']
    for (const Key of keys) await t.s3.putObject({ Bucket, Key, Body: 'before the form' })
    for (const Key of keys) await t.reads(async () => t.s3.getObject({ Bucket, Key }))
    await post(t, Bucket, chosen)
    for (const Key of keys) await t.reads(async () => t.s3.getObject({ Bucket, Key }))
    await t.may(t.s3.getObjectTagging({ Bucket, Key: 'foo.txt' }))
    await t.may(t.s3.listObjectsV2({ Bucket }))
  }
}

const withCondition =
  (...more: readonly unknown[]) =>
  (usual: Policy): object => ({ ...usual, conditions: [...usual.conditions, ...more] })
const withoutCondition =
  (field: string) =>
  (usual: Policy): object => ({ ...usual, conditions: usual.conditions.filter((one) => !JSON.stringify(one).includes(field)) })
const instead =
  (conditions: readonly unknown[]) =>
  (usual: Policy): object => ({ ...usual, conditions })

const TAGS = '<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>'

export const formChecks: CheckGroup = {
  name: 'forms',
  checks: {
    'as they should be': posted({}),
    'by another account': posted((t) => ({ by: t.other })),
    'by another account that may': posted((t) => ({ by: t.other, acl: 'public-read-write' })),
    'of nobody': posted({ fields: { AWSAccessKeyId: undefined, signature: undefined, policy: undefined } }),
    'of nobody who may': posted({
      fields: { AWSAccessKeyId: undefined, signature: undefined, policy: undefined },
      acl: 'public-read-write',
    }),
    'without a type': posted({ fields: { 'Content-Type': undefined }, policy: withoutCondition('Content-Type') }),
    'by an unknown key': posted({ fields: { AWSAccessKeyId: 'NOSUCHKEYATALL' } }),
    'with a signature cut short': posted({ fields: { signature: 'abc' } }),
    'without a signature': posted({ fields: { signature: undefined } }),
    'without a key id': posted({ fields: { AWSAccessKeyId: undefined } }),
    'without a policy': posted({ fields: { policy: undefined } }),
    'without a key': posted({ fields: { key: undefined } }),
    'with an empty key': posted({ fields: { key: '' } }),
    'without the condition on the bucket': posted({ policy: withoutCondition('bucket') }),
    'for another bucket': posted({ policy: instead([{ bucket: 'another' }, ['starts-with', '$key', 'foo']]) }),
    'with names in other cases': posted({
      fields: { key: undefined, kEy: 'foo.txt', acl: undefined, aCl: 'private', 'Content-Type': undefined, 'pRiVaTe-type': 'x' },
      policy: withoutCondition('Content-Type'),
    }),
    'with escaped conditions': posted({
      fields: { key: '\\$foo.txt' },
      policy: instead([
        ['starts-with', '$key', '\\$foo'],
        { acl: 'private' },
        ['starts-with', '$bucket', ''],
        ['starts-with', '$Content-Type', 'text/plain'],
      ]),
    }),
    'with a name from the file': posted({
      // oxlint-disable-next-line no-template-curly-in-string -- S3's own placeholder
      fields: { key: '${filename}' },
      policy: (usual) => ({ ...usual, conditions: usual.conditions.map((one, i) => (i === 1 ? ['starts-with', '$key', ''] : one)) }),
    }),
    'with metadata': posted({ fields: { 'x-amz-meta-foo': 'barclamp' }, policy: withCondition(['starts-with', '$x-amz-meta-foo', 'bar']) }),
    'with metadata that no condition allows': posted({ fields: { 'x-amz-meta-foo': 'barclamp' } }),
    'without metadata that a condition wants': posted({ policy: withCondition(['starts-with', '$x-amz-meta-foo', 'bar']) }),
    'with fields to be ignored': posted({ fields: { 'x-ignore-foo': 'bar' } }),
    'with tags': posted({ fields: { tagging: TAGS }, policy: withCondition(['starts-with', '$tagging', '']) }),
    'that answer 200': posted({ fields: { success_action_status: '200' }, policy: withCondition({ success_action_status: '200' }) }),
    'that answer 201': posted({ fields: { success_action_status: '201' }, policy: withCondition({ success_action_status: '201' }) }),
    'that answer something else': posted({
      fields: { success_action_status: '404' },
      policy: withCondition({ success_action_status: '404' }),
    }),
    'that redirect': posted({
      fields: { success_action_redirect: 'http://127.0.0.1:1/there?a=b' },
      policy: withCondition(['eq', '$success_action_redirect', 'http://127.0.0.1:1/there?a=b']),
    }),
    'open to all': posted({ fields: { acl: 'public-read' }, policy: withoutCondition('acl') }),
    'with another ACL': posted({ fields: { acl: 'public-read' } }),
    'with an exact key': posted({ policy: instead([{ bucket: 'x' }, ['eq', '$key', 'foo.txt']]) }),
    'with a file that is too small': posted({
      policy: (usual) => ({ ...usual, conditions: [...usual.conditions.slice(0, 4), ['content-length-range', 10, 1024]] }),
    }),
    'with a file that is too large': posted({ file: 'x'.repeat(1025) }),
    'with an empty file': posted({ file: '' }),
    'with a size that is negative': posted({
      policy: (usual) => ({ ...usual, conditions: [...usual.conditions.slice(0, 4), ['content-length-range', -1, 0]] }),
    }),
    'with a size that is no range': posted({
      policy: (usual) => ({ ...usual, conditions: [...usual.conditions.slice(0, 4), ['content-length-range', 0]] }),
    }),
    'with conditions in capitals': posted({ policy: ({ expiration, conditions }) => ({ expiration, CONDITIONS: conditions }) }),
    'with an expiration in capitals': posted({ policy: ({ expiration, conditions }) => ({ EXPIRATION: expiration, conditions }) }),
    'without conditions': posted({ policy: ({ expiration }) => ({ expiration }) }),
    'with no conditions': posted({ policy: instead([]) }),
    'with an empty condition': posted({ policy: instead([{}]) }),
    'without an expiration': posted({ policy: ({ conditions }) => ({ conditions }) }),
    'with an expiration that is none': posted({ policy: (usual) => ({ ...usual, expiration: 'tomorrow' }) }),
    'with an expiration of another form': posted({
      policy: (usual) => ({ ...usual, expiration: new Date(Date.now() + TEN_MINUTES_MS).toString() }),
    }),
    'that are expired': posted({ policy: (usual) => ({ ...usual, expiration: '2020-01-01T00:00:00.000Z' }) }),
    'with a policy that is no JSON': posted((t) => {
      const policy = Buffer.from('{"expiration": "2999-01-01T00:00:00Z" "conditions": []').toString('base64')
      return { fields: { policy, signature: hmacSha1(t.credentials, policy) } }
    }),
    'of another type': posted({ contentType: 'application/x-www-form-urlencoded' }),
    'of no type': posted({ contentType: undefined }),
    'without a boundary': posted({ contentType: 'multipart/form-data' }),
    'with a boundary in quotes': posted({ contentType: `multipart/form-data; boundary="${BOUNDARY}"` }),
  },
  accounts: true,
}
