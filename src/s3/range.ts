/** One byte range as the client asked for it; positions count from 0. */
export type RangeSpec =
  /** `bytes=first-last`, both inclusive, first <= last. */
  | { readonly kind: 'span'; readonly first: number; readonly last: number }
  /** `bytes=first-` */
  | { readonly kind: 'from'; readonly first: number }
  /** `bytes=-length`, length > 0: the last bytes. */
  | { readonly kind: 'suffix'; readonly length: number }

/** Bytes [start, end). */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const SIMPLE = /^bytes=(\d{0,20})-(\d{0,20})$/

/**
 * Reads a Range field (RFC 9110 section 14.2). `undefined`: there is none. `unusual`: anything but the three forms of RangeSpec;
 * origins answer those differently (Ceph serves the first of several ranges, AWS the whole object; `bytes=4-2` is 416 for one and
 * 200 for the other), so only the origin can answer.
 */
export function parseRange(value: string | undefined): RangeSpec | 'unusual' | undefined {
  if (value === undefined) return undefined
  const match = SIMPLE.exec(value)
  if (match === null) return 'unusual'
  const firstDigits = match[1] ?? ''
  const lastDigits = match[2] ?? ''
  if (firstDigits === '') {
    const length = position(lastDigits)
    return lastDigits === '' || length === 0 ? 'unusual' : { kind: 'suffix', length }
  }
  const first = position(firstDigits)
  if (lastDigits === '') return { kind: 'from', first }
  const last = position(lastDigits)
  return last < first ? 'unusual' : { kind: 'span', first, last }
}

/** Clients write 2^63-1 for "to the end"; what no object reaches is as good as the largest exact number. */
function position(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}

/** Which bytes of a body of `sizeBytes` a range means. Nothing of an empty body can be had by range: S3 answers 416. */
export function resolveRange(spec: RangeSpec, sizeBytes: number): ByteRange | 'unsatisfiable' {
  if (spec.kind === 'suffix') {
    return sizeBytes === 0 ? 'unsatisfiable' : { start: Math.max(0, sizeBytes - spec.length), end: sizeBytes }
  }
  if (spec.first >= sizeBytes) return 'unsatisfiable'
  return { start: spec.first, end: spec.kind === 'from' ? sizeBytes : Math.min(spec.last + 1, sizeBytes) }
}

/** A Range field value for bytes [start, end). */
export function formatRange(range: ByteRange): string {
  return `bytes=${range.start}-${range.end - 1}`
}

/** The Content-Range of a 206. */
export function formatContentRange(range: ByteRange, sizeBytes: number): string {
  return `bytes ${range.start}-${range.end - 1}/${sizeBytes}`
}

/** The Content-Range of a 416. */
export function formatUnsatisfiedRange(sizeBytes: number): string {
  return `bytes */${sizeBytes}`
}

/** A Content-Range field: the range is absent in a 416, the size where the sender wrote `*`. */
export interface ContentRange {
  readonly range: ByteRange | undefined
  readonly sizeBytes: number | undefined
}

const CONTENT_RANGE = /^bytes (?:(\d{1,16})-(\d{1,16})|\*)\/(?:(\d{1,16})|\*)$/

/** Reads a Content-Range (RFC 9110 section 14.4); undefined where it is malformed or contradicts itself. */
export function parseContentRange(value: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(value)
  if (match === null) return undefined
  const sizeBytes = match[3] === undefined ? undefined : Number(match[3])
  if (match[1] === undefined) return sizeBytes === undefined ? undefined : { range: undefined, sizeBytes }
  const range = { start: Number(match[1]), end: Number(match[2]) + 1 }
  const possible = range.start < range.end && range.end <= (sizeBytes ?? Number.MAX_SAFE_INTEGER)
  return possible ? { range, sizeBytes } : undefined
}
