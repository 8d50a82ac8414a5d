import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as sdk from '@aws-sdk/client-s3'
import { classifyOperation, OPERATIONS, operationInfo, type Operation } from './operation.ts'
import { parseQuery } from './query.ts'

interface Shape {
  readonly level?: 'service' | 'bucket' | 'object'
  readonly headers?: readonly string[]
}

function classify(method: string, rawQuery = '', shape: Shape = {}): Operation {
  const { level = 'object', headers = [] } = shape
  return classifyOperation({
    method,
    bucket: level === 'service' ? undefined : 'b',
    rawKey: level === 'object' ? 'k' : undefined,
    query: parseQuery(rawQuery),
    headers,
  })
}

const PRESIGN =
  'X-Amz-Algorithm=A&X-Amz-Content-Sha256=U&X-Amz-Credential=C&X-Amz-Date=D&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Security-Token=t'

/** An operation in the AWS SDK's own model: name, HTTP binding and the query parameters of its members. */
interface Modelled {
  readonly name: string
  readonly method: string
  readonly uri: string
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

type Schema = readonly unknown[]

function resolve(schema: unknown): Schema {
  return (typeof schema === 'function' ? (schema as () => unknown)() : schema) as Schema
}

const OPERATION_SCHEMA = 9

function modelledOperations(): Modelled[] {
  const found: Modelled[] = []
  for (const schema of Object.values<unknown>(sdk)) {
    if (!Array.isArray(schema) || schema[0] !== OPERATION_SCHEMA) continue
    const [, , name, traits, inputSchema] = schema as [number, string, string, { http: [string, string] }, unknown]
    const input = resolve(inputSchema)
    const members = (input[4] ?? []) as readonly string[]
    const types = (input[5] ?? []) as readonly unknown[]
    const parameters = members.map((_, i) => {
      const type = types[i]
      return Array.isArray(type) ? (type[1] as { httpQuery?: string }).httpQuery : undefined
    })
    const requiredCount = (input[6] ?? 0) as number
    const named = (from: number, to: number): string[] => parameters.slice(from, to).filter((parameter) => parameter !== undefined)
    found.push({
      name,
      method: traits.http[0],
      uri: traits.http[1],
      required: named(0, requiredCount),
      optional: named(requiredCount, Infinity),
    })
  }
  return found
}

/** Headers without which the SDK's operation is another one. */
const TELLING_HEADERS: Readonly<Record<string, readonly string[]>> = {
  CopyObject: ['x-amz-copy-source', 'b/k'],
  UploadPartCopy: ['x-amz-copy-source', 'b/k'],
}

function classifyModelled(operation: Modelled, parameters: readonly string[]): Operation {
  const [path = '', fixed = ''] = operation.uri.split('?', 2)
  const service = operation.name === 'ListBuckets' || operation.name === 'ListDirectoryBuckets'
  const rawQuery = [fixed, ...parameters.map((parameter) => `${parameter}=1`)].filter((piece) => piece !== '').join('&')
  const headers = TELLING_HEADERS[operation.name] ?? []
  return classify(operation.method, rawQuery, { level: service ? 'service' : path === '/' ? 'bucket' : 'object', headers })
}

test('classifyOperation() agrees with the AWS SDK on every operation that it has', () => {
  const operations = modelledOperations().filter(({ name }) => name !== 'WriteGetObjectResponse')
  assert.ok(operations.length > 100, String(operations.length))
  for (const operation of operations) {
    assert.equal(classifyModelled(operation, operation.required), operation.name)
    for (const parameter of operation.optional) {
      assert.equal(classifyModelled(operation, [...operation.required, parameter]), operation.name, parameter)
    }
    assert.equal(classifyModelled(operation, [...operation.required, ...operation.optional]), operation.name)
  }
})

test('OPERATIONS has the SDK operations and a few of its own', () => {
  const own = ['PostObject', 'Preflight', 'UnknownObjectRead', 'UnknownObjectWrite', 'UnknownBucketRead', 'UnknownBucketWrite']
  own.push('UnknownServiceRead', 'UnknownServiceWrite')
  assert.deepEqual(Object.keys(OPERATIONS).sort(), [...modelledOperations().map(({ name }) => name), ...own].sort())
})

test('every write to a key has an effect on that key, and no read has any', () => {
  for (const [name, { level, action, effect }] of Object.entries(OPERATIONS)) {
    if (action === 'read' || action === 'list') assert.equal(effect, 'none', name)
    else if (level === 'object') assert.notEqual(effect, 'none', name)
    if (action === 'delete') assert.notEqual(effect, 'none', name)
    if (/^(Get|Head|List)/.test(name)) assert.equal(effect, 'none', name)
  }
  assert.equal(operationInfo('DeleteObjects').effect, 'keys-in-body')
  assert.equal(operationInfo('RenameObject').effect, 'object-and-source')
  assert.equal(operationInfo('PutObjectTagging').effect, 'metadata')
  assert.equal(operationInfo('DeleteBucket').effect, 'bucket')
})

test('classifyOperation() takes a GET or HEAD for an object only where every parameter is known to be harmless', () => {
  const harmless = ['', 'x-id=GetObject', 'versionId=1', 'partNumber=1', 'response-content-type=x&response-expires=y', PRESIGN]
  harmless.push('AWSAccessKeyId=A&Expires=1&Signature=x', 'x-amz-checksum-mode=ENABLED&x-amz-request-payer=requester', 'X-AMZ-SIGNATURE=1')
  for (const query of harmless) {
    assert.equal(classify('GET', query), 'GetObject', query)
    assert.equal(classify('HEAD', query), 'HeadObject', query)
  }
  const unknown = ['foo', 'foo=1', 'versionid=1', 'VersionId=1', '=', 'acl2', 'expires=1', 'x-amz-server-side-encryption-customer-key=k']
  unknown.push(
    'versionId=1&versionId=2',
    'acl&tagging',
    'acl&foo',
    'x-amz-copy-source=b%2Fk',
    'versioning',
    'list-type=2',
    'lambdaArn=x',
    'response-x=1',
  )
  for (const query of unknown) {
    assert.equal(classify('GET', query), 'UnknownObjectRead', query)
    assert.equal(classify('HEAD', query), 'UnknownObjectRead', query)
  }
  assert.equal(classify('HEAD', 'acl'), 'UnknownObjectRead')
  assert.equal(classify('GET', 'a%63l'), 'GetObjectAcl')
})

test('classifyOperation() takes no write for a harmless one', () => {
  assert.equal(classify('PUT'), 'PutObject')
  assert.equal(classify('PUT', `${PRESIGN}&x-amz-acl=private&x-amz-meta-a=1`), 'PutObject')
  assert.equal(classify('PUT', '', { headers: ['x-amz-copy-source', ''] }), 'CopyObject')
  assert.equal(classify('PUT', 'partNumber=1&uploadId=u', { headers: ['x-amz-copy-source', '/b/k'] }), 'UploadPartCopy')
  const unknown = ['partNumber=1', 'uploadId=u', 'partNumber=&uploadId=u', 'partNumber=1&uploadId=', 'partNumber=1&uploadId=u&uploadId=v']
  unknown.push(
    'versionId=1',
    'append&position=0',
    'uploads',
    'delete',
    'x-amz-copy-source=b%2Fsecret',
    'X-Amz-Rename-Source=b',
    'tagging&foo',
  )
  for (const query of unknown) assert.equal(classify('PUT', query), 'UnknownObjectWrite', query)
  for (const query of ['', 'select', 'select&select-type=1', 'uploadId=', 'delete', 'foo']) {
    assert.equal(classify('POST', query), 'UnknownObjectWrite', query)
  }
  for (const method of ['PATCH', 'PROPFIND', 'TRACE', 'get', 'MOVE', '']) assert.equal(classify(method), 'UnknownObjectWrite', method)
  assert.equal(classify('DELETE', 'uploadId='), 'UnknownObjectWrite')
  assert.equal(classify('DELETE', 'acl'), 'UnknownObjectWrite')
})

test('classifyOperation() tells the operations of a bucket apart', () => {
  const table: [method: string, query: string, operation: Operation][] = [
    ['GET', '', 'ListObjects'],
    ['GET', 'prefix=a&delimiter=/&marker=m&max-keys=5&encoding-type=url', 'ListObjects'],
    ['GET', 'list-type=2&prefix=a&fetch-owner=true', 'ListObjectsV2'],
    ['GET', 'list-type=3', 'UnknownBucketRead'],
    ['GET', 'list-type=2&marker=m', 'UnknownBucketRead'],
    ['GET', 'prefix=a&prefix=b', 'UnknownBucketRead'],
    ['GET', 'metadata=true', 'UnknownBucketRead'],
    ['GET', 'location=', 'GetBucketLocation'],
    ['GET', 'object-lock=', 'GetObjectLockConfiguration'],
    ['GET', 'inventory', 'ListBucketInventoryConfigurations'],
    ['GET', 'inventory&id=1', 'GetBucketInventoryConfiguration'],
    ['HEAD', '', 'HeadBucket'],
    ['HEAD', 'location', 'UnknownBucketRead'],
    ['PUT', '', 'CreateBucket'],
    ['PUT', 'foo', 'UnknownBucketWrite'],
    ['DELETE', '', 'DeleteBucket'],
    ['DELETE', 'force', 'UnknownBucketWrite'],
    ['POST', 'delete=', 'DeleteObjects'],
    ['POST', 'delete', 'DeleteObjects'],
    ['POST', '', 'UnknownBucketWrite'],
  ]
  for (const [method, query, operation] of table)
    assert.equal(classify(method, query, { level: 'bucket' }), operation, `${method} ?${query}`)
  const form = { level: 'bucket', headers: ['content-type', 'Multipart/Form-Data; boundary=x'] } as const
  assert.equal(classify('POST', '', form), 'PostObject')
  assert.equal(classify('POST', 'foo', form), 'UnknownBucketWrite')
  assert.equal(classify('PUT', '', form), 'CreateBucket')
})

test('classifyOperation() tells the operations of the service apart', () => {
  const service = { level: 'service' } as const
  assert.equal(classify('GET', '', service), 'ListBuckets')
  assert.equal(classify('GET', 'max-buckets=5&continuation-token=t&prefix=p&bucket-region=r', service), 'ListBuckets')
  assert.equal(classify('GET', 'x-id=ListDirectoryBuckets', service), 'ListDirectoryBuckets')
  assert.equal(classify('GET', 'Action=ListUsers', service), 'UnknownServiceRead')
  assert.equal(classify('HEAD', '', service), 'UnknownServiceRead')
  assert.equal(classify('POST', '', service), 'UnknownServiceWrite')
})

test('classifyOperation() knows preflights and Object Lambda answers', () => {
  for (const level of ['service', 'bucket', 'object'] as const) assert.equal(classify('OPTIONS', 'acl', { level }), 'Preflight')
  const lambda = { method: 'POST', bucket: 'WriteGetObjectResponse', rawKey: undefined, query: [] }
  assert.equal(classifyOperation({ ...lambda, headers: ['x-amz-request-route', 'r'] }), 'WriteGetObjectResponse')
  assert.equal(classifyOperation({ ...lambda, headers: [] }), 'UnknownBucketWrite')
})

test('classifyOperation() gives up on queries of any length', () => {
  const many = Array.from({ length: 5000 }, (_, i) => `p${i}=1`).join('&')
  assert.equal(classify('GET', many), 'UnknownObjectRead')
  assert.equal(classify('PUT', many), 'UnknownObjectWrite')
})
