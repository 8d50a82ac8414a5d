import type { S3 } from '@aws-sdk/client-s3'

/** Deletes a bucket with all versions, uploads and locks in it; what will not go stays. */
export async function emptyBucket(s3: S3, bucket: string): Promise<void> {
  await deleteVersions(s3, bucket).catch(() => undefined)
  const { Uploads = [] } = await s3.listMultipartUploads({ Bucket: bucket }).catch(() => ({ Uploads: [] }))
  for (const { Key, UploadId } of Uploads) await s3.abortMultipartUpload({ Bucket: bucket, Key, UploadId }).catch(() => undefined)
  await s3.deleteBucket({ Bucket: bucket }).catch(() => undefined)
}

async function deleteVersions(s3: S3, bucket: string): Promise<void> {
  for (let page = 0; page < 20; page++) {
    const { Versions = [], DeleteMarkers = [], IsTruncated = false } = await s3.listObjectVersions({ Bucket: bucket })
    const found = [...Versions, ...DeleteMarkers]
    if (found.length === 0) return
    const Objects = found.map(({ Key, VersionId }) => ({ Key: Key ?? '', VersionId }))
    const { Errors = [] } = await s3.deleteObjects({ Bucket: bucket, Delete: { Objects, Quiet: true }, BypassGovernanceRetention: true })
    if (Errors.length > 0 || !IsTruncated) return
  }
}
