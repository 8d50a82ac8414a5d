import type { ListObjectVersionsOutput } from '@aws-sdk/client-s3'
import { bodyOf } from '../../../clients/corpus.ts'
import type { Check, CheckGroup, Trial } from '../trial.ts'

const Key = 'the key'

interface Versioned {
  readonly Bucket: string
  readonly ids: (string | undefined)[]
  put(body: string | Buffer): Promise<void>
  look(VersionId?: string): Promise<void>
}

async function versioned(t: Trial, status: 'Enabled' | 'Suspended' | undefined = 'Enabled'): Promise<Versioned> {
  const Bucket = await t.ownBucket()
  if (status !== undefined) await t.s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: status } })
  const ids: (string | undefined)[] = []
  return {
    Bucket,
    ids,
    async put(Body) {
      ids.push((await t.s3.putObject({ Bucket, Key, Body, Metadata: { size: String(Body.length) } })).VersionId)
    },
    async look(VersionId) {
      await t.reads(async () => t.s3.getObject({ Bucket, Key, VersionId }))
      await t.may(t.s3.headObject({ Bucket, Key, VersionId }))
      await t.may(t.s3.getObject({ Bucket, Key, VersionId, Range: 'bytes=1-2' }))
    },
  }
}

const threeVersions: Check = async (t) => {
  const v = await versioned(t)
  for (const body of ['one', 'number two', bodyOf('three', 1024 * 1024 + 1)]) {
    await v.put(body)
    await v.look()
  }
  for (const id of v.ids) await v.look(id)
  await v.look()
  await t.may(t.s3.listObjectVersions({ Bucket: v.Bucket }))
}

const marker: Check = async (t) => {
  const v = await versioned(t)
  await v.put('first')
  await v.look()
  const gone = await t.s3.deleteObject({ Bucket: v.Bucket, Key })
  await v.look()
  await v.look(v.ids[0])
  await v.look(gone.VersionId)
  await t.may(t.s3.listObjectVersions({ Bucket: v.Bucket }))
  await t.s3.deleteObject({ Bucket: v.Bucket, Key, VersionId: gone.VersionId })
  await v.look()
}

const deleteNewest: Check = async (t) => {
  const v = await versioned(t)
  for (const body of ['one', 'two', 'three']) await v.put(body)
  await v.look()
  await t.s3.deleteObject({ Bucket: v.Bucket, Key, VersionId: v.ids[2] })
  await v.look()
  await v.look(v.ids[2])
  await t.s3.deleteObject({ Bucket: v.Bucket, Key, VersionId: v.ids[0] })
  await v.look()
  await v.look(v.ids[0])
}

const suspended: Check = async (t) => {
  const v = await versioned(t, undefined)
  await v.put('before versions')
  await v.look()
  await v.look('null')
  await t.s3.putBucketVersioning({ Bucket: v.Bucket, VersioningConfiguration: { Status: 'Enabled' } })
  await v.look()
  await v.put('a version')
  await v.look()
  await v.look('null')
  await t.s3.putBucketVersioning({ Bucket: v.Bucket, VersioningConfiguration: { Status: 'Suspended' } })
  await v.put('null again')
  await v.look()
  await v.look('null')
  await t.s3.deleteObject({ Bucket: v.Bucket, Key })
  await v.look()
  await v.look('null')
  await v.look(v.ids[1])
}

const deleteMany: Check = async (t) => {
  const v = await versioned(t)
  for (const body of ['one', 'two', 'three']) await v.put(body)
  for (const id of v.ids) await v.look(id)
  await v.look()
  const Objects = [
    { Key, VersionId: v.ids[2] },
    { Key, VersionId: v.ids[1] },
  ]
  await t.may(t.s3.deleteObjects({ Bucket: v.Bucket, Delete: { Objects } }))
  await v.look()
  await v.look(v.ids[1])
  await t.may(t.s3.deleteObjects({ Bucket: v.Bucket, Delete: { Objects: [{ Key }] } }))
  await v.look()
  await v.look(v.ids[0])
}

const restored: Check = async (t) => {
  const v = await versioned(t)
  await v.put('good')
  await v.put('bad')
  await v.look()
  const CopySource = `${v.Bucket}/${encodeURIComponent(Key)}?versionId=${v.ids[0]}`
  await t.may(t.s3.copyObject({ Bucket: v.Bucket, Key, CopySource }))
  await v.look()
}

