import { headerValue } from '../base/header-list.ts'
import { evaluateConditions, hasConditions } from '../s3/conditions.ts'
import { parseRange, resolveRange } from '../s3/range.ts'
import type { S3Request } from './s3-request.ts'

/** Which answer the client gets of a known version. */
export type Selection =
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'precondition-failed' }
  | { readonly kind: 'unsatisfiable'; readonly range: string }
  /** Servers differ in what follows, so the origin decides: an If-Range that is not the current ETag (Ceph does not know the field). */
  | { readonly kind: 'pass' }
  /** Bytes [start, end); `partial` answers 206. */
  | { readonly kind: 'body'; readonly start: number; readonly end: number; readonly partial: boolean }

/** Preconditions first, then the range: RFC 9110 section 13.2.2; 304 and 412 win over 416. */
export function selectRepresentation(
  request: S3Request,
  version: { readonly etag: string; readonly lastModified: string; readonly sizeBytes: number },
  nowMs: number,
): Selection {
  if (hasConditions(request.headers)) {
    const verdict = evaluateConditions(request.headers, version, nowMs)
    if (verdict !== 'proceed') return { kind: verdict }
  }
  const whole: Selection = { kind: 'body', start: 0, end: version.sizeBytes, partial: false }
  const range = headerValue(request.headers, 'range')
  const ifRange = headerValue(request.headers, 'if-range')
  if (range === undefined) return whole
  if (ifRange !== undefined && ifRange !== version.etag) return { kind: 'pass' }
  const spec = parseRange(range)
  if (spec === undefined || spec === 'unusual') return whole
  const resolved = resolveRange(spec, version.sizeBytes)
  if (resolved === 'unsatisfiable') return { kind: 'unsatisfiable', range }
  return { kind: 'body', start: resolved.start, end: resolved.end, partial: true }
}
