import { headerValue, withoutHeaders, type HeaderList } from '../base/header-list.ts'
import type { OriginRequest } from '../origin/origin.ts'
import { untouchedRequestFields } from '../s3/headers.ts'
import { queryValuesAnyCase } from '../s3/query.ts'
import type { S3Request } from './s3-request.ts'

/** What of a client's request goes up in its name: plain values. */
export type SentRequest = Pick<S3Request, 'headers' | 'query' | 'rawQuery' | 'rawPath' | 'host'>

/** The part of a request to an origin that stays as the client sent and signed it: target, Host, signature and all other fields. */
export function asSent(request: SentRequest): Pick<OriginRequest, 'rawQuery' | 'headers' | 'asSent'> {
  const { rawQuery, rawPath, host } = request
  return { rawQuery, headers: untouchedRequestFields(request.headers), asSent: { host, rawPath } }
}

/**
 * The client's fields with others in addition: a signature covers only the fields that it names, so what is not `x-amz-*` may be
 * added, and a Range that was not signed be replaced. A field that the client has signed stays its own.
 */
export function asSentWith(request: SentRequest, added: HeaderList): string[] {
  let headers: string[] = untouchedRequestFields(request.headers)
  const signed = signedFieldNames(request)
  for (let i = 0; i < added.length; i += 2) {
    const name = added[i] ?? ''
    if (signed.has(name)) continue
    headers = [...withoutHeaders(headers, (other) => other === name), name, added[i + 1] ?? '']
  }
  return headers
}

/** Whether the client's signature covers its Range: then only those very bytes can be asked for in its name. */
export function rangeIsSigned(request: SentRequest): boolean {
  return headerValue(request.headers, 'range') !== undefined && signedFieldNames(request).has('range')
}

function signedFieldNames(request: SentRequest): ReadonlySet<string> {
  const inHeader = /SignedHeaders=([^,\s]*)/.exec(headerValue(request.headers, 'authorization') ?? '')?.[1]
  const names = inHeader ?? queryValuesAnyCase(request.query, 'x-amz-signedheaders')[0] ?? ''
  return new Set(names.toLowerCase().split(';'))
}
