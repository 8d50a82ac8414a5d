import type { Clock } from '../base/clock.ts'
import { MAX_KEY_BYTES } from '../s3/address.ts'
import { Refusal } from '../s3/errors.ts'
import { classifyOperation, type Operation } from '../s3/operation.ts'
import { percentDecode, percentEncode } from '../s3/percent.ts'
import { parseQuery } from '../s3/query.ts'
import { errorAnswer, xmlAnswer } from './directory/answer.ts'
import { createBucket, deleteBucket, getBucketLocation, getBucketVersioning, headBucket, listBuckets } from './directory/buckets.ts'
import { noSuchKey, type DirectoryCall, type DirectoryHandler } from './directory/call.ts'
import { completeUpload } from './directory/complete-upload.ts'
import { deleteObjects } from './directory/delete-objects.ts'
import { DirectoryStore } from './directory/directory-store.ts'
import { refusalOfErrno } from './directory/errno.ts'
import { listObjectsV1, listObjectsV2 } from './directory/list-objects.ts'
import { abortUpload, createUpload, listParts, listUploads, uploadPart, uploadPartCopy } from './directory/multipart.ts'
import { postObject } from './directory/post-object.ts'
import { randomHex } from './directory/random-hex.ts'
import { readObject } from './directory/read-object.ts'
import { copyObject, deleteObject, putObject } from './directory/write-object.ts'
import { OriginFailure, type Origin, type OriginRequest, type OriginResponse } from './origin.ts'
import { withQueryAsFields } from './presigned.ts'

/**
 * A directory served as buckets: each directory in it is a bucket, each file below a key. Files that others put there, change or
 * remove are seen at once.
 *
 * Gaps: no versions, tags, ACLs, locks, encryption or lifecycle: such requests get 501 NotImplemented. Every bucket must be on the
 * file system of the root for writes. If-Match on a write holds only among the writes of one process. A page of a listing
 * reads each directory that it shows whole, so that a flat directory of a million files takes about a second for a page.
 *
 * Deliberate differences: a file that was not written here has an ETag that is no MD5 (see fileEtag); its Content-Type
 * comes from its name. Symbolic links are not followed. A read within 20 ms of a file's last change waits until those are over (see
 * untilStampSettledMs).
 */
export class DirectoryOrigin implements Origin {
  readonly name: string
  readonly #store: DirectoryStore

  constructor(config: { readonly name: string; readonly path: string }, parts: { readonly clock: Clock }) {
    this.name = config.name
    this.#store = new DirectoryStore(config.path, parts.clock)
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    if (request.signal?.aborted === true) {
      request.body.cancel(new Error('request aborted'))
      throw new OriginFailure('aborted', `Gave up ${request.method} from origin "${this.name}"`, { cause: request.signal.reason })
    }
    const requestId = randomHex(8).toUpperCase()
    let response: OriginResponse
    try {
      response = await this.#answer(withQueryAsFields(request))
    } catch (error) {
      request.body.cancel(error instanceof Error ? error : new Error(String(error)))
      const refusal = error instanceof Refusal ? error : refusalOfErrno(error)
      if (refusal === undefined) throw this.#failure(error)
      response = errorAnswer(refusal, { method: request.method, resource: resourceOf(request), requestId })
    }
    return { ...response, headers: ['x-amz-request-id', requestId, ...response.headers] }
  }

  async close(): Promise<void> {
    // Nothing is held between requests.
  }

  async #answer(request: OriginRequest): Promise<OriginResponse> {
    const call = parseCall(request, this.#store.clock.nowMs())
    const operation = classifyOperation({ ...request, query: call.query })
    const handler = HANDLERS[operation]
    if (handler !== undefined) return handler(this.#store, call)
    const message = `Cannot do ${operation} on a directory: this origin has no such operation`
    throw new Refusal('NotImplemented', { message })
  }

  #failure(error: unknown): OriginFailure {
    if (error instanceof OriginFailure) return error
    const reason = error instanceof Error ? error.message : String(error)
    return new OriginFailure('protocol', `Cannot answer for origin "${this.name}": ${reason}`, { cause: error })
  }
}

const HANDLERS: Partial<Record<Operation, DirectoryHandler>> = {
  AbortMultipartUpload: abortUpload,
  CompleteMultipartUpload: completeUpload,
  CopyObject: copyObject,
  CreateBucket: createBucket,
  CreateMultipartUpload: createUpload,
  DeleteBucket: deleteBucket,
  DeleteObject: deleteObject,
  DeleteObjects: deleteObjects,
  GetBucketLocation: getBucketLocation,
  GetBucketVersioning: getBucketVersioning,
  GetObject: readObject,
  GetObjectTagging: noTags,
  HeadBucket: headBucket,
  HeadObject: readObject,
  ListBuckets: listBuckets,
  ListMultipartUploads: listUploads,
  ListObjects: listObjectsV1,
  ListObjectsV2: listObjectsV2,
  ListParts: listParts,
  PostObject: postObject,
  PutObject: putObject,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
}

/** GetObjectTagging: the AWS CLI asks before it copies a large object; nothing here has tags. */
async function noTags(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const object = await store.tree.openObject(call.bucket, call.key)
  await object?.file.close()
  if (object !== undefined) return xmlAnswer(['Tagging', [['TagSet', []]]])
  await store.tree.requireBucket(call.bucket)
  throw noSuchKey(call.key)
}

function parseCall(request: OriginRequest, nowMs: number): DirectoryCall {
  const key = percentDecode(request.rawKey ?? '')
  if (key === undefined) throw new Refusal('InvalidURI')
  if (key.length > MAX_KEY_BYTES) {
    throw new Refusal('KeyTooLongError', { fields: { Size: String(key.length), MaxSizeAllowed: String(MAX_KEY_BYTES) } })
  }
  return { request, headers: request.headers, query: parseQuery(request.rawQuery), bucket: request.bucket ?? '', key, nowMs }
}

function resourceOf(request: OriginRequest): string {
  if (request.bucket === undefined) return '/'
  return `/${percentEncode(request.bucket)}${request.rawKey === undefined ? '' : `/${request.rawKey}`}`
}
