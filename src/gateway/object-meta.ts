import { assert } from '../base/assert.ts'
import { headerValue, renderHeaders, type HeaderList } from '../base/header-list.ts'
import type { CachedHead } from '../cache/api.ts'
import type { Loan, StoredBody, StoredLines } from '../http/exchange.ts'
import { isChecksumField, wantsChecksums } from '../s3/headers.ts'
import type { S3Request } from './s3-request.ts'

/**
 * What the gateway keeps with a cached head, as the opaque latin1 string the cache stores: the lengths of the field lines and of the
 * checksum lines (two characters each, the high byte first), the field lines, ready for the wire, the checksum lines, and the
 * Last-Modified value. The field lines have a fixed place, so that a hit copies them as bytes.
 */
export interface ObjectMeta {
  /** The Last-Modified value as the origin wrote it; empty where it sent none. */
  readonly lastModified: string
  /** `x-amz-checksum-*` lines: only for whole bodies, and only where the client asked. Undefined: the answer was to a range, and showed none. */
  readonly checksumLines: string | undefined
  readonly fieldLines: string
}

/** To be raised with every change of that string: a disk cache keeps what other releases wrote. */
export const META_FORMAT = 1

const SPELLING: Readonly<Record<string, string>> = { etag: 'ETag' }

/** `stored`: the fields that may be kept with an object, checksums among them where the answer was about the whole of it. */
export function encodeMeta(stored: HeaderList, about: 'whole' | 'part' = 'whole'): string {
  const checksums: string[] = []
  const others: string[] = []
  let lastModified = ''
  for (let i = 0; i < stored.length; i += 2) {
    const name = stored[i] ?? ''
    const value = stored[i + 1] ?? ''
    if (name === 'last-modified') lastModified = value
    if (isChecksumField(name)) checksums.push(name, value)
    else others.push(spell(name), value)
  }
  const checksumLines = about === 'whole' ? renderHeaders(checksums) : ''
  // Ranges of what is kept here can always be had, whatever the origin said of itself.
  const fieldLines = `Accept-Ranges: bytes\r\n${renderHeaders(others)}`
  const checksumsLength = about === 'whole' ? lengthText(checksumLines) : UNKNOWN_LENGTH
  return lengthText(fieldLines) + checksumsLength + fieldLines + checksumLines + lastModified
}

export function decodeMeta(meta: string): ObjectMeta {
  const fieldsEnd = FIELD_LINES_AT + lengthAt(meta.charCodeAt(0), meta.charCodeAt(1))
  const length = lengthAt(meta.charCodeAt(2), meta.charCodeAt(3))
  const checksumsEnd = fieldsEnd + (length === UNKNOWN ? 0 : length)
  return {
    fieldLines: meta.slice(FIELD_LINES_AT, fieldsEnd),
    checksumLines: length === UNKNOWN ? undefined : meta.slice(fieldsEnd, checksumsEnd),
    lastModified: meta.slice(checksumsEnd),
  }
}

/** Whether a request for the whole object wants checksums that are not known, as opposed to an object that has none. */
export function lacksWantedChecksums({ headers, query }: S3Request, head: CachedHead): boolean {
  if (lengthAt(head.metaByte(2), head.metaByte(3)) !== UNKNOWN) return false
  return wantsChecksums(headers, query) && headerValue(headers, 'range') === undefined
}

/** The field lines and the body of an object in the cache, for a response that takes them as they are. */
export class CachedObject implements StoredLines, StoredBody, Loan {
  readonly linesLength: number
  /** Of the body. */
  readonly length: number
  readonly #head: CachedHead

  constructor(head: CachedHead) {
    this.#head = head
    this.linesLength = lengthAt(head.metaByte(0), head.metaByte(1))
    this.length = head.bodyBytes ?? 0
  }

  copyLines(target: Buffer, at: number): void {
    this.#head.copyMeta(FIELD_LINES_AT, FIELD_LINES_AT + this.linesLength, target, at)
  }

  copyTo(target: Buffer, at: number): void {
    this.#head.copyBody(target, at)
  }

  bytes(): Uint8Array {
    return this.#head.body ?? NOTHING
  }

  release(): void {
    this.#head.release()
  }
}

const NOTHING = new Uint8Array(0)

/** Behind the two lengths. */
const FIELD_LINES_AT = 4

/** Heads of origins are bounded far below this, and so is what the cache keeps of one. */
const LINES_LENGTH_MAX = 0xfffe

/** In the place of the length of the checksum lines. */
const UNKNOWN = 0xffff
const UNKNOWN_LENGTH = '\xff\xff'

function lengthText(lines: string): string {
  assert(lines.length <= LINES_LENGTH_MAX, 'the fields of an origin fit a head')
  return String.fromCharCode(lines.length >> 8, lines.length & 0xff)
}

function lengthAt(high: number, low: number): number {
  return high * 256 + low
}

/** Field names as S3 spells them: standard ones capitalised, `x-amz-*` in lower case. */
function spell(name: string): string {
  const known = SPELLING[name]
  if (known !== undefined) return known
  if (name.startsWith('x-')) return name
  return name.replace(/(^|-)([a-z])/g, (_match, dash: string, letter: string) => dash + letter.toUpperCase())
}
