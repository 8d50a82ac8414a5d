import type { Outcome } from './vocabulary.ts'

/** Kinds of requests, for the label `operation`: few enough to be multiplied with outcomes. */
export const OPERATION_CLASSES = {
  'get-object': 'GetObject',
  'head-object': 'HeadObject',
  list: 'lists of buckets, objects, versions',
  'put-object': 'a whole object written, copied, renamed or restored',
  multipart: 'every step of a multipart upload',
  delete: 'one object or many deleted',
  other: 'everything else, and what was refused before it could be told',
} as const

export type OperationClass = keyof typeof OPERATION_CLASSES

export const OPERATION_CLASS_NAMES = Object.keys(OPERATION_CLASSES) as readonly OperationClass[]

const CLASS_OF: Readonly<Record<string, OperationClass>> = {
  GetObject: 'get-object',
  HeadObject: 'head-object',
  ListBuckets: 'list',
  ListDirectoryBuckets: 'list',
  ListObjects: 'list',
  ListObjectVersions: 'list',
  PutObject: 'put-object',
  PostObject: 'put-object',
  CopyObject: 'put-object',
  RenameObject: 'put-object',
  RestoreObject: 'put-object',
  CreateMultipartUpload: 'multipart',
  UploadPart: 'multipart',
  UploadPartCopy: 'multipart',
  CompleteMultipartUpload: 'multipart',
  AbortMultipartUpload: 'multipart',
  ListParts: 'multipart',
  ListMultipartUploads: 'multipart',
  DeleteObject: 'delete',
  DeleteObjects: 'delete',
}

const OPERATIONS_BY_NAME = new Map(Object.entries(CLASS_OF))

/** The class of an S3 operation under its name in the S3 API reference. */
export function operationClass(operation: string): OperationClass {
  return OPERATIONS_BY_NAME.get(operation) ?? 'other'
}

/** `none`: the connection ended before a status could be sent. */
export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'none'] as const

export type StatusClass = (typeof STATUS_CLASSES)[number]

/** The label `status` for a status code; 0 is none. */
export function statusClass(status: number): StatusClass {
  if (status >= 200 && status < 300) return '2xx'
  if (status >= 300 && status < 400) return '3xx'
  if (status >= 400 && status < 500) return '4xx'
  return status >= 500 && status < 600 ? '5xx' : 'none'
}

/** Where the bytes of response bodies came from. `generated`: error documents that hotbucket wrote itself. */
export const BYTE_SOURCES = ['memory', 'disk', 'coalesced', 'origin', 'generated'] as const

/** `hit`: answered without a request to the origin for this read. `miss`: the origin was asked. */
export const READ_RESULTS = ['hit', 'miss'] as const

/** The same by bucket, and `other` for everything that is not an answered object read. */
export const BUCKET_RESULTS = [...READ_RESULTS, 'other'] as const

/** Why an origin gave no answer, or half an answer. `other`: an error of another kind. */
export const ORIGIN_FAILURES = ['unreachable', 'timeout', 'reset', 'aborted', 'credentials', 'body', 'protocol', 'other'] as const

export type OriginFailureLabel = (typeof ORIGIN_FAILURES)[number]

/** What the HTTP engine refuses before there is a request. */
export const HTTP_REFUSALS = [
  'bad-request-line',
  'unknown-method',
  'bad-target',
  'target-too-long',
  'unsupported-version',
  'bad-line-ending',
  'folded-field',
  'bad-field-name',
  'bad-field-value',
  'head-too-long',
  'too-many-fields',
  'missing-host',
  'bad-host',
  'bad-content-length',
  'bad-transfer-encoding',
  'conflicting-framing',
  'bad-chunk',
  'bad-trailer',
  'head-timeout',
  'slow-request-body',
  'slow-reader',
  'stalled-reader',
  'connection-limit',
  'tls-handshake',
] as const

/** What keeps the disk cache, or a part of it, from doing everything. `none`: nothing does. */
export const DISK_TROUBLES = [
  'none',
  'slow',
  'no-space',
  'write-errors',
  'read-only-file-system',
  'read-errors',
  'vanished',
  'closed',
  'unusable',
] as const

export type DiskTroubleLabel = (typeof DISK_TROUBLES)[number]

/** What became of records that were offered to the disk cache. */
export const DISK_PUT_RESULTS = ['stored', 'present', 'not-admitted', 'too-large', 'busy', 'no-room', 'not-latin1', 'unavailable'] as const

export const GC_KINDS = ['minor', 'major', 'incremental', 'weak-callbacks', 'other'] as const

export type GcKind = (typeof GC_KINDS)[number]

export const GUEST_CPU_MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq'] as const

/** Status classes that belong to an outcome; a series outside is exposed only once it has happened. */
const USUAL_STATUSES: Readonly<Record<Outcome, readonly StatusClass[]>> = {
  memory: ['2xx'],
  disk: ['2xx'],
  coalesced: ['2xx', '4xx'],
  miss: ['2xx', '4xx'],
  revalidated: ['2xx'],
  stale: ['2xx'],
  'not-modified': ['3xx'],
  pass: ['2xx', '4xx', '5xx'],
  write: ['2xx', '4xx', '5xx'],
  refused: ['4xx', '5xx'],
  failed: ['5xx'],
  'client-gone': ['none'],
}

/** Outcomes that only reads of objects have. */
const READ_OUTCOMES: ReadonlySet<string> = new Set<Outcome>(['memory', 'disk', 'coalesced', 'miss', 'revalidated', 'stale', 'not-modified'])

const WRITES: ReadonlySet<string> = new Set<OperationClass>(['put-object', 'multipart', 'delete', 'other'])

/** Whether a combination can be expected, and so is exposed as 0 before it first happens. */
export function isExpectedRequest(labels: Readonly<Record<string, string>>): boolean {
  const { operation = '', outcome = '', status = '' } = labels as Readonly<Record<'operation' | 'outcome' | 'status', string | undefined>>
  const read = operation === 'get-object' || operation === 'head-object'
  if (READ_OUTCOMES.has(outcome) && !read) return false
  if (outcome === 'write' && !WRITES.has(operation)) return false
  return USUAL_STATUSES[outcome as Outcome].some((usual) => usual === status)
}
