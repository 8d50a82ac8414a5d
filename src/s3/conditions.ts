import { headerValue, headerValues, type HeaderList } from '../base/header-list.ts'
import { parseHttpDate } from './http-date.ts'

/** What conditions are compared with. */
export interface Validators {
  /** As S3 sends it: in double quotes. */
  readonly etag: string
  /** The Last-Modified value; undefined or empty where the origin gave none: then date conditions have no effect. */
  readonly lastModified: string | undefined
}

export type ConditionResult = 'proceed' | 'not-modified' | 'precondition-failed'

/**
 * Evaluates the conditions of a GET or HEAD for an object that exists, in the order of RFC 9110 section 13.2.2, which is what S3
 * does ("GetObject", conditional requests): If-Match beats If-Unmodified-Since, If-None-Match beats If-Modified-Since. Dates that
 * are no dates, and If-Modified-Since in the future, have no effect. Comes before the range: 412 and 304 win over 416.
 */
export function evaluateConditions(headers: HeaderList, current: Validators, nowMs: number): ConditionResult {
  const ifMatch = listField(headers, 'if-match')
  if (ifMatch !== undefined) {
    if (!matchesAny(ifMatch, current.etag, 'strong')) return 'precondition-failed'
  } else if (changedSince(headerValue(headers, 'if-unmodified-since'), current, nowMs) === true) return 'precondition-failed'

  const ifNoneMatch = listField(headers, 'if-none-match')
  if (ifNoneMatch !== undefined) return matchesAny(ifNoneMatch, current.etag, 'weak') ? 'not-modified' : 'proceed'
  const modifiedSince = headerValue(headers, 'if-modified-since')
  const sinceMs = modifiedSince === undefined ? undefined : parseHttpDate(modifiedSince, nowMs)
  if (sinceMs === undefined || sinceMs > nowMs) return 'proceed'
  return changedSince(modifiedSince, current, nowMs) === false ? 'not-modified' : 'proceed'
}

/**
 * Whether an If-Range field names the current version (RFC 9110 section 13.1.5), so that the range may be served; otherwise the whole
 * object is. ETags compare strongly, dates exactly.
 */
export function ifRangeMatches(value: string, current: Validators, nowMs: number): boolean {
  if (value.startsWith('"') || value.startsWith('W/')) return value === current.etag && !isWeak(value)
  const wantedMs = parseHttpDate(value, nowMs)
  return wantedMs !== undefined && wantedMs === modifiedMs(current, nowMs)
}

/**
 * Whether a request carries conditions in which S3 servers differ: lists, weak tags and `*` (Ceph compares the field as it stands), dates
 * that are none (AWS ignores them, Ceph answers 400) or lie in the future. Only the origin can say what it makes of them.
 */
export function hasUnusualConditions(headers: HeaderList, nowMs: number): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!name.startsWith('if-') || !CONDITIONS.has(name)) continue
    const value = headers[i + 1] ?? ''
    if (headerValues(headers, name).length > 1) return true
    if (name.endsWith('match') ? !ONE_STRONG_TAG.test(value) : !isPast(value, nowMs)) return true
  }
  return false
}

/** One tag in quotes or, as many S3 clients send it, without. */
const ONE_STRONG_TAG = /^(?:"[^"]*"|[\w-]+)$/

function isPast(date: string, nowMs: number): boolean {
  const ms = parseHttpDate(date, nowMs)
  return ms !== undefined && ms <= nowMs
}

/** Whether a request carries any condition on what it reads; If-Range is not one: it belongs to the range. */
export function hasConditions(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) if (CONDITIONS.has(headers[i] ?? '')) return true
  return false
}

const CONDITIONS: ReadonlySet<string> = new Set(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'])

function isWeak(etag: string): boolean {
  return etag.startsWith('W/')
}

/** Repeated fields of a list are one list. */
function listField(headers: HeaderList, name: string): string | undefined {
  const values = headerValues(headers, name)
  return values.length <= 1 ? values[0] : values.join(',')
}

/** Entity tags in quotes, or bare as S3 clients also send them; a bare one ends at a comma. */
const ENTITY_TAG = /(W\/)?(?:"([^"]*)"|([^\s",][^",]*))/g

function matchesAny(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true
  const currentWeak = isWeak(etag)
  if (comparison === 'strong' && currentWeak) return false
  const current = opaque(etag)
  for (const match of list.matchAll(ENTITY_TAG)) {
    if (comparison === 'strong' && match[1] !== undefined) continue
    if ((match[2] ?? match[3]?.trim()) === current) return true
  }
  return false
}

function opaque(etag: string): string {
  return /^(?:W\/)?"(.*)"$/s.exec(etag)?.[1] ?? etag
}

/** Whether the object changed after a date; undefined where either date is missing or is none. */
function changedSince(since: string | undefined, current: Validators, nowMs: number): boolean | undefined {
  const sinceMs = since === undefined ? undefined : parseHttpDate(since, nowMs)
  const currentMs = modifiedMs(current, nowMs)
  return sinceMs === undefined || currentMs === undefined ? undefined : currentMs > sinceMs
}

function modifiedMs(current: Validators, nowMs: number): number | undefined {
  return current.lastModified === undefined ? undefined : parseHttpDate(current.lastModified, nowMs)
}