const versionTags: Check = async (t) => {
  const v = await versioned(t)
  await v.put('one')
  await v.put('two')
  const at = { Bucket: v.Bucket, Key }
  await v.look()
  await v.look(v.ids[0])
  await t.may(t.s3.putObjectTagging({ ...at, VersionId: v.ids[0], Tagging: { TagSet: [{ Key: 'of', Value: 'one' }] } }))
  await v.look(v.ids[0])
  await v.look()
  await t.may(t.s3.getObjectTagging({ ...at, VersionId: v.ids[0] }))
  await t.may(t.s3.putObjectTagging({ ...at, Tagging: { TagSet: [{ Key: 'of', Value: 'two' }] } }))
  await v.look()
  await t.may(t.s3.deleteObjectTagging({ ...at, VersionId: v.ids[1] }))
  await v.look()
  await t.may(t.s3.putObjectAcl({ ...at, VersionId: v.ids[0], ACL: 'public-read' }))
  await t.may(t.s3.getObjectAcl({ ...at, VersionId: v.ids[0] }))
}

const multipart: Check = async (t) => {
  const v = await versioned(t)
  await v.put('before')
  await v.look()
  const at = { Bucket: v.Bucket, Key }
  const { UploadId } = await t.s3.createMultipartUpload(at)
  const { ETag } = await t.s3.uploadPart({ ...at, UploadId, PartNumber: 1, Body: 'the part' })
  await t.may(t.s3.completeMultipartUpload({ ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }))
  await v.look()
  await v.look(v.ids[0])
}

const unknownVersions: Check = async (t) => {
  const v = await versioned(t)
  await v.put('one')
  for (const id of ['no-such-version', 'null', '', '00000000000000000000000000000000', 'ZZ%2F..%2Fx']) {
    await v.look(id)
    await t.may(t.s3.deleteObject({ Bucket: v.Bucket, Key, VersionId: id }))
  }
  await v.look()
}

const pages: Check = async (t) => {
  const v = await versioned(t)
  for (const body of ['one', 'two', 'three', 'four']) await v.put(body)
  await t.s3.deleteObject({ Bucket: v.Bucket, Key })
  let [KeyMarker, VersionIdMarker]: (string | undefined)[] = []
  for (let page = 0; page < 10; page++) {
    const answer: ListObjectVersionsOutput | undefined = await t.may(
      t.s3.listObjectVersions({ Bucket: v.Bucket, MaxKeys: 2, KeyMarker, VersionIdMarker }),
    )
    if (answer?.IsTruncated !== true) return
    ;[KeyMarker, VersionIdMarker] = [answer.NextKeyMarker, answer.NextVersionIdMarker]
  }
}

export const versionChecks: CheckGroup = {
  name: 'versions',
  checks: {
    'three versions': threeVersions,
    'a delete marker': marker,
    'the newest version is deleted': deleteNewest,
    'versions before, during and after': suspended,
    'many versions are deleted at once': deleteMany,
    'an old version is restored by copy': restored,
    'tags and ACLs of versions': versionTags,
    'a multipart version': multipart,
    'unknown versions': unknownVersions,
    'versions listed by page': pages,
    'versions of an unversioned bucket': async (t) => {
      const v = await versioned(t, undefined)
      await v.put('plain')
      await v.look('null')
      await v.look('no-such-version')
      await t.may(t.s3.listObjectVersions({ Bucket: v.Bucket }))
      await t.may(t.s3.getBucketVersioning({ Bucket: v.Bucket }))
    },
    'conditions on a version': async (t) => {
      const v = await versioned(t)
      await v.put('one')
      await v.put('two')
      const at = { Bucket: v.Bucket, Key, VersionId: v.ids[0] }
      const { ETag } = await t.s3.headObject(at)
      await t.reads(async () => t.s3.getObject({ ...at, IfMatch: ETag }))
      await t.reads(async () => t.s3.getObject({ ...at, IfNoneMatch: ETag }))
      await t.reads(async () => t.s3.getObject({ Bucket: v.Bucket, Key, IfMatch: ETag }))
    },
    'overrides of a version': async (t) => {
      const v = await versioned(t)
      await v.put('one')
      await t.reads(async () => t.s3.getObject({ Bucket: v.Bucket, Key, VersionId: v.ids[0], ResponseContentType: 'text/over' }))
    },
  },
}
