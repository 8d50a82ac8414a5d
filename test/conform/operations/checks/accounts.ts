import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { S3 } from '@aws-sdk/client-s3'
import type { Credentials } from '../../../clients/sign.ts'
import { hmacSha1, oldSignature } from '../old-signature.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const BODY = 'whose is this'

/** The other account's client, recorded like the first one's. */
function stranger(t: Trial): S3 {
  return t.client({ credentials: t.other })
}

function policy(bucket: string, action: string | readonly string[], more: object = {}): string {
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: action, Resource, ...more }] })
}

interface Place {
  readonly Bucket: string
  readonly Key: string
}

/** What each of them gets of an object now: the owner, another account, and nobody, each cold and warm. */
async function everybodyReads(t: Trial, at: Place, other: S3): Promise<void> {
  const path = `/${at.Bucket}/${at.Key}`
  for (const s3 of [t.s3, other]) {
    await t.reads(async () => s3.getObject(at))
    await t.may(s3.headObject(at))
    await t.may(s3.getObject({ ...at, Range: 'bytes=1-3' }))
  }
  for (let i = 0; i < 2; i++) await t.may(t.send({ method: 'GET', path, sign: 'none' }))
  await t.may(t.send({ method: 'GET', path, sign: 'none', headers: { range: 'bytes=1-3' } }))
  await t.may(t.send({ method: 'HEAD', path, sign: 'none' }))
  await t.may(t.send({ method: 'GET', path, credentials: t.other }))
  await t.may(t.send({ method: 'GET', path, credentials: t.other, sign: 'query' }))
}

/** Warm for its owner; then others are let in, and shut out again. */
function opened(open: (t: Trial, at: Place) => Promise<unknown>, close: (t: Trial, at: Place) => Promise<unknown>): Check {
  return async (t) => {
    const at = { Bucket: await t.ownBucket(), Key: 'object' }
    const other = stranger(t)
    await t.s3.putObject({ ...at, Body: BODY, Metadata: { m: '1' } })
    await everybodyReads(t, at, other)
    await t.may(open(t, at))
    await everybodyReads(t, at, other)
    await t.may(close(t, at))
    await everybodyReads(t, at, other)
    other.destroy()
  }
}

const putPolicy = async (t: Trial, Bucket: string, Policy: string): Promise<unknown> => t.s3.putBucketPolicy({ Bucket, Policy })
const dropPolicy = async (t: Trial, { Bucket }: Place): Promise<unknown> => t.s3.deleteBucketPolicy({ Bucket })

/** Everything that another account may try with a bucket that is not its own. */
const tried: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  const { Bucket } = at
  const other = stranger(t)
  await t.s3.putObject({ ...at, Body: BODY })
  await t.look()
  await t.may(other.listObjects({ Bucket }))
  await t.may(other.listObjectsV2({ Bucket }))
  await t.may(other.headBucket({ Bucket }))
  await t.may(other.getBucketAcl({ Bucket }))
  await t.may(other.getBucketLocation({ Bucket }))
  await t.may(other.getObjectAcl(at))
  await t.may(other.getObjectTagging(at))
  await t.may(other.putObject({ ...at, Body: 'theirs' }))
  await t.may(other.putObjectTagging({ ...at, Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } }))
  await t.may(other.putObjectAcl({ ...at, ACL: 'public-read' }))
  await t.may(other.deleteObject(at))
  await t.may(other.deleteObjects({ Bucket, Delete: { Objects: [{ Key: at.Key }] } }))
  await t.may(other.createMultipartUpload(at))
  await t.may(other.copyObject({ ...at, Key: 'copy', CopySource: `${Bucket}/${at.Key}` }))
  await t.may(other.createBucket({ Bucket }))
  await t.may(other.deleteBucket({ Bucket }))
  await t.reads(async () => t.s3.getObject(at))
  other.destroy()
}

