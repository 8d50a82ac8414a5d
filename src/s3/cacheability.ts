import { headerValue, headerValues, type HeaderList } from '../base/header-list.ts'
import { Refusal } from './errors.ts'
import { contentLength, hasAwsChunked } from './headers.ts'
import type { Query } from './query.ts'
import { parseContentRange } from './range.ts'

/** Why the cache does not answer for a read; the origin does. */
export type UncacheableRequest =
  /** The object is encrypted with a key that comes with every request. */
  | 'sse-c'
  /** The answer differs for those who do not agree to pay. */
  | 'request-payer'
  /** The answer differs where the bucket is not whose the client thinks. */
  | 'expected-bucket-owner'
  /** The answer carries fields that depend on the Origin field. */
  | 'cors'
  /** Origins differ in what a part of a simple object is. */
  | 'part-number'
  /** A version id that is none: empty, or with a byte that stands in no id. */
  | 'version-id'
  /** Overrides without a signature (S3 answers 400), or one of them twice. */
  | 'response-override'
  /** An `x-amz-*` field that is not known to leave the answer alone. */
  | 'unknown-field'

const SSE_C = 'x-amz-server-side-encryption-customer-'

/** `x-amz-*` fields that do not change which bytes and fields an object's answer has. */
const HARMLESS_FIELDS: ReadonlySet<string> = new Set([
  'x-amz-api-version',
  'x-amz-cf-id',
  'x-amz-checksum-mode',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-security-token',
  'x-amz-te',
  'x-amz-trailer',
  'x-amz-user-agent',
])

/** What S3 lets a signed reader replace in an answer ("GetObject", response header overrides). */
const OVERRIDES: Readonly<Record<string, string>> = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'content-type',
  'response-expires': 'expires',
}

/** Ids are opaque; S3 documents 1,024 bytes as their limit ("How S3 Versioning works"). */
const VERSION_ID = /^[\x21-\x7e]{1,1024}$/

/** Whether the cache may answer a GetObject or HeadObject. Range and conditions are another matter. */
export function requestCacheability(request: {
  readonly headers: HeaderList
  readonly query: Query
  /** False for an anonymous request. */
  readonly signed: boolean
}): 'cacheable' | { readonly reason: UncacheableRequest } {
  const reason = reasonInHeaders(request.headers) ?? reasonInQuery(request.query, request.signed)
  return reason === undefined ? 'cacheable' : { reason }
}

function reasonInHeaders(headers: HeaderList): UncacheableRequest | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name === 'origin') return 'cors'
    if (!name.startsWith('x-')) continue
    const reason = reasonOfField(name)
    if (reason !== undefined) return reason
  }
  return undefined
}

function reasonOfField(name: string): UncacheableRequest | undefined {
  if (name === 'x-amz-request-payer') return 'request-payer'
  if (name === 'x-amz-expected-bucket-owner') return 'expected-bucket-owner'
  if (name.startsWith(SSE_C) || name.startsWith('x-goog-encryption-')) return 'sse-c'
  const vendor = name.startsWith('x-amz-') || name.startsWith('x-goog-') || name.startsWith('x-minio-') || name.startsWith('x-rgw-')
  return vendor && !HARMLESS_FIELDS.has(name) ? 'unknown-field' : undefined
}

function reasonInQuery(query: Query, signed: boolean): UncacheableRequest | undefined {
  let overrides: Set<string> | undefined
  for (const { name, value } of query) {
    if (name === 'partNumber') return 'part-number'
    if (name === 'versionId' && !VERSION_ID.test(value)) return 'version-id'
    const lower = name.toLowerCase()
    if (lower === 'x-amz-request-payer') return 'request-payer'
    if (lower === 'x-amz-expected-bucket-owner') return 'expected-bucket-owner'
    if (OVERRIDES[name] === undefined) continue
    if (!signed || overrides?.has(name) === true) return 'response-override'
    overrides ??= new Set()
    overrides.add(name)
  }
  return undefined
}

/**
 * The fields that a signed request wants replaced in its answer, by their names there; empty for most requests. Throws Refusal
 * InvalidArgument for values that cannot stand in a field.
 */
export function responseOverrides(query: Query): string[] {
  const fields: string[] = []
  for (const { name, value } of query) {
    const field = OVERRIDES[name]
    if (field === undefined) continue
    // oxlint-disable-next-line no-control-regex -- a line break in a value would begin a field of the client's own making
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) {
      throw new Refusal('InvalidArgument', {
        message: 'Header value cannot be represented using ISO-8859-1.',
        fields: { ArgumentName: name, ArgumentValue: value },
      })
    }
    fields.push(field, value)
  }
  return fields
}

/** Why an object is not kept. */
export type UnstorableResponse =
  | 'status'
  | 'no-strong-etag'
  | 'no-length'
  | 'aws-chunked'
  | 'sse-c'
  | 'requester-pays'
  | 'multipart-ranges'
  /** Another version than was asked for. */
  | 'other-version'

export type Storability =
  | { readonly storable: true; readonly etag: string; readonly sizeBytes: number }
  | { readonly storable: false; readonly reason: UnstorableResponse }

/** A quoted ETag without `W/`; what stands inside the quotes is the origin's business. */
const STRONG_ETAG = /^"[^"]*"$/

/**
 * Whether an origin's answer to GET or HEAD (200, or 206 to a range) tells enough to keep the object: a strong ETag, which names the
 * version, and its whole size. SSE-C objects and those that somebody is charged for are never kept.
 */
export function storableResponse(status: number, headers: HeaderList): Storability {
  if (status !== 200 && status !== 206) return no('status')
  const etags = headerValues(headers, 'etag')
  const etag = etags[0]
  if (etags.length !== 1 || etag === undefined || !STRONG_ETAG.test(etag)) return no('no-strong-etag')
  if (hasAwsChunked(headerValues(headers, 'content-encoding').join(','))) return no('aws-chunked')
  if (headers.some((text, i) => i % 2 === 0 && text.startsWith(SSE_C))) return no('sse-c')
  if (headerValue(headers, 'x-amz-request-charged') !== undefined) return no('requester-pays')
  const contentType = headerValue(headers, 'content-type')?.toLowerCase()
  if (status === 206 && contentType?.startsWith('multipart/byteranges') === true) return no('multipart-ranges')
  const sizeBytes = status === 200 ? contentLength(headers) : sizeOf(headers)
  return sizeBytes === undefined ? no('no-length') : { storable: true, etag, sizeBytes }
}

function no(reason: UnstorableResponse): Storability {
  return { storable: false, reason }
}

function sizeOf(headers: HeaderList): number | undefined {
  const ranges = headerValues(headers, 'content-range')
  const parsed = ranges.length === 1 ? parseContentRange(ranges[0] ?? '') : undefined
  return parsed?.range === undefined ? undefined : parsed.sizeBytes
}
