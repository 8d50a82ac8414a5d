import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { evaluateConditions } from '../../s3/conditions.ts'
import { Refusal } from '../../s3/errors.ts'
import { noSuchKey } from './call.ts'
import type { DirectoryStore, TemporaryFile } from './directory-store.ts'
import { fileStamp, fileVersion, type FileVersion } from './file-version.ts'
import type { ObjectMeta } from './object-meta.ts'
import { objectFacts, type ObjectFacts } from './read-object.ts'

/** What a finished file is to become. */
export interface NewObject {
  readonly bucket: string
  readonly key: string
  /** The request's: its conditions decide whether the object is put in place. */
  readonly conditions: HeaderList
  readonly nowMs: number
  readonly meta: Omit<ObjectMeta, 'key' | 'stamp'>
}

/**
 * Puts a file in its object's place: data to disk, metadata beside it, then the rename that makes the new version visible as a
 * whole. The entry in the directory is not flushed: after a power cut the old version may be there again, never a mixture.
 *
 * If-None-Match holds among several processes on one directory, If-Match only within one.
 */
export async function storeObject(store: DirectoryStore, temporary: TemporaryFile, object: NewObject): Promise<FileVersion> {
  const { bucket, key } = object
  await temporary.file.datasync()
  return store.locks.run(`${bucket}/${key}`, async () => {
    await checkWriteConditions(store, object)
    const replaced = await currentVersion(store, bucket, key)
    const version = await distinctVersion(temporary, replaced)
    const meta: ObjectMeta = { key, ...object.meta }
    await store.metas.write(bucket, version, meta)
    try {
      const exclusive = headerValue(object.conditions, 'if-none-match') !== undefined
      await store.tree.place(temporary.path, { bucket, key, exclusive })
    } catch (error) {
      await store.metas.remove(bucket, key, version)
      throw error
    }
    // Moving a file changes its ctime, so only now the state that the ETag belongs to is known.
    const placed = fileVersion(await temporary.file.stat({ bigint: true }))
    await store.metas.write(bucket, placed, { ...meta, stamp: fileStamp(placed) })
    if (replaced !== undefined) await store.metas.remove(bucket, key, replaced)
    return placed
  })
}

/** Evaluates If-Match and If-None-Match of a write ("Conditional writes" in the S3 user guide). */
export async function checkWriteConditions(
  store: DirectoryStore,
  object: { readonly bucket: string; readonly key: string; readonly conditions: HeaderList; readonly nowMs: number },
): Promise<void> {
  const { bucket, key, conditions } = object
  const ifMatch = headerValue(conditions, 'if-match')
  const ifNoneMatch = headerValue(conditions, 'if-none-match')
  if (ifMatch === undefined && ifNoneMatch === undefined) return
  if (ifNoneMatch !== undefined && (ifNoneMatch !== '*' || ifMatch !== undefined)) {
    throw new Refusal('NotImplemented', { fields: { Header: 'If-None-Match' } })
  }
  const current = await currentFacts(store, bucket, key)
  if (ifNoneMatch !== undefined) {
    if (current !== undefined) throw new Refusal('PreconditionFailed', { fields: { Condition: 'If-None-Match' } })
    return
  }
  if (current === undefined) throw noSuchKey(key)
  if (evaluateConditions(['if-match', ifMatch ?? ''], current.validators, object.nowMs) !== 'proceed') {
    throw new Refusal('PreconditionFailed', { fields: { Condition: 'If-Match' } })
  }
}

async function currentFacts(store: DirectoryStore, bucket: string, key: string): Promise<ObjectFacts | undefined> {
  const version = await currentVersion(store, bucket, key)
  return version === undefined ? undefined : objectFacts(store, { bucket, key, version })
}

async function currentVersion(store: DirectoryStore, bucket: string, key: string): Promise<FileVersion | undefined> {
  const opened = await store.tree.openObject(bucket, key)
  if (opened === undefined) return undefined
  await opened.file.close()
  return opened.version
}

/** Sees to it that a new version differs from the one that it replaces in size or mtime: metadata is found by these. */
async function distinctVersion(temporary: TemporaryFile, replaced: FileVersion | undefined): Promise<FileVersion> {
  for (let aheadMs = 0; ; aheadMs++) {
    if (aheadMs > 0) {
      const timeSeconds = (Number((replaced?.mtimeNs ?? 0n) / 1_000_000n) + aheadMs) / 1000
      await temporary.file.utimes(timeSeconds, timeSeconds)
    }
    const version = fileVersion(await temporary.file.stat({ bigint: true }))
    if (replaced === undefined || version.mtimeNs !== replaced.mtimeNs || version.sizeBytes !== replaced.sizeBytes) return version
  }
}
