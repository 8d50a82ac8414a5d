import type { HeaderList } from '../base/header-list.ts'
import { Refusal } from './errors.ts'
import { percentDecode, percentDecodeForm } from './percent.ts'

/** One parameter of a query. Names and values are decoded bytes as latin1, `+` read as a space. */
export interface QueryParameter {
  readonly name: string
  /** Empty both for `name` and for `name=`. */
  readonly value: string
  /** As it was sent, without the `&` around it. */
  readonly raw: string
}

/** The parameters in the order in which they came, duplicates kept. */
export type Query = readonly QueryParameter[]

const NO_QUERY: Query = []

/** What a presigned URL adds to a query (SigV4), in lower case: S3 reads these names in any case. */
export const PRESIGN_PARAMETERS: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-content-sha256',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
])

/** What a presigned URL of signature version 2 adds. */
export const SIGV2_PARAMETERS: ReadonlySet<string> = new Set(['AWSAccessKeyId', 'Expires', 'Signature'])

/** Parses a raw query (no `?`). Empty pieces between ampersands are nothing. Throws Refusal InvalidURI for a bad escape. */
export function parseQuery(rawQuery: string): Query {
  if (rawQuery === '') return NO_QUERY
  const parameters: QueryParameter[] = []
  for (const raw of rawQuery.split('&')) {
    if (raw === '') continue
    const equals = raw.indexOf('=')
    const name = percentDecodeForm(equals < 0 ? raw : raw.slice(0, equals))
    const value = equals < 0 ? '' : percentDecodeForm(raw.slice(equals + 1))
    if (name === undefined || value === undefined) throw new Refusal('InvalidURI')
    parameters.push({ name, value, raw })
  }
  return parameters
}

/** The first value of a parameter, or undefined. Names are case-sensitive, as S3's are. */
export function queryValue(query: Query, name: string): string | undefined {
  for (const parameter of query) if (parameter.name === name) return parameter.value
  return undefined
}

/** Every value of a parameter whose name is `lowerName` in any case: for `X-Amz-*` names. */
export function queryValuesAnyCase(query: Query, lowerName: string): string[] {
  const values: string[] = []
  for (const parameter of query) if (parameter.name.toLowerCase() === lowerName) values.push(parameter.value)
  return values
}

export function hasQuery(query: Query, name: string): boolean {
  return queryValue(query, name) !== undefined
}

/** The raw query without what authenticates it; everything else byte for byte. */
export function stripAuthQuery(rawQuery: string): string {
  if (rawQuery === '') return rawQuery
  const kept = rawQuery.split('&').filter((raw) => !isAuthParameter(rawName(raw)))
  return kept.join('&')
}

/**
 * Takes a presigned query apart for sending it on with a header signature. `rawQuery` lacks the authentication and those
 * `x-amz-*` parameters that stand in for header fields (`x-amz-acl`, `x-amz-checksum-mode` …); those come as `headers`, the first of
 * a repeated name. Origins read them from the query of presigned requests only.
 */
export function splitPresignedQuery(rawQuery: string): { readonly rawQuery: string; readonly headers: HeaderList } {
  const headers: string[] = []
  const seen = new Set<string>()
  for (const { name, value } of parseQuery(rawQuery)) {
    const lower = name.toLowerCase()
    if (!lower.startsWith('x-amz-') || isAuthParameter(name) || seen.has(lower)) continue
    // oxlint-disable-next-line no-control-regex -- a line break smuggled into a field is what this refuses
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value) || !/^[a-z0-9-]+$/.test(lower)) throw new Refusal('InvalidURI')
    seen.add(lower)
    headers.push(lower, value)
  }
  const kept = rawQuery.split('&').filter((raw) => {
    const name = rawName(raw)
    return !isAuthParameter(name) && !name.toLowerCase().startsWith('x-amz-')
  })
  return { rawQuery: kept.join('&'), headers }
}

function isAuthParameter(name: string): boolean {
  return SIGV2_PARAMETERS.has(name) || PRESIGN_PARAMETERS.has(name.toLowerCase())
}

function rawName(raw: string): string {
  const equals = raw.indexOf('=')
  const name = equals < 0 ? raw : raw.slice(0, equals)
  return percentDecode(name) ?? name
}
