import type { Check, CheckGroup, Trial } from '../trial.ts'

type S3 = Trial['s3']

/** Asks, sets, asks, deletes, asks: what a bucket's setting goes through. */
function setting(steps: readonly ((s3: S3, Bucket: string) => Promise<unknown>)[]): Check {
  return async (t) => {
    const bucket = await t.ownBucket()
    for (const step of steps) await t.may(step(t.s3, bucket))
  }
}

const LIFECYCLE = { Rules: [{ ID: 'old', Status: 'Enabled' as const, Filter: { Prefix: 'old/' }, Expiration: { Days: 30 } }] }
const CORS = {
  CORSRules: [
    {
      AllowedMethods: ['GET', 'PUT'],
      AllowedOrigins: ['https://*.example.com'],
      AllowedHeaders: ['*'],
      ExposeHeaders: ['ETag'],
      MaxAgeSeconds: 60,
    },
  ],
}
const WEBSITE = { IndexDocument: { Suffix: 'index.html' }, ErrorDocument: { Key: 'error.html' } }
const SSE = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }] }
const REPLICATION = {
  Role: 'arn:aws:iam::1:role/x',
  Rules: [{ Status: 'Enabled' as const, Prefix: '', Destination: { Bucket: 'arn:aws:s3:::none' } }],
}

const cors: Check = async (t) => {
  const Bucket = await t.ownBucket()
  await t.s3.putBucketCors({ Bucket, CORSConfiguration: CORS })
  await t.s3.putObject({ Bucket, Key: 'shared', Body: 'shared' })
  await t.reads(async () => t.s3.getObject({ Bucket, Key: 'shared' }))
  for (const origin of ['https://www.example.com', 'https://example.org']) {
    await t.reads(async () => t.send({ method: 'GET', path: `/${Bucket}/shared`, headers: { origin } }))
    await t.may(t.send({ method: 'HEAD', path: `/${Bucket}/shared`, headers: { origin } }))
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const headers = { origin, 'access-control-request-method': method, 'access-control-request-headers': 'x-amz-date,authorization' }
      await t.may(t.send({ method: 'OPTIONS', path: `/${Bucket}/shared`, headers, sign: 'none' }))
    }
  }
  await t.may(t.send({ method: 'OPTIONS', path: `/${Bucket}/shared`, sign: 'none' }))
  await t.may(t.send({ method: 'OPTIONS', path: `/${Bucket}/shared`, headers: { origin: 'https://www.example.com' }, sign: 'none' }))
  await t.may(t.s3.getBucketCors({ Bucket }))
  await t.may(t.s3.deleteBucketCors({ Bucket }))
  await t.may(t.s3.getBucketCors({ Bucket }))
  await t.may(t.send({ method: 'GET', path: `/${Bucket}/shared`, headers: { origin: 'https://www.example.com' } }))
}

/** What a rule says of an object shows in its head (x-amz-expiration), from the moment at which the rule is there. */
const expiring: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'old/x' }
  const rule = { ID: 'tagged', Status: 'Enabled' as const, Expiration: { Days: 7 } }
  const look = async (): Promise<void> => {
    await t.reads(async () => t.s3.getObject(at))
    await t.reads(async () => t.s3.headObject(at))
  }
  await t.s3.putObject({ ...at, Body: 'x' })
  await look()
  await t.may(t.s3.putBucketLifecycleConfiguration({ Bucket: at.Bucket, LifecycleConfiguration: LIFECYCLE }))
  await look()
  await t.may(t.s3.putObject({ ...at, Body: 'y' }))
  await look()
  const Filter = { Tag: { Key: 'kind', Value: 'old' } }
  await t.may(t.s3.putBucketLifecycleConfiguration({ Bucket: at.Bucket, LifecycleConfiguration: { Rules: [{ ...rule, Filter }] } }))
  await look()
  await t.may(t.s3.putObjectTagging({ ...at, Tagging: { TagSet: [{ Key: 'kind', Value: 'old' }] } }))
  await look()
  await t.may(t.s3.deleteObjectTagging(at))
  await look()
  await t.may(t.s3.deleteBucketLifecycle({ Bucket: at.Bucket }))
  await look()
}

