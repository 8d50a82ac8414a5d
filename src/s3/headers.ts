import { headerValue, headerValues, withoutHeaders, type HeaderList } from '../base/header-list.ts'
import { queryValuesAnyCase, type Query } from './query.ts'

/**
 * What becomes of a field on its way through. `connection`: it ends here in both directions (RFC 9110 section 7.6.1, and framing,
 * which the engine writes itself). `request`: not sent to the origin. `response`: sent on with a forwarded answer but not kept with a
 * stored object, because it is about one answer and not about the object. Fields that are not listed are end to end and are kept.
 */
const FIELDS: Readonly<Record<string, readonly ('connection' | 'request' | 'response')[]>> = {
  connection: ['connection'],
  'keep-alive': ['connection'],
  'proxy-authenticate': ['connection'],
  'proxy-authorization': ['connection'],
  'proxy-connection': ['connection'],
  te: ['connection'],
  trailer: ['connection'],
  'transfer-encoding': ['connection'],
  upgrade: ['connection'],
  'content-length': ['connection'],
  'http2-settings': ['connection'],

  // The client's signature and what it covers; the origin's own is made afresh.
  authorization: ['request'],
  date: ['request', 'response'],
  host: ['request'],
  'x-amz-content-sha256': ['request'],
  'x-amz-date': ['request'],
  'x-amz-security-token': ['request'],
  // Bodies go to origins with their aws-chunked framing removed.
  'x-amz-decoded-content-length': ['request'],
  'x-amz-trailer': ['request', 'response'],
  // The engine has answered it.
  expect: ['request'],

  'accept-ranges': ['response'],
  age: ['response'],
  'alt-svc': ['response'],
  'cache-status': ['response'],
  'cf-cache-status': ['response'],
  'cf-ray': ['response'],
  'content-range': ['response'],
  nel: ['response'],
  'report-to': ['response'],
  server: ['response'],
  'server-timing': ['response'],
  'set-cookie': ['response'],
  'set-cookie2': ['response'],
  'strict-transport-security': ['response'],
  vary: ['response'],
  via: ['response'],
  'www-authenticate': ['response'],
  'x-amz-cf-id': ['response'],
  'x-amz-cf-pop': ['response'],
  'x-amz-delete-marker': ['response'],
  'x-amz-id-2': ['response'],
  'x-amz-request-charged': ['response'],
  'x-amz-request-id': ['response'],
  'x-amzn-requestid': ['response'],
  'x-cache': ['response'],
  'x-guploader-uploadid': ['response'],
}

const CHECKSUM_PREFIX = 'x-amz-checksum-'
/** Ceph's name for algorithms that S3 has none for. */
const CEPH_CHECKSUM_PREFIX = 'x-rgw-checksum-'
const AWS_CHUNKED = 'aws-chunked'

function fieldsThat(handling: 'connection' | 'request' | 'response'): ReadonlySet<string> {
  return new Set(Object.keys(FIELDS).filter((name) => FIELDS[name]?.includes(handling)))
}

const CONNECTION_FIELDS = fieldsThat('connection')
const REQUEST_FIELDS = fieldsThat('request')
const RESPONSE_FIELDS = fieldsThat('response')

/** Fields about one connection or its framing: never forwarded, never stored. Names are lower case. */
export function isHopByHop(name: string): boolean {
  return CONNECTION_FIELDS.has(name)
}

/** `x-amz-checksum-<algorithm>` and `x-amz-checksum-type`. */
export function isChecksumField(name: string): boolean {
  return name.startsWith(CHECKSUM_PREFIX) || name.startsWith(CEPH_CHECKSUM_PREFIX)
}

/** The fields of a client's request that go to an origin. `aws-chunked` is taken out of Content-Encoding: bodies go up decoded. */
export function forwardedRequestFields(headers: HeaderList): string[] {
  const named = namedByConnection(headers)
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (CONNECTION_FIELDS.has(name) || REQUEST_FIELDS.has(name) || named.has(name)) continue
    const sent = name === 'content-encoding' ? withoutAwsChunked(value) : value
    if (sent !== undefined) kept.push(name, sent)
  }
  return kept
}

