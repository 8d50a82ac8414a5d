import type { Check, CheckGroup, Trial } from '../trial.ts'

function policy(bucket: string, effect: 'Allow' | 'Deny', action: string, principal: unknown = '*'): string {
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: effect, Principal: principal, Action: action, Resource }] })
}

const none = { sign: 'none' } as const

async function anonymous(t: Trial, path: string): Promise<void> {
  for (let i = 0; i < 2; i++) await t.may(t.send({ method: 'GET', path, ...none }))
  await t.may(t.send({ method: 'HEAD', path, ...none }))
}

/** The owner's reads make it warm; strangers get it as long as they may, and not a read longer. */
const policyGranted: Check = async (t) => {
  const Bucket = await t.ownBucket()
  const at = { Bucket, Key: 'shared' }
  await t.s3.putObject({ ...at, Body: 'shared text' })
  await t.reads(async () => t.s3.getObject(at))
  await anonymous(t, `/${Bucket}/shared`)
  await t.s3.putBucketPolicy({ Bucket, Policy: policy(Bucket, 'Allow', 's3:GetObject') })
  await anonymous(t, `/${Bucket}/shared`)
  await t.s3.deleteBucketPolicy({ Bucket })
  await anonymous(t, `/${Bucket}/shared`)
  await t.reads(async () => t.s3.getObject(at))
}

const policyDenied: Check = async (t) => {
  const Bucket = await t.ownBucket()
  const at = { Bucket, Key: 'denied' }
  await t.s3.putObject({ ...at, Body: 'now you see it' })
  await t.reads(async () => t.s3.getObject(at))
  await t.s3.putBucketPolicy({ Bucket, Policy: policy(Bucket, 'Deny', 's3:GetObject') })
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.headObject(at))
  await t.may(t.s3.listObjectsV2({ Bucket }))
  await t.s3.deleteBucketPolicy({ Bucket })
  await t.reads(async () => t.s3.getObject(at))
}

const policyRoundTrip: Check = async (t) => {
  const Bucket = await t.ownBucket()
  await t.may(t.s3.getBucketPolicy({ Bucket }))
  await t.may(t.s3.putBucketPolicy({ Bucket, Policy: policy(Bucket, 'Allow', 's3:ListBucket') }))
  await t.may(t.s3.getBucketPolicy({ Bucket }))
  await t.may(t.s3.getBucketPolicyStatus({ Bucket }))
  await t.may(t.send({ method: 'GET', path: `/${Bucket}`, ...none }))
  await t.may(t.s3.putBucketPolicy({ Bucket, Policy: '{ not json' }))
  await t.may(t.s3.deleteBucketPolicy({ Bucket }))
}

function objectAcl(ACL: 'private' | 'public-read' | 'public-read-write' | 'authenticated-read'): Check {
  return async (t) => {
    const at = { Bucket: await t.ownBucket(), Key: 'object' }
    await t.s3.putObject({ ...at, Body: 'text' })
    await t.reads(async () => t.s3.getObject(at))
    await t.may(t.s3.putObjectAcl({ ...at, ACL }))
    await t.may(t.s3.getObjectAcl(at))
    await anonymous(t, `/${at.Bucket}/object`)
    await t.may(t.s3.putObjectAcl({ ...at, ACL: 'private' }))
    await anonymous(t, `/${at.Bucket}/object`)
    await t.may(t.send({ method: 'PUT', path: `/${at.Bucket}/object`, body: Buffer.from('new'), ...none }))
    await t.reads(async () => t.s3.getObject(at))
  }
}

function bucketAcl(ACL: 'private' | 'public-read' | 'public-read-write'): Check {
  return async (t) => {
    const Bucket = await t.ownBucket()
    await t.may(t.s3.putBucketAcl({ Bucket, ACL }))
    await t.may(t.s3.getBucketAcl({ Bucket }))
    await t.may(t.s3.putObject({ Bucket, Key: 'object', Body: 'text' }))
    for (const path of [`/${Bucket}`, `/${Bucket}/object`, `/${Bucket}/none`]) await t.may(t.send({ method: 'GET', path, ...none }))
    await t.may(t.send({ method: 'PUT', path: `/${Bucket}/new`, body: Buffer.from('by a stranger'), ...none }))
    await t.reads(async () => t.s3.getObject({ Bucket, Key: 'new' }))
    await t.may(t.send({ method: 'DELETE', path: `/${Bucket}/new`, ...none }))
    await t.reads(async () => t.s3.getObject({ Bucket, Key: 'new' }))
  }
}

export const accessChecks: CheckGroup = {
  name: 'access',
  checks: {
    'a policy lets strangers read': policyGranted,
    'a policy denies reading': policyDenied,
    'a policy is put, read and deleted': policyRoundTrip,
    ...Object.fromEntries(
      (['private', 'public-read', 'public-read-write', 'authenticated-read'] as const).map((acl) => [`object ACL ${acl}`, objectAcl(acl)]),
    ),
    ...Object.fromEntries((['private', 'public-read', 'public-read-write'] as const).map((acl) => [`bucket ACL ${acl}`, bucketAcl(acl)])),
    'an anonymous list of buckets': async (t) => t.may(t.send({ method: 'GET', path: '/', ...none })),
    'an anonymous head of a bucket': async (t) => t.may(t.send({ method: 'HEAD', path: `/${t.bucket}`, ...none })),
    'public access is blocked': async (t) => {
      const Bucket = await t.ownBucket()
      await t.may(t.s3.getPublicAccessBlock({ Bucket }))
      const PublicAccessBlockConfiguration = {
        BlockPublicAcls: true,
        IgnorePublicAcls: true,
        BlockPublicPolicy: true,
        RestrictPublicBuckets: true,
      }
      await t.may(t.s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration }))
      await t.may(t.s3.getPublicAccessBlock({ Bucket }))
      await t.may(t.s3.putBucketPolicy({ Bucket, Policy: policy(Bucket, 'Allow', 's3:GetObject') }))
      await t.may(t.s3.putBucketAcl({ Bucket, ACL: 'public-read' }))
      await t.may(t.s3.deletePublicAccessBlock({ Bucket }))
    },
    'the ACL of a missing key': async (t) => t.may(t.s3.getObjectAcl(t.at())),
    'an ACL as XML': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'x' })
      const { Owner, Grants } = await t.s3.getObjectAcl(t.at())
      await t.may(t.s3.putObjectAcl({ ...t.at(), AccessControlPolicy: { Owner, Grants } }))
      await t.may(t.send({ method: 'PUT', path: t.path(), query: { acl: '' }, body: Buffer.from('<AccessControlPolicy') }))
      await t.look()
    },
    'grants by header': async (t) => {
      const { Owner } = await t.s3.getBucketAcl({ Bucket: t.bucket })
      await t.may(t.s3.putObject({ ...t.at(), Body: 'x', GrantRead: `id=${Owner?.ID}` }))
      await t.may(t.s3.putObject({ ...t.at(), Body: 'x', GrantRead: 'id=nobody-of-that-name' }))
      await t.may(t.s3.getObjectAcl(t.at()))
    },
  },
}
