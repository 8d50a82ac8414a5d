import type { HeaderList } from '../base/header-list.ts'
import type { RequestHead } from '../http/exchange.ts'
import { parseAddress, splitTarget } from '../s3/address.ts'
import { classifyOperation, type Operation } from '../s3/operation.ts'
import { parseQuery, type Query } from '../s3/query.ts'

/** A request in S3's terms. Raw parts are byte for byte as sent (latin1); `key` is percent-decoded. */
export interface S3Request {
  readonly method: string
  readonly headers: HeaderList
  readonly host: string
  readonly rawPath: string
  readonly rawQuery: string
  readonly query: Query
  readonly bucket: string | undefined
  readonly key: string | undefined
  readonly rawKey: string | undefined
  readonly operation: Operation
  /** Nothing in fields or query changes what a read answers: no range, condition, wish, override, version. */
  readonly plain: boolean
}

/** Fields of a request that leave the answer to a GetObject or HeadObject alone, those that clients send with every request. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'authorization',
  'connection',
  'host',
  'user-agent',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-user-agent',
])

function isPlain(headers: HeaderList, rawQuery: string): boolean {
  if (rawQuery !== '') return false
  for (let i = 0; i < headers.length; i += 2) if (!PLAIN_FIELDS.has(headers[i] ?? '')) return false
  return true
}

/** Reads a request head as S3 does. Throws a Refusal where it is no S3 request. */
export function parseS3Request(head: RequestHead, domains: readonly string[]): S3Request {
  const { rawPath, rawQuery } = splitTarget(head.target)
  const address = parseAddress({ rawPath, host: head.host, domains })
  const query = parseQuery(rawQuery)
  const operation = classifyOperation({
    method: head.method,
    bucket: address.bucket,
    rawKey: address.rawKey,
    query,
    headers: head.headers,
  })
  return {
    method: head.method,
    headers: head.headers,
    host: head.host,
    rawPath,
    rawQuery,
    query,
    bucket: address.bucket,
    key: address.key,
    rawKey: address.rawKey,
    operation,
    plain: isPlain(head.headers, rawQuery),
  }
}
