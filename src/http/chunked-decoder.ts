import type { HeaderList } from '../base/header-list.ts'
import { BYTE_CLASS, CR, HT, LF, SP, TOKEN } from './byte-class.ts'
import type { BodyDecoder, BodySink } from './body-decoder.ts'
import type { FieldNames } from './field-name.ts'
import { FieldSection, type FramingFields } from './field-section.ts'
import { KeptBytes } from './kept-bytes.ts'
import type { HttpLimits } from './limits.ts'
import type { RefusalReason } from './refusal.ts'

const SIZE = 0
const EXTENSION_NAME = 1
const EXTENSION_VALUE = 2
const QUOTED = 3
const AFTER_QUOTED = 4
const SIZE_LF = 5
const DATA = 6
const DATA_CR = 7
const DATA_LF = 8
const TRAILERS = 9
const DONE = 10

/** Hex digits of a chunk size; 2^52 is beyond any body. */
const SIZE_DIGITS_MAX = 13
const TRAILER_FIELDS_MAX = 32
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Framing fields must not be trailers (RFC 9110 section 6.5.1): a recipient that merges them would see another message. */
const NO_FRAMING: FramingFields = { note: () => 'bad-trailer' }

/**
 * Decoder of chunked bodies (RFC 9112 section 7.1), strict: hex sizes without sign or blanks, CR LF exactly, extensions by the
 * grammar but without blanks and escapes. Extensions are dropped, trailers kept.
 */
export class ChunkedDecoder implements BodyDecoder {
  refusal: RefusalReason | undefined = undefined
  readonly remaining = undefined
  trailers: HeaderList = []
  readonly #limits: Pick<HttpLimits, 'chunkExtensionBytes' | 'trailerBytes'>
  readonly #names: FieldNames
  #state = SIZE
  #size = 0
  #digits = 0
  #extensionBytes = 0
  /** Bytes of the extension name or value that is being read. */
  #partBytes = 0
  #section: FieldSection | undefined = undefined
  #kept: KeptBytes | undefined = undefined

  constructor(limits: Pick<HttpLimits, 'chunkExtensionBytes' | 'trailerBytes'>, names: FieldNames) {
    this.#names = names
    this.#limits = limits
  }

  get complete(): boolean {
    return this.#state === DONE
  }

  feed(bytes: Buffer, from: number, sink: BodySink): number {
    let at = from
    while (at < bytes.length && this.#state !== DONE && this.refusal === undefined) {
      if (this.#state === DATA) at = this.#data(bytes, at, sink)
      else if (this.#state === TRAILERS) at = this.#trailers(bytes, at)
      else {
        this.#byte(bytes[at] ?? 0)
        at += 1
      }
    }
    return at
  }

  #data(bytes: Buffer, at: number, sink: BodySink): number {
    const count = Math.min(this.#size, bytes.length - at)
    this.#size -= count
    if (this.#size === 0) this.#state = DATA_CR
    sink.push(bytes.subarray(at, at + count))
    return at + count
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case SIZE:
        return this.#sizeByte(byte)
      case SIZE_LF:
        if (byte !== LF) return this.#refuse()
        if (this.#size > 0) this.#state = DATA
        else this.#beginTrailers()
        return
      case DATA_CR:
        return byte === CR ? this.#goTo(DATA_LF) : this.#refuse()
      case DATA_LF:
        if (byte !== LF) return this.#refuse()
        this.#digits = 0
        return this.#goTo(SIZE)
      default:
        return this.#extensionByte(byte)
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte)
    if (digit !== undefined) {
      this.#size = this.#size * 16 + digit
      this.#digits += 1
      if (this.#digits > SIZE_DIGITS_MAX) this.#refuse()
      return
    }
    if (this.#digits === 0) return this.#refuse()
    this.#endOfPart(byte)
  }

  #extensionByte(byte: number): void {
    this.#extensionBytes += 1
    if (this.#extensionBytes > this.#limits.chunkExtensionBytes) return this.#refuse()
    if (this.#state === QUOTED) {
      if (byte === QUOTE) return this.#goTo(AFTER_QUOTED)
      return isQuotable(byte) ? undefined : this.#refuse()
    }
    if (this.#state === AFTER_QUOTED) return this.#endOfPart(byte)
    if (((BYTE_CLASS[byte] ?? 0) & TOKEN) !== 0) {
      this.#partBytes += 1
      return
    }
    if (this.#state === EXTENSION_VALUE && this.#partBytes === 0 && byte === QUOTE) return this.#goTo(QUOTED)
    if (this.#partBytes === 0) return this.#refuse()
    if (this.#state === EXTENSION_NAME && byte === EQUALS) return this.#goTo(EXTENSION_VALUE)
    this.#endOfPart(byte)
  }

  /** What may follow a size, an extension name or a value: another extension, or the end of the line. */
  #endOfPart(byte: number): void {
    if (byte === SEMICOLON) this.#goTo(EXTENSION_NAME)
    else if (byte === CR) this.#goTo(SIZE_LF)
    else this.#refuse()
  }

  #beginTrailers(): void {
    this.#section = new FieldSection(TRAILER_FIELDS_MAX, this.#names)
    this.#section.start(0)
    this.#kept = new KeptBytes(this.#limits.trailerBytes)
    this.#state = TRAILERS
  }

  #trailers(bytes: Buffer, at: number): number {
    const section = this.#section
    const kept = this.#kept
    if (section === undefined || kept === undefined) return at
    const before = kept.length
    kept.append(bytes, at)
    if (!section.scan(kept.bytes, 0, kept.length)) {
      if (kept.length === this.#limits.trailerBytes) this.refusal = 'bad-trailer'
      return bytes.length
    }
    if (section.refusal === undefined)
      this.trailers = section.collect(kept.bytes, 0, kept.bytes.toString('latin1', 0, section.end), NO_FRAMING)
    if (section.refusal !== undefined) this.refusal = 'bad-trailer'
    this.#state = DONE
    return at + section.end - before
  }

  #goTo(state: number): void {
    this.#state = state
    this.#partBytes = 0
  }

  #refuse(): void {
    this.refusal = 'bad-chunk'
  }
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined
}

/** RFC 9110 section 5.6.4, without the backslash: nobody escapes here. */
function isQuotable(byte: number): boolean {
  return byte === HT || (byte >= SP && byte !== 0x7f && byte !== QUOTE && byte !== BACKSLASH)
}
