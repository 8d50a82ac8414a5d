// hot path
import { headerValue, type HeaderList } from '../base/header-list.ts'
import type { RequestHead } from '../http/exchange.ts'
import { SignedFields } from '../s3/sigv4/signed-fields.ts'

/** What the fields of a request say that does not depend on its target or its signature; kept with fields that repeat. */
export interface FieldFacts {
  /** No field changes what a read answers. */
  readonly arePlain: boolean
  readonly userAgent: string | undefined
  /** What their signature is made from; undefined where the fields were not seen before. */
  readonly signed: SignedFields | undefined
}

export function factsOf({ repeated, headers }: RequestHead): FieldFacts {
  if (repeated === undefined) return readFacts(headers, undefined)
  return (repeated.fields.note ??= readFacts(headers, new SignedFields())) as FieldFacts
}

function readFacts(headers: HeaderList, signed: SignedFields | undefined): FieldFacts {
  return { arePlain: arePlain(headers), userAgent: headerValue(headers, 'user-agent'), signed }
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

function arePlain(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) if (!PLAIN_FIELDS.has(headers[i] ?? '')) return false
  return true
}
