// hot path
import { hash } from 'node:crypto'
import { Refusal } from '../errors.ts'
import { percentDecode, percentEncode, percentEncodePath } from '../percent.ts'
import type { Query } from '../query.ts'

/**
 * The canonical forms of Signature Version 4 as S3 has them ("Create a signed AWS API request", S3 API reference "Signature
 * Calculations"). S3 differs from other AWS services: paths are encoded once and never normalised. All strings are latin1 views of
 * bytes and are hashed as such, or field values in UTF-8 would hash differently from what the client hashed.
 */

export const ALGORITHM = 'AWS4-HMAC-SHA256'
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
export const SCOPE_END = 'aws4_request'

/** The path decoded and encoded once, so that every spelling of a key has one form. Throws Refusal InvalidURI for a bad escape. */
export function canonicalUri(rawPath: string): string {
  const path = percentDecode(rawPath)
  if (path === undefined) throw new Refusal('InvalidURI')
  return percentEncodePath(path)
}

/**
 * The query encoded, sorted by name and value, without X-Amz-Signature. That name is known as AWS writes it and all in lower case: no other
 * spelling is what a client sent, and none may change unnoticed.
 */
export function canonicalQuery(query: Query): string {
  if (query.length === 0) return ''
  const pairs: [name: string, value: string][] = []
  for (const { name, value } of query) {
    if (name === 'X-Amz-Signature' || name === 'x-amz-signature') continue
    pairs.push([percentEncode(name), percentEncode(value)])
  }
  if (pairs.length > 1) pairs.sort(byNameThenValue)
  let text = ''
  for (const [name, value] of pairs) text += text === '' ? `${name}=${value}` : `&${name}=${value}`
  return text
}

function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1
  return a[1] === b[1] ? 0 : a[1] < b[1] ? -1 : 1
}

/** The string whose hash is signed. `signedHeaders` is the list as it stands in the request, `headerLines` what it gives of their values. */
export function canonicalRequest(parts: {
  readonly method: string
  readonly uri: string
  readonly query: string
  readonly headerLines: string
  readonly signedHeaders: string
  readonly payloadHash: string
}): string {
  return `${parts.method}\n${parts.uri}\n${parts.query}\n${commonPart(parts)}`
}

/** The canonical request without its first three lines: it is the same for all requests with the same signed fields and payload. */
export function commonPart(parts: { readonly headerLines: string; readonly signedHeaders: string; readonly payloadHash: string }): string {
  return `${parts.headerLines}\n${parts.signedHeaders}\n${parts.payloadHash}`
}

/** What is signed for a request. `scope` is `day/region/service/aws4_request`, `canonicalHash` the SHA-256 of canonicalRequest in hex. */
export function stringToSign(amzDate: string, scope: string, canonicalHash: string): string {
  return `${ALGORITHM}\n${amzDate}\n${scope}\n${canonicalHash}`
}

/** Lower-case hex of the SHA-256 of a latin1 view of bytes, or of bytes. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', typeof data === 'string' ? Buffer.from(data, 'latin1') : data, 'hex')
}