export const settingChecks: CheckGroup = {
  name: 'buckets',
  checks: {
    cors,
    lifecycle: setting([
      async (s3, Bucket) => s3.getBucketLifecycleConfiguration({ Bucket }),
      async (s3, Bucket) => s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: LIFECYCLE }),
      async (s3, Bucket) => s3.getBucketLifecycleConfiguration({ Bucket }),
      async (s3, Bucket) => s3.putObject({ Bucket, Key: 'old/x', Body: 'x' }),
      async (s3, Bucket) => s3.getObject({ Bucket, Key: 'old/x' }),
      async (s3, Bucket) => s3.headObject({ Bucket, Key: 'old/x' }),
      async (s3, Bucket) => s3.deleteBucketLifecycle({ Bucket }),
      async (s3, Bucket) => s3.getBucketLifecycleConfiguration({ Bucket }),
    ]),
    'lifecycle rules in heads': expiring,
    website: setting([
      async (s3, Bucket) => s3.getBucketWebsite({ Bucket }),
      async (s3, Bucket) => s3.putBucketWebsite({ Bucket, WebsiteConfiguration: WEBSITE }),
      async (s3, Bucket) => s3.getBucketWebsite({ Bucket }),
      async (s3, Bucket) => s3.deleteBucketWebsite({ Bucket }),
    ]),
    encryption: setting([
      async (s3, Bucket) => s3.getBucketEncryption({ Bucket }),
      async (s3, Bucket) => s3.putBucketEncryption({ Bucket, ServerSideEncryptionConfiguration: SSE }),
      async (s3, Bucket) => s3.getBucketEncryption({ Bucket }),
      async (s3, Bucket) => s3.putObject({ Bucket, Key: 'x', Body: 'x' }),
      async (s3, Bucket) => s3.getObject({ Bucket, Key: 'x' }),
      async (s3, Bucket) => s3.deleteBucketEncryption({ Bucket }),
    ]),
    versioning: setting([
      async (s3, Bucket) => s3.getBucketVersioning({ Bucket }),
      async (s3, Bucket) => s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
      async (s3, Bucket) => s3.getBucketVersioning({ Bucket }),
      async (s3, Bucket) => s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Suspended' } }),
      async (s3, Bucket) => s3.getBucketVersioning({ Bucket }),
    ]),
    'ownership, logging, notification': setting([
      async (s3, Bucket) => s3.getBucketOwnershipControls({ Bucket }),
      async (s3, Bucket) =>
        s3.putBucketOwnershipControls({ Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] } }),
      async (s3, Bucket) => s3.getBucketOwnershipControls({ Bucket }),
      async (s3, Bucket) => s3.deleteBucketOwnershipControls({ Bucket }),
      async (s3, Bucket) => s3.getBucketLogging({ Bucket }),
      async (s3, Bucket) => s3.putBucketLogging({ Bucket, BucketLoggingStatus: {} }),
      async (s3, Bucket) => s3.getBucketNotificationConfiguration({ Bucket }),
      async (s3, Bucket) => s3.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration: {} }),
    ]),
    'replication, acceleration, payment': setting([
      async (s3, Bucket) => s3.getBucketReplication({ Bucket }),
      async (s3, Bucket) => s3.putBucketReplication({ Bucket, ReplicationConfiguration: REPLICATION }),
      async (s3, Bucket) => s3.deleteBucketReplication({ Bucket }),
      async (s3, Bucket) => s3.getBucketAccelerateConfiguration({ Bucket }),
      async (s3, Bucket) => s3.putBucketAccelerateConfiguration({ Bucket, AccelerateConfiguration: { Status: 'Enabled' } }),
      async (s3, Bucket) => s3.getBucketRequestPayment({ Bucket }),
      async (s3, Bucket) => s3.putBucketRequestPayment({ Bucket, RequestPaymentConfiguration: { Payer: 'Requester' } }),
      async (s3, Bucket) => s3.getBucketRequestPayment({ Bucket }),
    ]),
    'analytics, inventory, metrics, tiering': setting([
      async (s3, Bucket) => s3.listBucketAnalyticsConfigurations({ Bucket }),
      async (s3, Bucket) => s3.getBucketAnalyticsConfiguration({ Bucket, Id: 'x' }),
      async (s3, Bucket) => s3.listBucketInventoryConfigurations({ Bucket }),
      async (s3, Bucket) => s3.listBucketMetricsConfigurations({ Bucket }),
      async (s3, Bucket) => s3.listBucketIntelligentTieringConfigurations({ Bucket }),
      async (s3, Bucket) => s3.getBucketAbac({ Bucket }),
    ]),
    'location and head': setting([
      async (s3, Bucket) => s3.getBucketLocation({ Bucket }),
      async (s3, Bucket) => s3.headBucket({ Bucket }),
      async (s3) => s3.headBucket({ Bucket: 'hotbucket-conform-no-such-bucket' }),
      async (s3) => s3.getBucketLocation({ Bucket: 'hotbucket-conform-no-such-bucket' }),
      async (s3) => s3.getBucketAcl({ Bucket: 'hotbucket-conform-no-such-bucket' }),
    ]),
    'created again': setting([
      async (s3, Bucket) => s3.createBucket({ Bucket }),
      async (s3, Bucket) => s3.createBucket({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }),
    ]),
    'deleted with objects in it, then without': async (t) => {
      const Bucket = await t.ownBucket()
      await t.s3.putObject({ Bucket, Key: 'x', Body: 'first life' })
      await t.reads(async () => t.s3.getObject({ Bucket, Key: 'x' }))
      await t.may(t.s3.deleteBucket({ Bucket }))
      await t.s3.deleteObject({ Bucket, Key: 'x' })
      await t.may(t.s3.deleteBucket({ Bucket }))
      await t.reads(async () => t.s3.getObject({ Bucket, Key: 'x' }))
      await t.may(t.s3.deleteBucket({ Bucket }))
      await t.may(t.s3.createBucket({ Bucket }))
      await t.reads(async () => t.s3.getObject({ Bucket, Key: 'x' }))
      await t.s3.putObject({ Bucket, Key: 'x', Body: 'second life' })
      await t.reads(async () => t.s3.getObject({ Bucket, Key: 'x' }))
    },
    'names that are not allowed': async (t) => {
      for (const name of ['ab', 'Upper-Case', 'under_score', 'a..b', '-dash', '192.168.1.1', 'x'.repeat(64), 'with%20space']) {
        await t.may(t.send({ method: 'PUT', path: `/${name}` }))
        await t.may(t.send({ method: 'GET', path: `/${name}` }))
      }
    },
    'a directory bucket session': setting([async (s3, Bucket) => s3.createSession({ Bucket })]),
  },
}
