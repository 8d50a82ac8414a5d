import type { Check, CheckGroup, Trial } from '../trial.ts'

const TAGS = {
  TagSet: [
    { Key: 'a', Value: '1' },
    { Key: 'b', Value: 'two words' },
  ],
}
const MANY = { TagSet: Array.from({ length: 11 }, (_, i) => ({ Key: `k${i}`, Value: `${i}` })) }
const LATER = new Date('2100-01-01T00:00:00Z')

/** Tags change neither ETag nor Last-Modified: only the count on a read shows them. */
const counted: Check = async (t) => {
  await t.s3.putObject({ ...t.at(), Body: 'tagged' })
  await t.look()
  await t.s3.putObjectTagging({ ...t.at(), Tagging: TAGS })
  await t.look()
  await t.may(t.s3.getObjectTagging(t.at()))
  await t.s3.putObjectTagging({ ...t.at(), Tagging: { TagSet: [{ Key: 'c', Value: '' }] } })
  await t.look()
  await t.s3.deleteObjectTagging(t.at())
  await t.look()
  await t.may(t.s3.getObjectTagging(t.at()))
}

function refused(TagSet: { Key: string; Value: string }[]): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'tagged', Tagging: 'old=1' })
    await t.look()
    await t.may(t.s3.putObjectTagging({ ...t.at(), Tagging: { TagSet } }))
    await t.look()
    await t.may(t.s3.getObjectTagging(t.at()))
  }
}

async function lockedBucket(t: Trial): Promise<{ Bucket: string; Key: string }> {
  return { Bucket: await t.ownBucket({ Bucket: '', ObjectLockEnabledForBucket: true }), Key: 'locked' }
}

const legalHold: Check = async (t) => {
  const at = await lockedBucket(t)
  const { VersionId } = await t.s3.putObject({ ...at, Body: 'held' })
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.putObjectLegalHold({ ...at, LegalHold: { Status: 'ON' } }))
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.headObject(at))
  await t.may(t.s3.getObjectLegalHold(at))
  await t.may(t.s3.deleteObject({ ...at, VersionId }))
  await t.may(t.s3.putObjectLegalHold({ ...at, LegalHold: { Status: 'OFF' } }))
  await t.reads(async () => t.s3.headObject(at))
  await t.may(t.s3.deleteObject({ ...at, VersionId }))
  await t.reads(async () => t.s3.getObject(at))
}

const retention: Check = async (t) => {
  const at = await lockedBucket(t)
  const { VersionId } = await t.s3.putObject({ ...at, Body: 'kept' })
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.putObjectRetention({ ...at, Retention: { Mode: 'GOVERNANCE', RetainUntilDate: LATER } }))
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.getObjectRetention(at))
  await t.may(t.s3.deleteObject({ ...at, VersionId }))
  await t.may(t.s3.deleteObject({ ...at, VersionId, BypassGovernanceRetention: true }))
  await t.reads(async () => t.s3.getObject(at))
}

const lockedAtPut: Check = async (t) => {
  const at = await lockedBucket(t)
  await t.may(
    t.s3.putObject({ ...at, Body: 'x', ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: LATER, ObjectLockLegalHoldStatus: 'OFF' }),
  )
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.headObject(at))
}

const bucketLock: Check = async (t) => {
  const { Bucket } = await lockedBucket(t)
  await t.may(t.s3.getObjectLockConfiguration({ Bucket }))
  const Rule = { DefaultRetention: { Mode: 'GOVERNANCE' as const, Days: 1 } }
  await t.may(t.s3.putObjectLockConfiguration({ Bucket, ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule } }))
  await t.may(t.s3.getObjectLockConfiguration({ Bucket }))
  await t.may(t.s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Suspended' } }))
}

export const tagChecks: CheckGroup = {
  name: 'tags and locks',
  checks: {
    'tags are counted on reads': counted,
    'more tags than allowed': refused(MANY.TagSet),
    'a tag twice': refused([
      { Key: 'x', Value: '1' },
      { Key: 'x', Value: '2' },
    ]),
    'a tag key that is too long': refused([{ Key: 'x'.repeat(129), Value: '1' }]),
    'a tag value that is too long': refused([{ Key: 'x', Value: '1'.repeat(257) }]),
    'an empty set of tags': refused([]),
    'tags at put': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'x', Tagging: 'a=1&b=2' })
      await t.look()
      await t.may(t.s3.getObjectTagging(t.at()))
    },
    'malformed tags at put': async (t) => {
      await t.may(t.s3.putObject({ ...t.at(), Body: 'x', Tagging: 'a=1&a=2' }))
      await t.look()
    },
    'tags of a missing key': async (t) => {
      await t.may(t.s3.getObjectTagging(t.at()))
      await t.may(t.s3.putObjectTagging({ ...t.at(), Tagging: TAGS }))
      await t.may(t.s3.deleteObjectTagging(t.at()))
    },
    'tags of a bucket': async (t) => {
      const Bucket = await t.ownBucket()
      await t.may(t.s3.getBucketTagging({ Bucket }))
      await t.may(t.s3.putBucketTagging({ Bucket, Tagging: TAGS }))
      await t.may(t.s3.getBucketTagging({ Bucket }))
      await t.may(t.s3.deleteBucketTagging({ Bucket }))
      await t.may(t.s3.getBucketTagging({ Bucket }))
    },
    'a legal hold': legalHold,
    'a retention': retention,
    'a lock at put': lockedAtPut,
    'the lock of a bucket': bucketLock,
    'locks in a bucket without': async (t) => {
      await t.s3.putObject({ ...t.at(), Body: 'x' })
      await t.may(t.s3.putObjectRetention({ ...t.at(), Retention: { Mode: 'GOVERNANCE', RetainUntilDate: LATER } }))
      await t.may(t.s3.putObjectLegalHold({ ...t.at(), LegalHold: { Status: 'ON' } }))
      await t.may(t.s3.getObjectRetention(t.at()))
      await t.may(t.s3.getObjectLockConfiguration({ Bucket: t.bucket }))
    },
  },
}