/**
 * The fields of a client's request that go to an origin with its own signature: all that are end to end, as they came, Host among them.
 * No client signs `expect`, which the engine has answered.
 */
export function untouchedRequestFields(headers: HeaderList): string[] {
  const named = namedByConnection(headers)
  return withoutHeaders(headers, (name) => CONNECTION_FIELDS.has(name) || named.has(name) || name === 'expect')
}

/** The fields of an origin's answer that go to the client with it. Date is left out: the engine writes it. */
export function forwardedResponseFields(headers: HeaderList): string[] {
  const named = namedByConnection(headers)
  return withoutHeaders(headers, (name) => CONNECTION_FIELDS.has(name) || name === 'date' || named.has(name))
}

/**
 * The fields that are kept with an object, checksums among them; Content-Length is not: the size is kept as a number. Fields of CORS are kept:
 * only answers to requests without Origin are, and what those say of it an origin says to everybody.
 */
export function storedFields(headers: HeaderList): string[] {
  const named = namedByConnection(headers)
  return withoutHeaders(headers, (name) => CONNECTION_FIELDS.has(name) || RESPONSE_FIELDS.has(name) || named.has(name))
}

/**
 * Without the checksums. SDKs check any checksum they find against the bytes they get, so a 206 must never carry that of the
 * whole object.
 */
export function withoutChecksums(headers: HeaderList): string[] {
  return withoutHeaders(headers, isChecksumField)
}

/**
 * Without checksums of which it is not said what they cover: of an object that was uploaded in parts it may be the bytes, or the checksums
 * of the parts, and an SDK that takes the one for the other calls the body wrong.
 */
export function withoutUntoldChecksums(headers: HeaderList): HeaderList {
  const inParts = /-\d+"$/.test(headerValue(headers, 'etag') ?? '')
  return inParts && headerValue(headers, 'x-amz-checksum-type') === undefined ? withoutChecksums(headers) : headers
}

/** Without range and conditions: what is left of a request that asks for the object itself. */
export function withoutRangeAndConditions(headers: HeaderList): string[] {
  return withoutHeaders(headers, (name) => name === 'range' || name.startsWith('if-'))
}

/** Whether the client asked for checksums, by header or, in a presigned URL, by query. SDKs differ in the case of the value. */
export function wantsChecksums(headers: HeaderList, query: Query): boolean {
  const mode = headerValue(headers, 'x-amz-checksum-mode') ?? queryValuesAnyCase(query, 'x-amz-checksum-mode')[0]
  return mode?.toLowerCase() === 'enabled'
}

/** A Content-Encoding without `aws-chunked`, which is about the transfer and not about the object; undefined where nothing is left. */
export function withoutAwsChunked(contentEncoding: string): string | undefined {
  if (!hasAwsChunked(contentEncoding)) return contentEncoding
  const kept = contentEncoding.split(',').filter((coding) => coding.trim().toLowerCase() !== AWS_CHUNKED)
  const rest = kept.map((coding) => coding.trim()).filter((coding) => coding !== '')
  return rest.length === 0 ? undefined : rest.join(',')
}

/** Whether a Content-Encoding lists `aws-chunked`. */
export function hasAwsChunked(contentEncoding: string): boolean {
  return contentEncoding.toLowerCase().includes(AWS_CHUNKED)
}

/** The Content-Length of an answer in bytes; undefined where it names none, several, or nothing that is a length. */
export function contentLength(headers: HeaderList): number | undefined {
  const lengths = headerValues(headers, 'content-length')
  const length = lengths[0]
  return lengths.length === 1 && length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

const NONE: ReadonlySet<string> = new Set()

/** Fields that the sender's Connection field declares hop-by-hop. */
function namedByConnection(headers: HeaderList): ReadonlySet<string> {
  const connection = headerValues(headers, 'connection')
  if (connection.length === 0) return NONE
  const names = connection.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase())
  return new Set(names)
}
