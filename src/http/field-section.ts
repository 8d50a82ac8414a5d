// hot path
import { BYTE_CLASS, COLON, CR, HT, LF, LOWER_TOKEN, SP, VALUE } from './byte-class.ts'
import { type FieldNames, hashStep, TRANSFER_ENCODING } from './field-name.ts'
import type { RefusalReason } from './refusal.ts'

/** Takes the fields that the engine itself must understand; a reason refuses the message. */
export interface FramingFields {
  note(field: number, value: string): RefusalReason | undefined
}

/** Numbers kept per field: hash of the name, name start, name end, value start, value end. */
const STRIDE = 5

/**
 * Scanner for field lines up to and with the empty line that ends them (RFC 9112 section 5), for heads and trailers. It can be
 * fed the same growing bytes again and goes on where it stopped: every byte is looked at once. Positions are relative to `base`,
 * so the bytes may move between two calls.
 */
export class FieldSection {
  refusal: RefusalReason | undefined = undefined
  /** Where the section ends, relative to the base; set when `scan` gave true. */
  end = 0
  readonly #names: FieldNames
  readonly #marks: Int32Array
  readonly #fieldCountMax: number
  #done = false
  #count = 0
  #at = 0
  #lineStart = 0
  /** Position of the colon of the line that is being read; equal to #lineStart while the name goes on. */
  #colon = 0
  #hash = 0

  constructor(fieldCountMax: number, names: FieldNames) {
    this.#names = names
    this.#fieldCountMax = fieldCountMax
    this.#marks = new Int32Array(fieldCountMax * STRIDE)
  }

  /** Begins a section at `at`. */
  start(at: number): void {
    this.refusal = undefined
    this.#done = false
    this.#count = 0
    this.#at = at
    this.#nextLine(at)
  }

  /** Goes on over `bytes[base + ..., end)`. True when the section is complete or refused; false asks for more bytes. */
  scan(bytes: Buffer, base: number, end: number): boolean {
    let at = base + this.#at
    for (;;) {
      if (this.#colon === this.#lineStart) {
        at = this.#scanName(bytes, at, end, base)
        if (this.#colon === this.#lineStart) break
      }
      at = this.#scanValue(bytes, at, end, base)
      if (this.#colon !== this.#lineStart) break
    }
    this.#at = at - base
    return this.#done
  }

  /** The fields as strings; same bytes as at the last `scan`, and their latin1 from the base on. Every field that matters for framing goes to `framing`. */
  collect(bytes: Buffer, base: number, text: string, framing: FramingFields): string[] {
    const headers: string[] = []
    const names = this.#names
    const marks = this.#marks
    for (let mark = 0; mark < this.#count * STRIDE; mark += STRIDE) {
      const name = names.resolve(bytes, base + (marks[mark + 1] ?? 0), base + (marks[mark + 2] ?? 0), marks[mark] ?? 0)
      const value = text.substring(marks[mark + 3] ?? 0, marks[mark + 4])
      headers.push(name, value)
      if (names.framingField === 0) continue
      this.refusal ??= framing.note(names.framingField, value)
      if (names.framingField === TRANSFER_ENCODING && tabFollows(text, marks[mark + 4] ?? 0)) this.refusal ??= 'bad-transfer-encoding'
    }
    return headers
  }

  /** Reads a name up to its colon, or the empty line that ends the section. */
  #scanName(bytes: Buffer, from: number, end: number, base: number): number {
    let at = from
    let hash = this.#hash
    for (; at < end; at += 1) {
      const lower = LOWER_TOKEN[bytes[at] ?? 0] ?? 0
      if (lower === 0) break
      hash = hashStep(hash, lower)
    }
    this.#hash = hash
    if (at === end) return at
    const byte = bytes[at]
    if (at > base + this.#lineStart) {
      if (byte !== COLON) return this.#refuse(byte === LF || byte === CR ? 'bad-line-ending' : 'bad-field-name', at)
      this.#colon = at - base
      return at + 1
    }
    if (byte !== CR) return this.#refuse(isBlank(byte) ? 'folded-field' : byte === LF ? 'bad-line-ending' : 'bad-field-name', at)
    if (at + 1 === end) return at
    if (bytes[at + 1] !== LF) return this.#refuse('bad-line-ending', at)
    this.end = at + 2 - base
    this.#done = true
    return at + 2
  }

  /** Reads a value up to the end of its line. */
  #scanValue(bytes: Buffer, from: number, end: number, base: number): number {
    let at = from
    while (at < end && ((BYTE_CLASS[bytes[at] ?? 0] ?? 0) & VALUE) !== 0) at += 1
    if (at === end) return at
    if (bytes[at] !== CR) return this.#refuse(bytes[at] === LF ? 'bad-line-ending' : 'bad-field-value', at)
    if (at + 1 === end) return at
    if (bytes[at + 1] !== LF) return this.#refuse('bad-line-ending', at)
    if (this.#count === this.#fieldCountMax) return this.#refuse('too-many-fields', at)
    this.#mark(bytes, base, at)
    this.#nextLine(at + 2 - base)
    return at + 2
  }

  #mark(bytes: Buffer, base: number, lineEnd: number): void {
    let valueStart = base + this.#colon + 1
    let valueEnd = lineEnd
    while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart += 1
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd -= 1
    const mark = this.#count * STRIDE
    const marks = this.#marks
    marks[mark] = this.#hash
    marks[mark + 1] = this.#lineStart
    marks[mark + 2] = this.#colon
    marks[mark + 3] = valueStart - base
    marks[mark + 4] = valueEnd - base
    this.#count += 1
  }

  #nextLine(at: number): void {
    this.#lineStart = at
    this.#colon = at
    this.#hash = 0
  }

  #refuse(reason: RefusalReason, at: number): number {
    this.refusal = reason
    this.#done = true
    return at
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HT
}

/** Legal white space (RFC 9110 section 5.6.3), but not every recipient takes a TAB after a Transfer-Encoding for white space. */
function tabFollows(text: string, valueEnd: number): boolean {
  return text.substring(valueEnd, text.indexOf('\r', valueEnd)).includes('\t')
}
