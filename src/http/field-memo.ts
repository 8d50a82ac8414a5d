// hot path
import type { HeaderList } from '../base/header-list.ts'

/** Longer ends of heads are parsed each time. */
const REMEMBERED_BYTES_MAX = 1024

/** For longer parts a call out of the engine takes less time than a loop. */
const COMPARED_HERE_BYTES = 96

/** Ends of heads that are remembered; one for all lengths that are equal modulo this. */
const ENTRIES = 16

/** Hex digits of a SigV4 signature. */
const SIGNATURE_LENGTH = 64
const BEFORE_SIGNATURE = 'Signature='

/** Where heads of a length never repeat, as with an id in each, one in so many of them is remembered. */
const REMEMBERED_ONE_IN = 128

/** Fields that came in several heads, the same in all but the signature. */
export class RepeatedFields {
  readonly headers: HeaderList
  readonly host: string
  /** What the layer above derived from these fields, apart from the signature: kept with them for the next head. */
  note: unknown = undefined

  constructor(headers: HeaderList, host: string) {
    this.headers = headers
    this.host = host
  }
}

/**
 * Ends of heads, from the HTTP version on, and what they said. A client sends the same fields with each of its requests, all but the
 * signature at the end of its Authorization value: equal bytes mean the same, so comparing them is all the parsing that is
 * needed. Only heads without a body, whose connection stays, are remembered. What it holds only ever changes the speed.
 */
export class FieldMemo {
  readonly #entries: (Entry | undefined)[] = Array.from({ length: ENTRIES }, () => undefined)
  /** Heads by entry since the last one that was known. */
  readonly #unknown = new Uint32Array(ENTRIES)

  /** What a head said that ended in the same bytes as `bytes[at, end)`, all of them. */
  find(bytes: Buffer, at: number, end: number): Entry | undefined {
    const place = (end - at) % ENTRIES
    const entry = this.#entries[place]
    if (entry?.length !== end - at || !entry.matches(bytes, at)) return undefined
    this.#unknown[place] = 0
    return entry
  }

  remember(bytes: Buffer, start: number, end: number, fields: RepeatedFields): void {
    const length = end - start
    if (length > REMEMBERED_BYTES_MAX) return
    const place = length % ENTRIES
    const unknown = (this.#unknown[place] ?? 0) + 1
    this.#unknown[place] = unknown
    if (!isDue(unknown)) return
    const copy = Buffer.from(bytes.subarray(start, end))
    const signatureAt = placeOfSignature(copy, fields.headers)
    if (signatureAt !== undefined) this.#entries[place] = new Entry(copy, signatureAt, fields)
  }
}

/** One remembered end of a head. */
export class Entry {
  readonly fields: RepeatedFields
  readonly length: number
  readonly #bytes: Buffer
  /** Where the signature begins; beyond the end where there is none. */
  readonly #signatureAt: number
  /** Of the Authorization value in the list of headers, and its part before the signature. */
  readonly #authorization: number
  readonly #beforeSignature: string

  constructor(bytes: Buffer, signatureAt: number, fields: RepeatedFields) {
    this.fields = fields
    this.length = bytes.length
    this.#bytes = bytes
    this.#signatureAt = signatureAt
    this.#authorization = fields.headers.indexOf('authorization') + 1
    this.#beforeSignature = (fields.headers[this.#authorization] ?? '').slice(0, -SIGNATURE_LENGTH)
  }

  matches(bytes: Buffer, at: number): boolean {
    const own = this.#bytes
    const signatureAt = this.#signatureAt
    if (signatureAt >= own.length) return this.#isSame(bytes, at, 0, own.length)
    const behind = signatureAt + SIGNATURE_LENGTH
    return this.#isSame(bytes, at, 0, signatureAt) && this.#isSame(bytes, at, behind, own.length) && isHex(bytes, at + signatureAt)
  }

  /** Whether the head at `at` has from `from` to `to` what is remembered there. */
  #isSame(bytes: Buffer, at: number, from: number, to: number): boolean {
    const own = this.#bytes
    if (to - from > COMPARED_HERE_BYTES) return own.compare(bytes, at + from, at + to, from, to) === 0
    // From the end, where heads differ that begin alike.
    for (let i = to - 1; i >= from; i -= 1) if (bytes[at + i] !== own[i]) return false
    return true
  }

  /** The signature of the head that matched. */
  signatureOf(bytes: Buffer, at: number): string | undefined {
    const start = at + this.#signatureAt
    return this.#authorization === 0 ? undefined : bytes.toString('latin1', start, start + SIGNATURE_LENGTH)
  }

  /** The fields of a head with this signature. */
  headersWith(signature: string | undefined): HeaderList {
    if (signature === undefined) return this.fields.headers
    const headers = this.fields.headers.slice()
    headers[this.#authorization] = this.#beforeSignature + signature
    return headers
  }
}

/** The first ones, each time twice as many apart, and later one in REMEMBERED_ONE_IN: remembering costs more than the parsing that it may save. */
function isDue(unknown: number): boolean {
  return unknown % REMEMBERED_ONE_IN === 0 || (unknown < REMEMBERED_ONE_IN && (unknown & (unknown - 1)) === 0)
}

/** Where the signature begins, `Infinity` without Authorization; undefined where it is not the end of its value, or not to be told. */
function placeOfSignature(bytes: Buffer, headers: HeaderList): number | undefined {
  const authorization = headers.indexOf('authorization') + 1
  if (authorization === 0) return Infinity
  if (headers.indexOf('authorization', authorization) >= 0) return undefined
  const value = headers[authorization] ?? ''
  if (!value.endsWith(BEFORE_SIGNATURE, value.length - SIGNATURE_LENGTH)) return undefined
  const place = bytes.indexOf(value, 0, 'latin1')
  const at = place + value.length - SIGNATURE_LENGTH
  // Another field may have the same value.
  const only = bytes.indexOf(value, place + 1, 'latin1') < 0
  return place >= 0 && only && isHex(bytes, at) ? at : undefined
}

/** Lower-case hex digits, as many as a signature has. */
function isHex(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + SIGNATURE_LENGTH; i += 1) {
    const byte = bytes[i] ?? 0
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false
  }
  return true
}
