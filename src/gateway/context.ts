import type { HeaderList } from '../base/header-list.ts'
import type { Consistency } from '../config/config.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Origin } from '../origin/origin.ts'
import type { QueryParameter } from '../s3/query.ts'
import type { Verified } from '../s3/sigv4/signature-verifier.ts'
import type { RequestRecord } from '../signals/record.ts'
import type { Caller } from './clients.ts'
import type { Gateway } from './gateway.ts'
import type { S3Request } from './s3-request.ts'

/** An authenticated, authorised request on its way. */
export interface RequestContext {
  readonly gateway: Gateway
  readonly exchange: Exchange
  readonly record: RequestRecord
  readonly request: S3Request
  readonly caller: Caller
  /** What the signature said of the payload; undefined for anonymous requests. */
  readonly verified: Verified | undefined
  readonly origin: Origin
  /** hotbucket does not check who asks: the request goes up in the client's name, as it came, and only the origin's answer counts. */
  readonly passThrough: boolean
}

/** A request for one object that the cache may answer. */
export interface ReadContext extends RequestContext {
  readonly bucket: string
  readonly rawKey: string
  readonly cacheKey: string
  /** The version that is asked for; undefined: the current one. */
  readonly version: QueryParameter | undefined
  readonly mode: Consistency
  /** Fields that this answer shall have in place of the object's own. */
  readonly overrides: HeaderList
}

/**
 * The name of an object in the cache: origins may hold buckets of the same name. NUL stands in no name of origin or bucket and in no
 * version id. The current version and a version by its id are two objects: what is current changes, a version does not.
 */
export function cacheKeyOf(context: RequestContext, key: string, versionId?: string): string {
  return keyIn(context, bucketPart(context), key, versionId)
}

/** All names under which a write must look for an object: those of its own kind of clients, and of the other where both are served. */
export function cacheKeysOf(context: RequestContext, key: string, versionId?: string): string[] {
  return bucketParts(context).map((bucket) => keyIn(context, bucket, key, versionId))
}

function keyIn(context: RequestContext, bucket: string, key: string, versionId: string | undefined): string {
  const prefix = context.gateway.keyPrefixes.of(cacheNameOf(context), bucket)
  return versionId === undefined ? `${prefix}\0${key}` : `${prefix}@${versionId}\0${key}`
}

/** The names that the request's bucket has for all who may ask here. */
export function bucketNames(context: RequestContext): string[] {
  return bucketParts(context).map((bucket) => `${cacheNameOf(context)}\0${bucket}`)
}

function cacheNameOf({ origin }: RequestContext): string {
  return origin.cacheName ?? origin.name
}

function bucketParts(context: RequestContext): string[] {
  const names = plainNames(context.request.bucket ?? '')
  const untouched = (): string[] => names.map((name) => untouchedBucket(context, name))
  if (context.gateway.options.identity === 'mixed') return [...names, ...untouched()]
  return context.passThrough ? untouched() : names
}

function bucketPart(context: RequestContext): string {
  const bucket = context.request.bucket ?? ''
  return context.passThrough ? untouchedBucket(context, bucket) : bucket
}

/** Where requests go up as they came, the origin reads the address, perhaps in another way than we do: then the Host is part of the name. */
function untouchedBucket({ request }: RequestContext, bucket: string): string {
  return `${bucket}\0${request.host.toLowerCase()}`
}

/** Whether a bucket is named with its tenant, as Ceph allows; an empty one stands for the accounts without. */
export function namesTenant(bucket: string | undefined): boolean {
  return bucket?.includes(':') === true
}

/** The bucket's name as it stands, and without its tenant: who belongs to that tenant leaves it out. */
function plainNames(bucket: string): string[] {
  return namesTenant(bucket) ? [bucket, bucket.slice(bucket.lastIndexOf(':') + 1)] : [bucket]
}
