import { lstat, mkdir, opendir, readdir, rm, rmdir } from 'node:fs/promises'
import { Refusal } from '../../s3/errors.ts'
import { queryValue } from '../../s3/query.ts'
import { MAX_CREATE_BUCKET_XML_BYTES, parseCreateBucket } from '../../s3/request-xml.ts'
import type { XmlNode } from '../../s3/xml.ts'
import type { OriginResponse } from '../origin.ts'
import { emptyAnswer, xmlAnswer } from './answer.ts'
import type { DirectoryCall } from './call.ts'
import type { DirectoryStore } from './directory-store.ts'
import { fsPath, isServedName, PRIVATE_FOLDER, type BytePath } from './directory-tree.ts'
import { errnoOf, ifPresent } from './errno.ts'
import { hasObjects, OWNER, parseMax } from './list-objects.ts'
import { receiveDocument } from './receive-body.ts'

/** "Bucket naming rules" in the S3 user guide, for buckets that are made here; directories that are there may have other names. */
const NEW_BUCKET_NAME = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const MAX_BUCKETS = 10_000

/** ListBuckets: the directories in the root, in name order. */
export async function listBuckets(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { query } = call
  const prefix = queryValue(query, 'prefix') ?? ''
  const maxBuckets = parseMax(queryValue(query, 'max-buckets'), 'max-buckets', MAX_BUCKETS)
  const after = queryValue(query, 'continuation-token') ?? ''
  const names = (await bucketNames(await store.tree.root())).filter((name) => name.startsWith(prefix) && name > after).sort()
  const shown = names.slice(0, maxBuckets)
  const nodes = await Promise.all(shown.map((name) => bucketNode(store, name)))
  const last = shown.at(-1)
  return xmlAnswer([
    'ListAllMyBucketsResult',
    [
      OWNER,
      ['Buckets', nodes],
      prefix === '' ? undefined : ['Prefix', prefix],
      names.length > shown.length && last !== undefined ? ['ContinuationToken', last] : undefined,
    ],
  ])
}

/** HeadBucket. */
export async function headBucket(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  await store.tree.requireBucket(call.bucket)
  return emptyAnswer(200)
}

/** GetBucketLocation: empty means us-east-1, the region of services that have none. */
export async function getBucketLocation(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  await store.tree.requireBucket(call.bucket)
  return xmlAnswer(['LocationConstraint', ''])
}

/** GetBucketVersioning: never had any. */
export async function getBucketVersioning(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  await store.tree.requireBucket(call.bucket)
  return xmlAnswer(['VersioningConfiguration', ''])
}

/** CreateBucket. */
export async function createBucket(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket } = call
  parseCreateBucket(await receiveDocument(call.request, MAX_CREATE_BUCKET_XML_BYTES))
  if (await store.tree.hasBucket(bucket)) throw new Refusal('BucketAlreadyOwnedByYou', { fields: { BucketName: bucket } })
  if (!NEW_BUCKET_NAME.test(bucket) || !isServedName(bucket)) throw new Refusal('InvalidBucketName', { fields: { BucketName: bucket } })
  try {
    await mkdir(fsPath(await store.tree.bucketPath(bucket)))
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    const code = (await store.tree.hasBucket(bucket)) ? 'BucketAlreadyOwnedByYou' : 'BucketAlreadyExists'
    throw new Refusal(code, { fields: { BucketName: bucket } })
  }
  return emptyAnswer(200, ['location', `/${bucket}`])
}

/**
 * DeleteBucket. Only empty directories are ever removed: something that is no object, a symbolic link for instance, keeps its
 * bucket, and a write that comes in between fails or keeps it too.
 */
export async function deleteBucket(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { bucket } = call
  await store.tree.requireBucket(bucket)
  const notEmpty = new Refusal('BucketNotEmpty', { fields: { BucketName: bucket } })
  if (await hasObjects(store, bucket)) throw notEmpty
  try {
    await removeEmptyDirectories(await store.tree.bucketPath(bucket))
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') throw notEmpty
    throw error
  }
  await store.metas.removeBucket(bucket)
  const uploads = `${await store.tree.root()}/${PRIVATE_FOLDER}/uploads/${bucket}`
  await rm(fsPath(uploads), { recursive: true, force: true })
  return emptyAnswer(204)
}

async function bucketNames(root: BytePath): Promise<string[]> {
  const entries = await readdir(fsPath(root), { withFileTypes: true, encoding: 'buffer' })
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name.toString('latin1'))
    .filter(isServedName)
}

async function bucketNode(store: DirectoryStore, name: string): Promise<XmlNode | undefined> {
  const stats = await ifPresent(lstat(fsPath(await store.tree.bucketPath(name))))
  if (stats === undefined) return undefined
  // Some file systems know no time of birth and say 1970.
  const createdMs = stats.birthtimeMs > 0 ? stats.birthtimeMs : stats.mtimeMs
  return [
    'Bucket',
    [
      ['Name', name],
      ['CreationDate', new Date(Math.floor(createdMs)).toISOString()],
    ],
  ]
}

async function removeEmptyDirectories(directory: BytePath): Promise<void> {
  const entries = await opendir(fsPath(directory), { encoding: 'buffer' as BufferEncoding })
  for await (const entry of entries) {
    const name = (entry.name as unknown as Buffer).toString('latin1')
    if (entry.isDirectory()) await removeEmptyDirectories(`${directory}/${name}`)
  }
  await rmdir(fsPath(directory))
}
