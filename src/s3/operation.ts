import { headerValue, type HeaderList } from '../base/header-list.ts'
import { OPERATIONS, type Operation, type OperationInfo } from './operation-table.ts'
import { PRESIGN_PARAMETERS, queryValue, SIGV2_PARAMETERS, type Query } from './query.ts'

export { OPERATIONS, operationInfo, type Operation, type OperationAction, type OperationInfo } from './operation-table.ts'

type Level = OperationInfo['level']

/** The last word of an `Unknown…` operation. */
type Unknown = Extract<Operation, `Unknown${string}`>

const NAMES = Object.keys(OPERATIONS) as readonly Operation[]

/** Operation by `level method sub-resource`, the sub-resource empty where there is none. */
const BY_ROUTE: ReadonlyMap<string, Operation> = new Map(
  NAMES.flatMap((name): [string, Operation][] => {
    const info: OperationInfo = OPERATIONS[name]
    if (info.route === undefined) return []
    const [method = '', subResource = ''] = info.route.split(' ')
    return [[routeKey(info.level, method, subResource), name]]
  }),
)

/** The parameters that choose an operation, at any level. */
const SUB_RESOURCES: ReadonlySet<string> = new Set([...BY_ROUTE.keys()].map((key) => key.split(' ')[2] ?? '').filter((name) => name !== ''))

/** Settings that exist many times: with this parameter one is meant, without it the list. */
const LISTED: Partial<Record<Operation, { readonly one: string; readonly all: Operation }>> = {
  GetBucketAnalyticsConfiguration: { one: 'id', all: 'ListBucketAnalyticsConfigurations' },
  GetBucketIntelligentTieringConfiguration: { one: 'id', all: 'ListBucketIntelligentTieringConfigurations' },
  GetBucketInventoryConfiguration: { one: 'id', all: 'ListBucketInventoryConfigurations' },
  GetBucketMetricsConfiguration: { one: 'id', all: 'ListBucketMetricsConfigurations' },
  GetObjectAnnotation: { one: 'annotationName', all: 'ListObjectAnnotations' },
}

/** `x-amz-*` parameters with which a presigned read is still an ordinary read. */
const READ_FIELDS_IN_QUERY: ReadonlySet<string> = new Set([
  ...PRESIGN_PARAMETERS,
  'x-amz-checksum-mode',
  'x-amz-expected-bucket-owner',
  'x-amz-request-payer',
  'x-amz-user-agent',
])

/** Fields that turn a write into another one; in a presigned query they would hide from whoever checks the source. */
const SOURCE_FIELDS = ['x-amz-copy-source', 'x-amz-rename-source']

/**
 * Names the operation that a request asks for. Fails safe: a method, parameter or combination that is not known to mean exactly one
 * operation is `Unknown…`, never a cacheable read and never a harmless write.
 */
export function classifyOperation(request: {
  readonly method: string
  readonly bucket: string | undefined
  readonly rawKey: string | undefined
  readonly query: Query
  readonly headers: HeaderList
}): Operation {
  const { method, query } = request
  if (query.length === 0 && request.rawKey !== undefined && method === 'GET') return 'GetObject'
  const level: Level = request.bucket === undefined ? 'service' : request.rawKey === undefined ? 'bucket' : 'object'
  if (method === 'OPTIONS') return 'Preflight'
  if (isObjectLambdaAnswer(request)) return 'WriteGetObjectResponse'
  const names = significantNames(query, method)
  if (names === undefined) return unknown(level, method)

  const subResources = names.filter((name) => SUB_RESOURCES.has(name))
  if (subResources.length > 1) return unknown(level, method)
  const subResource = subResources[0] ?? ''
  const operation = BY_ROUTE.get(routeKey(level, method, subResource))
  if (operation === undefined) return isFormPost(request, level, names) ? 'PostObject' : unknown(level, method)

  const info: OperationInfo = OPERATIONS[operation]
  const allowed = names.every((name) => name === subResource || info.also?.includes(name) === true)
  return (allowed ? refine(operation, request) : undefined) ?? unknown(level, method)
}