/** Their objects in our bucket: they come and go through hotbucket, and what is ours to read changes with them. */
const written: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  const other = stranger(t)
  await t.s3.putBucketAcl({ Bucket: at.Bucket, ACL: 'public-read-write' })
  await t.s3.putObject({ ...at, Body: 'ours' })
  await t.reads(async () => t.s3.getObject(at))
  for (const ACL of ['private', 'public-read', 'bucket-owner-full-control', 'private'] as const) {
    await t.may(other.putObject({ ...at, Body: `theirs, ${ACL}`, ACL }))
    await everybodyReads(t, at, other)
  }
  await t.may(other.putObjectAcl({ ...at, ACL: 'public-read' }))
  await everybodyReads(t, at, other)
  await t.may(other.putObjectAcl({ ...at, ACL: 'private' }))
  await everybodyReads(t, at, other)
  await t.may(t.send({ method: 'PUT', path: `/${at.Bucket}/${at.Key}`, body: Buffer.from('by nobody'), sign: 'none' }))
  await everybodyReads(t, at, other)
  await t.may(other.deleteObject(at))
  await everybodyReads(t, at, other)
  await t.may(t.s3.listObjectsV2({ Bucket: at.Bucket, FetchOwner: true }))
  other.destroy()
}

const copied: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  const other = stranger(t)
  await t.s3.putBucketAcl({ Bucket: at.Bucket, ACL: 'public-read-write' })
  await t.s3.putObject({ ...at, Body: BODY, ACL: 'public-read' })
  await t.s3.putObject({ ...at, Key: 'secret', Body: 'not theirs' })
  await t.reads(async () => t.s3.getObject(at))
  for (const source of ['object', 'secret', 'none']) {
    await t.may(other.copyObject({ ...at, Key: `copy of ${source}`, CopySource: `${at.Bucket}/${source}` }))
    await t.reads(async () => other.getObject({ ...at, Key: `copy of ${source}` }))
  }
  const { UploadId } = (await t.may(other.createMultipartUpload({ ...at, ACL: 'public-read' }))) ?? {}
  const part = await t.may(other.uploadPart({ ...at, UploadId, PartNumber: 1, Body: 'a part of theirs' }))
  await t.reads(async () => t.s3.getObject(at))
  await t.may(t.s3.listParts({ ...at, UploadId }))
  await t.may(other.completeMultipartUpload({ ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part?.ETag }] } }))
  await t.reads(async () => t.s3.getObject(at))
  await t.reads(async () => other.getObject(at))
  other.destroy()
}

const versions: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  const { Bucket } = at
  const other = stranger(t)
  await t.s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } })
  const { VersionId } = await t.s3.putObject({ ...at, Body: 'first' })
  await t.s3.putObject({ ...at, Body: 'second', ACL: 'public-read' })
  for (const version of [{}, { VersionId }]) {
    await t.reads(async () => t.s3.getObject({ ...at, ...version }))
    await t.reads(async () => other.getObject({ ...at, ...version }))
  }
  await t.may(t.s3.putObjectAcl({ ...at, VersionId, ACL: 'public-read' }))
  await t.reads(async () => other.getObject({ ...at, VersionId }))
  await t.may(t.s3.deleteObject(at))
  await t.reads(async () => other.getObject(at))
  await t.reads(async () => other.getObject({ ...at, VersionId }))
  await t.may(other.deleteObject({ ...at, VersionId }))
  await t.reads(async () => t.s3.getObject({ ...at, VersionId }))
  other.destroy()
}

const oldSigned: Check = async (t) => {
  await t.s3.putObject({ ...t.at(), Body: BODY })
  await t.look()
  const path = t.path()
  const date = new Date().toUTCString()
  for (const by of [t.credentials, t.other, { ...t.credentials, secretAccessKey: 'guessed' }]) {
    for (const method of ['GET', 'HEAD', 'GET']) {
      const authorization = `AWS ${by.accessKeyId}:${oldSignature({ method, resource: path, when: date }, by)}`
      await t.may(t.send({ method, path, sign: 'none', headers: { date, authorization } }))
    }
    for (const seconds of [600, -600]) {
      const Expires = String(Math.floor(Date.now() / 1000) + seconds)
      const query = {
        AWSAccessKeyId: by.accessKeyId,
        Expires,
        Signature: oldSignature({ method: 'GET', resource: path, when: Expires }, by),
      }
      for (let i = 0; i < 2; i++) await t.may(t.send({ method: 'GET', path, query, sign: 'none' }))
    }
  }
}

