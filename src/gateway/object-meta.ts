import { assert } from '../base/assert.ts'
import { renderHeaders, type HeaderList } from '../base/header-list.ts'
import type { CachedHead } from '../cache/api.ts'
import type { StoredLines } from '../http/exchange.ts'

/**
 * What the gateway keeps with a cached head, as the opaque latin1 string the cache stores: the lengths of the field lines and of the
 * checksum lines (two characters each, the high byte first), the field lines, ready for the wire, the checksum lines, and the
 * Last-Modified value. The field lines have a fixed place, so that a hit copies them as bytes.
 */
export interface ObjectMeta {
  /** The Last-Modified value as the origin wrote it; empty where it sent none. */
  readonly lastModified: string
  /** `x-amz-checksum-*` lines: only for whole bodies, and only where the client asked. */
  readonly checksumLines: string
  readonly fieldLines: string
}

const SPELLING: Readonly<Record<string, string>> = { etag: 'ETag' }

/** `stored`: the fields that may be kept with an object, checksums among them. */
export function encodeMeta(stored: HeaderList): string {
  const checksums: string[] = []
  const others: string[] = []
  let lastModified = ''
  for (let i = 0; i < stored.length; i += 2) {
    const name = stored[i] ?? ''
    const value = stored[i + 1] ?? ''
    if (name === 'last-modified') lastModified = value
    if (name.startsWith('x-amz-checksum-')) checksums.push(name, value)
    else others.push(spell(name), value)
  }
  const checksumLines = renderHeaders(checksums)
  // Ranges of what is kept here can always be had, whatever the origin said of itself.
  const fieldLines = `Accept-Ranges: bytes\r\n${renderHeaders(others)}`
  return lengthText(fieldLines) + lengthText(checksumLines) + fieldLines + checksumLines + lastModified
}

export function decodeMeta(meta: string): ObjectMeta {
  const fieldsEnd = FIELD_LINES_AT + lengthAt(meta.charCodeAt(0), meta.charCodeAt(1))
  const checksumsEnd = fieldsEnd + lengthAt(meta.charCodeAt(2), meta.charCodeAt(3))
  return {
    fieldLines: meta.slice(FIELD_LINES_AT, fieldsEnd),
    checksumLines: meta.slice(fieldsEnd, checksumsEnd),
    lastModified: meta.slice(checksumsEnd),
  }
}

/** The field lines of a head in the cache, for a response that takes them as they are. */
export class CachedLines implements StoredLines {
  readonly linesLength: number
  readonly #head: CachedHead

  constructor(head: CachedHead) {
    this.#head = head
    this.linesLength = lengthAt(head.metaByte(0), head.metaByte(1))
  }

  copyLines(target: Buffer, at: number): void {
    this.#head.copyMeta(FIELD_LINES_AT, FIELD_LINES_AT + this.linesLength, target, at)
  }
}

/** Behind the two lengths. */
const FIELD_LINES_AT = 4

/** Heads of origins are bounded far below this, and so is what the cache keeps of one. */
const LINES_LENGTH_MAX = 0xffff

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
