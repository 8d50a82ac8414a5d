// hot path
import type { HeaderList } from '../../base/header-list.ts'

/** Fields of the `x-amz-` family that hops in front add after signing (CloudFront). */
const ADDED_ON_THE_WAY: ReadonlySet<string> = new Set(['x-amz-cf-id'])

/** The `SignedHeaders` of a signature: which fields were signed, in which order. */
export class SignedHeaders {
  /** As it stands in the request: `host;x-amz-date`. */
  readonly text: string
  /** Whether every name is one, and none stands there twice. */
  readonly wellFormed: boolean
  /** The place of each field, by its name. */
  readonly #places: ReadonlyMap<string, number>
  readonly #names: readonly string[]

  constructor(text: string) {
    this.text = text
    this.#names = text.split(';')
    this.#places = new Map(this.#names.map((name, place) => [name, place]))
    this.wellFormed = this.#places.size === this.#names.length && !this.#places.has('')
  }

  /** Whether a field was signed. */
  includes(name: string): boolean {
    return this.#places.has(name)
  }

  /**
   * The fields of a request that must have been signed and were not, or undefined where all were: `host`, and every `x-amz-*` that is
   * there, because whoever is in between could have added it.
   */
  missing(headers: HeaderList): string[] | undefined {
    let missing = this.#places.has('host') ? undefined : ['host']
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? ''
      if (name.startsWith('x-amz-') && !this.#places.has(name) && !ADDED_ON_THE_WAY.has(name)) (missing ??= []).push(name)
    }
    return missing
  }

  /**
   * One `name:value` line and a line feed per signed field, in their order. A field that is not there counts as empty; several of a
   * name are joined by commas. `host` replaces the value of that field.
   */
  canonicalLines(headers: HeaderList, host: string | undefined): string {
    const names = this.#names
    const values: (string | undefined)[] = []
    for (let place = 0; place < names.length; place++) values.push(undefined)
    for (let i = 0; i < headers.length; i += 2) {
      const place = this.#places.get(headers[i] ?? '')
      if (place === undefined) continue
      const value = canonicalValue(headers[i + 1] ?? '')
      const before = values[place]
      values[place] = before === undefined ? value : `${before},${value}`
    }
    const hostPlace = this.#places.get('host')
    if (host !== undefined && hostPlace !== undefined) values[hostPlace] = host
    let lines = ''
    for (let place = 0; place < names.length; place++) lines += `${names[place] ?? ''}:${values[place] ?? ''}\n`
    return lines
  }
}

const SPACE = 0x20
const TAB = 0x09

/** Outer blanks go, runs of spaces become one. Not `trim()`: it takes the last byte of a UTF-8 `à` (C3 A0) for a blank. */
function canonicalValue(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start++
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--
  const trimmed = end - start === value.length ? value : value.slice(start, end)
  return trimmed.includes('  ') ? trimmed.replaceAll(/ {2,}/g, ' ') : trimmed
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