/** A form whose policy is signed the old way, or not at all. */
async function oldForm(t: Trial, bucket: string, key: string, by: Credentials | undefined): Promise<void> {
  const conditions = [{ bucket }, ['starts-with', '$key', ''], { acl: 'private' }, ['content-length-range', 0, 1024]]
  const expiration = new Date(Date.now() + 600_000).toISOString()
  const policyText = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64')
  const signed = by === undefined ? {} : { AWSAccessKeyId: by.accessKeyId, policy: policyText, signature: hmacSha1(by, policyText) }
  const fields = { key, acl: 'private', ...signed }
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b0\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\n\r\n${value}\r\n`,
  )
  const file = '--b0\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nfrom an old form\r\n--b0--\r\n'
  const headers = { 'content-type': 'multipart/form-data; boundary=b0' }
  await t.may(t.send({ method: 'POST', path: `/${bucket}`, headers, body: Buffer.from(parts.join('') + file), sign: 'none' }))
}

const oldForms: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  await t.s3.putObject({ ...at, Body: BODY })
  for (const by of [t.credentials, t.other, { ...t.credentials, secretAccessKey: 'guessed' }, undefined]) {
    await t.reads(async () => t.s3.getObject(at))
    await oldForm(t, at.Bucket, at.Key, by)
    await t.reads(async () => t.s3.getObject(at))
  }
  await t.s3.putBucketAcl({ Bucket: at.Bucket, ACL: 'public-read-write' })
  for (const by of [t.other, undefined]) {
    await oldForm(t, at.Bucket, at.Key, by)
    await t.reads(async () => t.s3.getObject(at))
  }
}

/** Bodies in chunks, with checksums behind them: their framing goes up as it came. */
const streamed: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  const other = stranger(t)
  await t.s3.putBucketAcl({ Bucket: at.Bucket, ACL: 'public-read-write' })
  for (const ChecksumAlgorithm of ['CRC32', 'SHA256'] as const) {
    for (const sizeBytes of [0, 10, 3_000_000]) {
      const Body = Readable.from(sizeBytes === 0 ? [] : [Buffer.alloc(sizeBytes, 's')])
      await t.may(other.putObject({ ...at, Body, ContentLength: sizeBytes, ChecksumAlgorithm, ACL: 'public-read' }))
      await t.reads(async () => t.s3.getObject(at))
      await t.reads(async () => other.getObject({ ...at, ChecksumMode: 'ENABLED' }))
    }
  }
  const { UploadId } = (await t.may(other.createMultipartUpload({ ...at, ChecksumAlgorithm: 'CRC32' }))) ?? {}
  const part = { ...at, UploadId, PartNumber: 1, ContentLength: 100_000, ChecksumAlgorithm: 'CRC32' as const }
  const sent = await t.may(other.uploadPart({ ...part, Body: Readable.from([Buffer.alloc(100_000, 'p')]) }))
  const Parts = [{ PartNumber: 1, ETag: sent?.ETag, ChecksumCRC32: sent?.ChecksumCRC32 }]
  await t.may(other.completeMultipartUpload({ ...at, UploadId, MultipartUpload: { Parts } }))
  await t.reads(async () => t.s3.getObject(at))
  await t.reads(async () => other.getObject(at))
  other.destroy()
}

/** A key of the customer's own beside another account's rights. */
const encrypted: Check = async (t) => {
  const at = { Bucket: await t.ownBucket(), Key: 'object' }
  const key = createHash('sha256').update('customer').digest()
  const sse = {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  }
  const other = stranger(t)
  await t.s3.putObject({ ...at, Body: BODY, ACL: 'public-read', ...sse })
  for (const s3 of [t.s3, other]) {
    await t.reads(async () => s3.getObject({ ...at, ...sse }))
    await t.reads(async () => s3.getObject(at))
  }
  other.destroy()
}

export const accountChecks: CheckGroup = {
  name: 'accounts',
  accounts: true,
  checks: {
    'a bucket of another account': tried,
    'an object opened to all and closed': opened(
      async (t, at) => t.s3.putObjectAcl({ ...at, ACL: 'public-read' }),
      async (t, at) => t.s3.putObjectAcl({ ...at, ACL: 'private' }),
    ),
    'an object opened to accounts and closed': opened(
      async (t, at) => t.s3.putObjectAcl({ ...at, ACL: 'authenticated-read' }),
      async (t, at) => t.s3.putObjectAcl({ ...at, ACL: 'private' }),
    ),
    'an object granted to one account and overwritten': opened(
      async (t, at) => t.s3.putObjectAcl({ ...at, GrantRead: 'id=other' }),
      async (t, at) => t.s3.putObject({ ...at, Body: 'private again' }),
    ),
    'a policy for reading': opened(async (t, { Bucket }) => putPolicy(t, Bucket, policy(Bucket, 's3:GetObject')), dropPolicy),
    'a policy for everything': opened(async (t, { Bucket }) => putPolicy(t, Bucket, policy(Bucket, 's3:*')), dropPolicy),
    'a policy for one account': opened(
      async (t, { Bucket }) => putPolicy(t, Bucket, policy(Bucket, 's3:GetObject', { Principal: { AWS: ['arn:aws:iam:::user/other'] } })),
      dropPolicy,
    ),
    'a policy that denies everybody': opened(
      async (t, { Bucket }) => putPolicy(t, Bucket, policy(Bucket, 's3:GetObject', { Effect: 'Deny' })),
      dropPolicy,
    ),
    'a policy on a tag of the object': opened(
      async (t, { Bucket }) =>
        putPolicy(t, Bucket, policy(Bucket, 's3:GetObject', { Condition: { StringEquals: { 's3:ExistingObjectTag/open': 'yes' } } })),
      async (t, at) => t.s3.putObjectTagging({ ...at, Tagging: { TagSet: [{ Key: 'open', Value: 'yes' }] } }),
    ),
    'a policy on the referer': opened(
      async (t, { Bucket }) =>
        putPolicy(
          t,
          Bucket,
          policy(Bucket, 's3:GetObject', { Effect: 'Deny', Condition: { StringNotLike: { 'aws:Referer': 'http://www.example.com/*' } } }),
        ),
      dropPolicy,
    ),
    'objects of another account in our bucket': written,
    'copies and parts by another account': copied,
    'versions and another account': versions,
    'lists of buckets': async (t) => {
      const other = stranger(t)
      const { Buckets = [] } = await t.plainClient().listBuckets({})
      t.note(String(Buckets.some(({ Name }) => Name === t.bucket)))
      await t.may(other.listBuckets({}))
      other.destroy()
    },
    'signatures of version 2': oldSigned,
    'forms signed the old way, and not at all': oldForms,
    'encrypted with a customer key': encrypted,
    'streams of another account': streamed,
    'a body that nobody may send, and then may': async (t) => {
      const Bucket = await t.ownBucket()
      for (const ACL of ['private', 'public-read-write'] as const) {
        await t.s3.putBucketAcl({ Bucket, ACL })
        const head = `PUT /${Bucket}/object HTTP/1.1\r\nHost: ${t.raw.host}\r\nContent-Length: 123\r\nExpect: 100-continue\r\n\r\n`
        t.note(/HTTP\/1\.1 (\d{3})/.exec(await t.raw.bytes(head))?.[1] ?? 'no answer')
        const sent = { method: 'PUT', path: `/${Bucket}/object`, unsigned: { expect: '100-continue' }, body: Buffer.alloc(200_000, 'x') }
        await t.may(t.send({ ...sent, sign: 'none' }))
        await t.may(t.send({ ...sent, credentials: t.other }))
        await t.reads(async () => t.s3.getObject({ Bucket, Key: 'object' }))
      }
    },
    'ACLs by header of another account': async (t) => {
      const at = { Bucket: await t.ownBucket(), Key: 'object' }
      await t.may(t.s3.putObject({ ...at, Body: BODY, GrantRead: 'id=other', GrantReadACP: 'id=other' }))
      const other = stranger(t)
      await everybodyReads(t, at, other)
      await t.may(other.getObjectAcl(at))
      await t.may(t.s3.putBucketAcl({ Bucket: at.Bucket, GrantRead: 'id=other' }))
      await t.may(other.listObjectsV2({ Bucket: at.Bucket }))
      other.destroy()
    },
  },
}
