import { queryValue } from '../../s3/query.ts'
import { headerValue, withoutHeaders, type HeaderList } from '../../base/header-list.ts'
import { parseCopySource } from '../../s3/address.ts'
import { evaluateConditions } from '../../s3/conditions.ts'
import { Refusal } from '../../s3/errors.ts'
import type { ByteRange } from '../../s3/range.ts'
import type { OriginResponse } from '../origin.ts'
import { emptyAnswer, xmlAnswer } from './answer.ts'
import { BodyDigests } from './body-digests.ts'
import { noSuchKey, type DirectoryCall } from './call.ts'
import { contentTypeOf } from './content-type.ts'
import type { DirectoryStore } from './directory-store.ts'
import { FileSource } from './file-source.ts'
import { modifiedMs } from './file-version.ts'
import { openCurrent, type CurrentObject } from './read-object.ts'
import { copyToFile, receiveBody } from './receive-body.ts'
import { checkWriteConditions, storeObject } from './store-object.ts'
import { keptHeaders, refuseUnsupported } from './written-headers.ts'

/** PutObject. */
export async function putObject(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { request, headers, bucket, key, nowMs } = call
  refuseUnsupported(headers)
  await store.tree.requireBucket(bucket)
  const target = { bucket, key, conditions: headers, nowMs }
  // Told before the body is read; what counts is the check when the object is put in place.
  await checkWriteConditions(store, target)
  await using temporary = await store.temporaryFile()
  const { md5, checksums } = await receiveBody(request, temporary.file)
  const etag = `"${md5}"`
  await storeObject(store, temporary, { ...target, meta: { etag, headers: keptHeaders(headers), checksums: fullObject(checksums) } })
  return emptyAnswer(200, ['etag', etag, ...fullObject(checksums)])
}

/** CopyObject. */
export async function copyObject(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { headers, bucket, key, nowMs } = call
  refuseUnsupported(headers)
  await store.tree.requireBucket(bucket)
  const directive = headerValue(headers, 'x-amz-metadata-directive') ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE') {
    throw new Refusal('InvalidArgument', { fields: { ArgumentName: 'x-amz-metadata-directive', ArgumentValue: directive } })
  }
  const source = await openCopySource(store, call)
  try {
    if (source.bucket === bucket && source.key === key && directive === 'COPY') {
      const message =
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata."
      throw new Refusal('InvalidRequest', { message })
    }
    await using temporary = await store.temporaryFile()
    const digests = new BodyDigests([])
    await copyToFile(wholeOf(source.object, call), temporary.file, (chunk) => digests.update(chunk))
    const etag = `"${digests.finish().md5}"`
    const copied = source.object.meta?.headers ?? ['content-type', contentTypeOf(source.key)]
    const kept = directive === 'COPY' ? copied : keptHeaders(headers)
    const checksums = source.object.meta?.checksums ?? []
    const meta = { etag, headers: kept, checksums: isComposite(checksums) ? [] : checksums }
    const version = await storeObject(store, temporary, { bucket, key, conditions: headers, nowMs, meta })
    return xmlAnswer([
      'CopyObjectResult',
      [
        ['LastModified', new Date(modifiedMs(version)).toISOString()],
        ['ETag', etag],
      ],
    ])
  } finally {
    // Closed twice where the copy had begun, which is harmless.
    await source.object.file.close().catch(() => undefined)
  }
}

/** The object that `x-amz-copy-source` names, open, its conditions checked. */
export async function openCopySource(
  store: DirectoryStore,
  call: DirectoryCall,
): Promise<{ readonly bucket: string; readonly key: string; readonly object: CurrentObject }> {
  const { bucket, key, versionId } = parseCopySource(headerValue(call.headers, 'x-amz-copy-source') ?? '')
  if (versionId !== undefined && versionId !== 'null') throw new Refusal('NoSuchVersion', { fields: { Key: key, VersionId: versionId } })
  const object = await openCurrent(store, bucket, key)
  if (object === undefined) {
    await store.tree.requireBucket(bucket)
    throw noSuchKey(key)
  }
  const prefix = 'x-amz-copy-source-'
  const conditions: string[] = []
  for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']) {
    const value = headerValue(call.headers, prefix + name)
    if (value !== undefined) conditions.push(name, value)
  }
  if (evaluateConditions(conditions, object.validators, call.nowMs) !== 'proceed') {
    await object.file.close()
    throw new Refusal('PreconditionFailed')
  }
  return { bucket, key, object }
}

/** An object's bytes; reading to the end closes its file. */
export function wholeOf(object: CurrentObject, call: DirectoryCall, range?: ByteRange): FileSource {
  return new FileSource(object.file, object.version, range ?? { start: 0, end: object.version.sizeBytes }, call.request.signal)
}

/** DeleteObject. Deleting what is not there succeeds, as in S3. */
export async function deleteObject(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket, key, query, headers, nowMs } = call
  await store.tree.requireBucket(bucket)
  await removeObject(store, { bucket, key, versionId: queryValue(query, 'versionId'), conditions: headers, nowMs })
  return emptyAnswer(204)
}

/** Removes an object and what is known of it. Throws Refusal where a condition fails. */
export async function removeObject(
  store: DirectoryStore,
  object: {
    readonly bucket: string
    readonly key: string
    readonly versionId: string | undefined
    readonly conditions: HeaderList
    readonly nowMs: number
  },
): Promise<void> {
  const { bucket, key, versionId } = object
  // No other version can be there, and removing what is not there succeeds.
  if (versionId !== undefined && versionId !== 'null') return
  await store.locks.run(`${bucket}/${key}`, async () => {
    await checkWriteConditions(store, { ...object, conditions: withoutHeaders(object.conditions, (name) => name !== 'if-match') })
    const opened = await store.tree.openObject(bucket, key)
    if (opened === undefined) return
    await opened.file.close()
    await store.tree.remove(bucket, key)
    await store.metas.remove(bucket, key, opened.version)
  })
}

/** Checksums of a whole object say so. */
export function fullObject(checksums: readonly string[]): string[] {
  return checksums.length === 0 ? [] : [...checksums, 'x-amz-checksum-type', 'FULL_OBJECT']
}

function isComposite(checksums: HeaderList): boolean {
  return headerValue(checksums, 'x-amz-checksum-type') === 'COMPOSITE'
}
