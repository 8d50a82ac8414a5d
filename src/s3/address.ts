import { Refusal } from './errors.ts'
import { percentDecode } from './percent.ts'

/** S3's limit on a key's UTF-8 bytes. */
export const MAX_KEY_BYTES = 1024

/**
 * Bucket names that may pass. Wider than today's rules for new buckets: legacy names have upper case, underscores and up to 255
 * characters, and Ceph writes `tenant:bucket`. Origins enforce their own rules; here a name only must be harmless in a path.
 */
const BUCKET_NAME = /^[A-Za-z0-9._:-]{1,255}$/

/** Which bucket and key a request is about. */
export interface S3Address {
  /** Absent: a request to the service (ListBuckets). */
  readonly bucket: string | undefined
  /** The key as it was sent, percent-encoding untouched, without the slash before it. Absent: a request to the bucket. */
  readonly rawKey: string | undefined
  /** The key's bytes as latin1. */
  readonly key: string | undefined
  readonly style: 'path' | 'virtual-host'
}

/** Splits a request target at the first `?`. Nothing is normalised: `..`, `//` and `%2e` are parts of S3 keys. */
export function splitTarget(target: string): { readonly rawPath: string; readonly rawQuery: string } {
  const at = target.indexOf('?')
  return at < 0 ? { rawPath: target, rawQuery: '' } : { rawPath: target.slice(0, at), rawQuery: target.slice(at + 1) }
}

/**
 * Finds bucket and key. Virtual-host style where the host ends in `.<domain>` for one of `domains` (the longest that fits, what
 * stands before it is the bucket, dots included); path style otherwise.
 * Throws Refusal: InvalidURI, InvalidBucketName, KeyTooLongError.
 */
export function parseAddress(input: { readonly rawPath: string; readonly host: string; readonly domains: readonly string[] }): S3Address {
  const { rawPath } = input
  if (!rawPath.startsWith('/')) throw new Refusal('InvalidURI')
  const hostBucket = bucketOfHost(input.host, input.domains)
  if (hostBucket !== undefined) return withKey({ bucket: checkBucket(hostBucket), rawKey: rawPath.slice(1), style: 'virtual-host' })
  if (rawPath === '/') return { bucket: undefined, rawKey: undefined, key: undefined, style: 'path' }
  const slash = rawPath.indexOf('/', 1)
  const bucket = percentDecode(slash < 0 ? rawPath.slice(1) : rawPath.slice(1, slash))
  if (bucket === undefined) throw new Refusal('InvalidURI')
  return withKey({ bucket: checkBucket(bucket), rawKey: slash < 0 ? '' : rawPath.slice(slash + 1), style: 'path' })
}

/** What a header such as `x-amz-copy-source` points at. */
export interface S3Source {
  readonly bucket: string
  /** The key's bytes as latin1. */
  readonly key: string
  readonly versionId: string | undefined
}

/**
 * Reads the value of `x-amz-copy-source`: `[/]bucket/key[?versionId=id]`, percent-encoded. The caller must check that the client may
 * read what it names. Throws Refusal InvalidArgument for anything else, access point ARNs included.
 */
export function parseCopySource(value: string): S3Source {
  const versionAt = value.lastIndexOf('?versionId=')
  const path = versionAt < 0 ? value : value.slice(0, versionAt)
  // Some SDKs encode the whole path, the slash after the bucket included.
  const decoded = percentDecode(path)?.replace(/^\//, '')
  const slash = decoded?.indexOf('/') ?? -1
  if (decoded === undefined || slash <= 0 || slash === decoded.length - 1) throw badCopySource(value)
  const bucket = decoded.slice(0, slash)
  if (!isBucketName(bucket) || bucket.startsWith('arn:')) throw badCopySource(value)
  return {
    bucket,
    key: decoded.slice(slash + 1),
    versionId: versionAt < 0 ? undefined : value.slice(versionAt + '?versionId='.length),
  }
}

/** Whether a name can be a bucket's anywhere; dot segments are out because names become paths. */
export function isBucketName(name: string): boolean {
  return BUCKET_NAME.test(name) && name !== '.' && name !== '..'
}

function badCopySource(value: string): Refusal {
  return new Refusal('InvalidArgument', {
    message: 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    fields: { ArgumentName: 'x-amz-copy-source', ArgumentValue: value },
  })
}

function bucketOfHost(host: string, domains: readonly string[]): string | undefined {
  if (domains.length === 0) return undefined
  const name = hostName(host)
  let longest: string | undefined
  for (const domain of domains) {
    const suffix = `.${domain.toLowerCase()}`
    if (name.endsWith(suffix) && suffix.length > (longest?.length ?? 0)) longest = suffix
    // The base domain itself is path style, even where it lies below another, shorter one.
    if (name === suffix.slice(1)) return undefined
  }
  return longest === undefined ? undefined : name.slice(0, -longest.length)
}

/** The host without port and final dot, in lower case. */
function hostName(host: string): string {
  const portAt = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':')
  const name = portAt > 0 ? host.slice(0, portAt) : host
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}

/** Most requests are for the bucket of the one before, which comparing tells sooner than reading it anew. */
let lastBucket = ''

function checkBucket(bucket: string): string {
  if (bucket === lastBucket && bucket !== '') return lastBucket
  if (!isBucketName(bucket)) throw new Refusal('InvalidBucketName', { fields: { BucketName: bucket } })
  lastBucket = bucket
  return bucket
}

function withKey(address: { bucket: string; rawKey: string; style: S3Address['style'] }): S3Address {
  const { bucket, rawKey, style } = address
  if (rawKey === '') return { bucket, rawKey: undefined, key: undefined, style }
  const key = percentDecode(rawKey)
  if (key === undefined) throw new Refusal('InvalidURI')
  if (key.length > MAX_KEY_BYTES) {
    throw new Refusal('KeyTooLongError', { fields: { Size: String(key.length), MaxSizeAllowed: String(MAX_KEY_BYTES) } })
  }
  return { bucket, rawKey, key, style }
}
