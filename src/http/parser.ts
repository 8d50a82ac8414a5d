// hot path
import { BYTE_CLASS, CR, LF, SP, TARGET, TOKEN } from './byte-class.ts'
import { splitAbsoluteTarget } from './authority.ts'
import type { RequestHead } from './exchange.ts'
import { RepeatedFields, type Entry, type FieldMemo } from './field-memo.ts'
import type { FieldNames } from './field-name.ts'
import { FieldSection } from './field-section.ts'
import { Framing } from './framing.ts'
import { KeptBytes } from './kept-bytes.ts'
import type { HttpLimits } from './limits.ts'
import type { RefusalReason } from './refusal.ts'

const LEADING = 0
const METHOD = 1
const REQUEST_TARGET = 2
const VERSION = 3
const FIELDS = 4

/** Everything else is refused: CONNECT is for tunnels, and what HTTP does not define no S3 API uses. */
const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']
const METHOD_LENGTH_MAX = 32

/** `HTTP/1.1` and the CR LF behind it. */
const VERSION_LINE_BYTES = 10

/**
 * An incremental, strict parser for request heads (RFC 9112). Feed it bytes as they come; it holds a partial head by itself, up
 * to the limit. After each `feed` either `head` is there (with `framing`), or `refusal`, or neither: then it wants more.
 */
export class RequestParser {
  head: RequestHead | undefined = undefined
  refusal: RefusalReason | undefined = undefined
  readonly framing = new Framing()
  readonly #fields: FieldSection
  readonly #kept: KeptBytes
  readonly #headBytes: number
  readonly #memo: FieldMemo
  #phase = LEADING
  #at = 0
  #lineStart = 0
  #methodEnd = 0
  #targetEnd = 0
  #minorVersion: 0 | 1 = 1
  /** Fields that are known without being read. */
  #known: Entry | undefined = undefined

  constructor(limits: Pick<HttpLimits, 'headBytes' | 'fieldCountMax'>, shared: { readonly names: FieldNames; readonly memo: FieldMemo }) {
    this.#headBytes = limits.headBytes
    this.#fields = new FieldSection(limits.fieldCountMax, shared.names)
    this.#memo = shared.memo
    this.#kept = new KeptBytes(limits.headBytes)
  }

  /** True once something of a request line has come; an empty line alone is nothing. */
  get begun(): boolean {
    return this.#phase > METHOD || this.#at > this.#lineStart
  }

  /** Makes ready for the next head. */
  reset(): void {
    this.head = undefined
    this.refusal = undefined
    this.#kept.clear()
    this.#phase = LEADING
    this.#at = 0
    this.#lineStart = 0
    this.#known = undefined
  }