/** Operations that share a route and differ in a header or a value; undefined where what they need is missing. */
function refine(operation: Operation, request: ShapedRequest): Operation | undefined {
  const listed = LISTED[operation]
  if (listed !== undefined) return queryValue(request.query, listed.one) === undefined ? listed.all : operation
  const refinement = REFINEMENTS[operation]
  return refinement === undefined ? operation : refinement(request)
}

interface ShapedRequest {
  readonly query: Query
  readonly headers: HeaderList
}

const REFINEMENTS: Partial<Record<Operation, (request: ShapedRequest) => Operation | undefined>> = {
  PutObject: ({ headers }) => (isCopy(headers) ? 'CopyObject' : 'PutObject'),
  UploadPart: ({ query, headers }) => {
    if (!queryValue(query, 'partNumber') || !queryValue(query, 'uploadId')) return undefined
    return isCopy(headers) ? 'UploadPartCopy' : 'UploadPart'
  },
  CompleteMultipartUpload: ({ query }) => (queryValue(query, 'uploadId') ? 'CompleteMultipartUpload' : undefined),
  AbortMultipartUpload: ({ query }) => (queryValue(query, 'uploadId') ? 'AbortMultipartUpload' : undefined),
  ListParts: ({ query }) => (queryValue(query, 'uploadId') ? 'ListParts' : undefined),
  ListObjectsV2: ({ query }) => (queryValue(query, 'list-type') === '2' ? 'ListObjectsV2' : undefined),
  SelectObjectContent: ({ query }) => (queryValue(query, 'select-type') === '2' ? 'SelectObjectContent' : undefined),
  ListBuckets: ({ query }) => (queryValue(query, 'x-id') === 'ListDirectoryBuckets' ? 'ListDirectoryBuckets' : 'ListBuckets'),
}

/** Parameter names without those that only authenticate or label; undefined where one is empty, occurs twice or must not be in a query. */
function significantNames(query: Query, method: string): string[] | undefined {
  const names: string[] = []
  for (const { name } of query) {
    if (name === 'x-id' || SIGV2_PARAMETERS.has(name)) continue
    const lower = name.toLowerCase()
    if (lower.startsWith('x-amz-')) {
      if (!isHarmlessField(lower, method)) return undefined
      continue
    }
    if (name === '' || names.includes(name)) return undefined
    names.push(name)
    if (names.length > MAX_SIGNIFICANT_NAMES) return undefined
  }
  return names
}

/** More than any operation has. */
const MAX_SIGNIFICANT_NAMES = 16

function isHarmlessField(lowerName: string, method: string): boolean {
  if (method === 'GET' || method === 'HEAD') return READ_FIELDS_IN_QUERY.has(lowerName)
  return !SOURCE_FIELDS.some((field) => lowerName.startsWith(field))
}

function isCopy(headers: HeaderList): boolean {
  return headerValue(headers, 'x-amz-copy-source') !== undefined
}

/** A browser's form upload (POST Object): to the bucket, everything that counts in the body. */
function isFormPost(request: { readonly method: string; readonly headers: HeaderList }, level: Level, names: readonly string[]): boolean {
  if (request.method !== 'POST' || level !== 'bucket' || names.length > 0) return false
  return headerValue(request.headers, 'content-type')?.toLowerCase().startsWith('multipart/form-data') === true
}

/** S3 Object Lambda sends its answer to a path that would otherwise be a bucket's. */
function isObjectLambdaAnswer(request: {
  readonly method: string
  readonly bucket: string | undefined
  readonly rawKey: string | undefined
  readonly headers: HeaderList
}): boolean {
  if (request.method !== 'POST' || request.bucket !== 'WriteGetObjectResponse' || request.rawKey !== undefined) return false
  return headerValue(request.headers, 'x-amz-request-route') !== undefined
}

function unknown(level: Level, method: string): Unknown {
  const read = method === 'GET' || method === 'HEAD'
  switch (level) {
    case 'object':
      return read ? 'UnknownObjectRead' : 'UnknownObjectWrite'
    case 'bucket':
      return read ? 'UnknownBucketRead' : 'UnknownBucketWrite'
    case 'service':
      return read ? 'UnknownServiceRead' : 'UnknownServiceWrite'
  }
}

function routeKey(level: string, method: string, subResource: string): string {
  return `${level} ${method} ${subResource}`
}
