import type { HeaderList } from '../base/header-list.ts'
import type { RequestHead } from '../http/exchange.ts'
import type { FieldFacts } from './field-facts.ts'
import type { UnverifiedRequest } from '../s3/sigv4/signature-verifier.ts'
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
  /** Where fields like these came before: what their signatures are made from, and the signature. */
  readonly signed: UnverifiedRequest['signed']
}

/** Reads a request head as S3 does. Throws a Refusal where it is no S3 request. */
export function parseS3Request(head: RequestHead, facts: FieldFacts, domains: readonly string[]): S3Request {
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
    plain: rawQuery === '' && facts.arePlain,
    signed:
      facts.signed === undefined || head.repeated?.signature === undefined
        ? undefined
        : { fields: facts.signed, signature: head.repeated.signature },
  }
}