  /** Takes bytes from `at` on; gives the position after the last byte that belongs to this head. */
  feed(bytes: Buffer, at: number): number {
    if (this.#kept.length === 0) {
      const end = Math.min(bytes.length, at + this.#headBytes)
      if (this.#scan(bytes, at, end)) return at + this.#at
      if (end - at === this.#headBytes) this.#refuseLong()
      else this.#kept.append(bytes, at)
      return bytes.length
    }
    const before = this.#kept.length
    this.#kept.append(bytes, at)
    if (this.#scan(this.#kept.bytes, 0, this.#kept.length)) return at + this.#at - before
    if (this.#kept.length === this.#headBytes) this.#refuseLong()
    return bytes.length
  }

  /** True when the head is complete or refused; #at is then where it ends. */
  #scan(bytes: Buffer, base: number, end: number): boolean {
    if (this.#phase < FIELDS && !this.#requestLine(bytes, base, end)) return this.refusal !== undefined
    if (this.#known !== undefined) return this.#completeKnown(bytes, base, this.#known)
    const fields = this.#fields
    if (!fields.scan(bytes, base, end)) return false
    this.refusal = fields.refusal
    this.#at = fields.end
    if (this.refusal === undefined) this.#complete(bytes, base)
    return true
  }

  #requestLine(bytes: Buffer, base: number, end: number): boolean {
    let at = base + this.#at
    if (this.#phase === LEADING) at = this.#leading(bytes, at, base, end)
    if (this.#phase === METHOD) at = this.#method(bytes, at, base, end)
    if (this.#phase === REQUEST_TARGET) at = this.#target(bytes, at, base, end)
    if (this.#phase === VERSION && this.refusal === undefined) at = this.#version(bytes, at, base, end)
    this.#at = at - base
    return this.#phase === FIELDS
  }

  /** At most one empty line before the request line is overlooked (RFC 9112 section 2.2). */
  #leading(bytes: Buffer, at: number, base: number, end: number): number {
    if (at === end) return at
    if (bytes[at] !== CR) {
      this.#phase = METHOD
      return at
    }
    if (at + 1 === end) return at
    if (bytes[at + 1] !== LF) return this.#refuse('bad-line-ending', at)
    this.#lineStart = at + 2 - base
    this.#phase = METHOD
    return at + 2
  }

  #method(bytes: Buffer, from: number, base: number, end: number): number {
    let at = from
    while (at < end && ((BYTE_CLASS[bytes[at] ?? 0] ?? 0) & TOKEN) !== 0) at += 1
    const start = base + this.#lineStart
    if (at - start > METHOD_LENGTH_MAX) return this.#refuse('bad-request-line', at)
    if (at === end) return at
    if (bytes[at] !== SP || at === start) return this.#refuse('bad-request-line', at)
    this.#methodEnd = at - base
    this.#phase = REQUEST_TARGET
    return at + 1
  }

  #target(bytes: Buffer, from: number, base: number, end: number): number {
    let at = from
    while (at < end && ((BYTE_CLASS[bytes[at] ?? 0] ?? 0) & TARGET) !== 0) at += 1
    if (at === end) return at
    const byte = bytes[at]
    if (byte === CR || byte === LF) return this.#refuse('bad-request-line', at)
    if (byte !== SP || at - base === this.#methodEnd + 1) return this.#refuse('bad-target', at)
    this.#targetEnd = at - base
    this.#phase = VERSION
    return at + 1
  }

  #version(bytes: Buffer, at: number, base: number, end: number): number {
    this.#known = this.#memo.find(bytes, at, end)
    if (this.#known !== undefined) {
      this.#phase = FIELDS
      return end
    }
    if (end - at < VERSION_LINE_BYTES) return at
    const major = versionDigit(bytes, at)
    if (major === undefined) return this.#refuse('bad-request-line', at)
    const minor = (bytes[at + 7] ?? 0) - 0x30
    if (major !== 1 || (minor !== 0 && minor !== 1)) return this.#refuse('unsupported-version', at)
    const byte = bytes[at + 8]
    if (byte !== CR || bytes[at + 9] !== LF) {
      return this.#refuse(byte === LF || byte === CR ? 'bad-line-ending' : 'bad-request-line', at)
    }
    this.#minorVersion = minor
    this.#phase = FIELDS
    this.#fields.start(at + VERSION_LINE_BYTES - base)
    return at + VERSION_LINE_BYTES
  }

  /** The same as `#complete`, for fields whose bytes are those of an earlier head. */
  #completeKnown(bytes: Buffer, base: number, known: Entry): boolean {
    const method = knownMethod(bytes, base + this.#lineStart, base + this.#methodEnd)
    if (method === undefined) {
      this.refusal = 'unknown-method'
      return true
    }
    const { framing } = this
    framing.reset()
    const { fields } = known
    const { host } = fields
    framing.host = host
    framing.keepAlive = true
    const signature = known.signatureOf(bytes, base + this.#targetEnd + 1)
    const headers = known.headersWith(signature)
    const target = bytes.toString('latin1', base + this.#methodEnd + 1, base + this.#targetEnd)
    if (isOriginForm(target, method)) this.head = { method, target, minorVersion: 1, headers, host, repeated: { fields, signature } }
    else this.#completeAbsolute(method, target, [...headers])
    return true
  }

  #complete(bytes: Buffer, base: number): void {
    const text = bytes.toString('latin1', base, base + this.#at)
    const { framing } = this
    framing.reset()
    const method = knownMethod(bytes, base + this.#lineStart, base + this.#methodEnd)
    const headers = this.#fields.collect(bytes, base, text, framing)
    this.refusal = method === undefined ? 'unknown-method' : (this.#fields.refusal ?? framing.conclude(this.#minorVersion))
    if (this.refusal !== undefined || method === undefined) return
    const target = text.substring(this.#methodEnd + 1, this.#targetEnd)
    if (isOriginForm(target, method)) {
      this.head = { method, target, minorVersion: this.#minorVersion, headers, host: framing.host ?? '', repeated: undefined }
      this.#remember(bytes, base, this.head)
    } else this.#completeAbsolute(method, target, headers)
  }

  /** The authority of the target counts, and a Host field is overlooked (RFC 9112 section 3.2.2): it is replaced, so that there is one truth. */
  #completeAbsolute(method: string, target: string, headers: string[]): void {
    const split = splitAbsoluteTarget(target)
    if (split === undefined) {
      this.refusal = 'bad-target'
      return
    }
    for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'host') headers[i + 1] = split.host
    this.head = { method, target: split.target, minorVersion: this.#minorVersion, headers, host: split.host, repeated: undefined }
  }

  #remember(bytes: Buffer, base: number, { headers, host, minorVersion }: RequestHead): void {
    const { framing } = this
    if (minorVersion === 0 || !framing.keepAlive || framing.chunked || framing.contentLength !== undefined || framing.expectContinue) return
    const start = base + this.#targetEnd + 1
    this.#memo.remember(bytes, start, base + this.#at, new RepeatedFields(headers, host))
  }

  #refuseLong(): void {
    this.refusal = this.#phase < VERSION ? 'target-too-long' : 'head-too-long'
  }

  #refuse(reason: RefusalReason, at: number): number {
    this.refusal = reason
    return at
  }
}

/** RFC 9112 sections 3.2.1 and 3.2.4. */
function isOriginForm(target: string, method: string): boolean {
  return target.charCodeAt(0) === 0x2f || (target === '*' && method === 'OPTIONS')
}

function knownMethod(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) return 'GET'
  for (const method of METHODS) if (method.length === end - start && startsWith(bytes, start, method)) return method
  return undefined
}

function startsWith(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** The major version where `HTTP/d.d` stands at `at`. */
function versionDigit(bytes: Buffer, at: number): number | undefined {
  if (!startsWith(bytes, at, 'HTTP/') || bytes[at + 6] !== 0x2e || !isDigit(bytes[at + 5]) || !isDigit(bytes[at + 7])) return undefined
  return (bytes[at + 5] ?? 0) - 0x30
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
