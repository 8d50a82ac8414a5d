import { isAuthority } from './authority.ts'
import { CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING } from './field-name.ts'
import type { FramingFields } from './field-section.ts'
import type { RefusalReason } from './refusal.ts'

/** Digits of a Content-Length; enough for every safe integer. */
const LENGTH_DIGITS_MAX = 16

/**
 * What the fields of one request head say about its body and its connection (RFC 9112 sections 6 and 9). Anything that two
 * recipients could read differently is refused: that is how requests are smuggled.
 */
export class Framing implements FramingFields {
  host: string | undefined = undefined
  contentLength: number | undefined = undefined
  chunked = false
  close = false
  keepAlive = false
  expectContinue = false

  reset(): void {
    this.host = undefined
    this.contentLength = undefined
    this.chunked = false
    this.close = false
    this.keepAlive = false
    this.expectContinue = false
  }

  note(field: number, value: string): RefusalReason | undefined {
    switch (field) {
      case HOST:
        return this.#noteHost(value)
      case CONTENT_LENGTH:
        return this.#noteLength(value)
      case TRANSFER_ENCODING:
        if (this.chunked || !equalsIgnoringCase(value, 'chunked')) return 'bad-transfer-encoding'
        this.chunked = true
        return undefined
      case CONNECTION:
        this.#noteConnection(value)
        return undefined
      case EXPECT:
        // Other expectations are ignored, as S3 does; RFC 9110 section 10.1.1 allows 417 but does not ask for it.
        if (equalsIgnoringCase(value, '100-continue')) this.expectContinue = true
        return undefined
      default:
        return undefined
    }
  }

  /** What can be said only when all fields are known. */
  conclude(minorVersion: 0 | 1): RefusalReason | undefined {
    if (this.chunked && this.contentLength !== undefined) return 'conflicting-framing'
    if (this.chunked && minorVersion === 0) return 'bad-transfer-encoding'
    if (this.host === undefined && minorVersion === 1) return 'missing-host'
    if (minorVersion === 0) this.expectContinue = false
    if (this.close) this.keepAlive = false
    else if (minorVersion === 1) this.keepAlive = true
    return undefined
  }

  #noteHost(value: string): RefusalReason | undefined {
    if (this.host !== undefined || !isAuthority(value)) return 'bad-host'
    this.host = value
    return undefined
  }

  #noteLength(value: string): RefusalReason | undefined {
    if (this.contentLength !== undefined || value.length === 0 || value.length > LENGTH_DIGITS_MAX) return 'bad-content-length'
    let length = 0
    for (let i = 0; i < value.length; i += 1) {
      const digit = value.charCodeAt(i) - 0x30
      if (digit < 0 || digit > 9) return 'bad-content-length'
      length = length * 10 + digit
    }
    if (!Number.isSafeInteger(length)) return 'bad-content-length'
    this.contentLength = length
    return undefined
  }

  #noteConnection(value: string): void {
    for (const option of value.includes(',') ? value.split(',') : [value]) {
      const word = option.trim()
      if (equalsIgnoringCase(word, 'keep-alive')) this.keepAlive = true
      else if (equalsIgnoringCase(word, 'close')) this.close = true
    }
  }
}

/** `lower` is lower case already. */
function equalsIgnoringCase(value: string, lower: string): boolean {
  return value === lower || (value.length === lower.length && value.toLowerCase() === lower)
}
