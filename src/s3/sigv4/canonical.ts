// hot path
import { createHmac, hash, type KeyObject } from 'node:crypto'
import type { HeaderList } from '../../base/header-list.ts'
import { percentDecode, percentDecodeForm, percentEncode, percentEncodePath } from '../percent.ts'

/**
 * The canonical forms of Signature Version 4 as S3 has them ("Create a signed AWS API request", S3 API reference "Signature
 * Calculations"). S3 differs from other AWS services: paths are encoded once and never normalised. All strings are latin1 views of
 * bytes and are hashed as such, or field values in UTF-8 would hash differently from what the client hashed.
 */

export const ALGORITHM = 'AWS4-HMAC-SHA256'
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
export const SCOPE_END = 'aws4_request'

/** The path decoded and encoded once, so that every spelling of a key has one form; undefined for a bad escape. */
export function canonicalUri(rawPath: string): string | undefined {
  const path = percentDecode(rawPath)
  return path === undefined ? undefined : percentEncodePath(path)
}

/** The query decoded, encoded, sorted by name and value, without X-Amz-Signature; undefined for a bad escape. */
export function canonicalQuery(rawQuery: string): string | undefined {
  if (rawQuery === '') return ''
  const pairs: [name: string, value: string][] = []
  for (const raw of rawQuery.split('&')) {
    if (raw === '') continue
    const equals = raw.indexOf('=')
    const name = percentDecodeForm(equals < 0 ? raw : raw.slice(0, equals))
    const value = equals < 0 ? '' : percentDecodeForm(raw.slice(equals + 1))
    if (name === undefined || value === undefined) return undefined
    if (name.length === 'x-amz-signature'.length && name.toLowerCase() === 'x-amz-signature') continue
    pairs.push([percentEncode(name), percentEncode(value)])
  }
  if (pairs.length > 1) pairs.sort(byNameThenValue)
  let query = ''
  for (const [name, value] of pairs) query += `${query === '' ? '' : '&'}${name}=${value}`
  return query
}

function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1
  return a[1] === b[1] ? 0 : a[1] < b[1] ? -1 : 1
}

/** One `name:value` line and a line feed per signed field, in the order of `names`. A field that is not there counts as empty. */
export function canonicalHeaders(headers: HeaderList, names: readonly string[], host: string | undefined): string {
  const values = new Map<string, string>()
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = canonicalValue(headers[i + 1] ?? '')
    const before = values.get(name)
    values.set(name, before === undefined ? value : `${before},${value}`)
  }
  if (host !== undefined) values.set('host', host)
  let lines = ''
  for (const name of names) lines += `${name}:${values.get(name) ?? ''}\n`
  return lines
}

/** Outer whitespace goes, runs of spaces become one. */
function canonicalValue(value: string): string {
  const trimmed = value.trim()
  return trimmed.includes('  ') ? trimmed.replace(/ {2,}/g, ' ') : trimmed
}

/** The string whose hash is signed. `signedHeaders` is the list as it stands in the request, `headerLines` from canonicalHeaders. */
export function canonicalRequest(parts: {
  readonly method: string
  readonly uri: string
  readonly query: string
  readonly headerLines: string
  readonly signedHeaders: string
  readonly payloadHash: string
}): string {
  return `${parts.method}\n${parts.uri}\n${parts.query}\n${parts.headerLines}\n${parts.signedHeaders}\n${parts.payloadHash}`
}

/** What is signed for a request. `scope` is `day/region/service/aws4_request`. */
export function stringToSign(amzDate: string, scope: string, canonical: string): string {
  return `${ALGORITHM}\n${amzDate}\n${scope}\n${sha256Hex(canonical)}`
}

/** Lower-case hex of the SHA-256 of a latin1 view of bytes, or of bytes. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', typeof data === 'string' ? Buffer.from(data, 'latin1') : data, 'hex')
}

/** The signature's 32 bytes. */
export function sign(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest()
}
