import type { ByteSource } from '../../base/byte-source.ts'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** Reads a source by lines and counts instead of by the pieces in which it comes. */
export class ByteReader {
  readonly #source: ByteSource
  readonly #onEarlyEnd: () => Error
  #piece: Uint8Array = new Uint8Array(0)
  #at = 0

  /** `onEarlyEnd` makes the error for a source that ends where more was wanted. */
  constructor(source: ByteSource, onEarlyEnd: () => Error) {
    this.#source = source
    this.#onEarlyEnd = onEarlyEnd
  }

  /** The next line without its CRLF, as latin1; undefined where it is longer than `maxBytes` or not ended by CRLF. */
  async line(maxBytes: number): Promise<string | undefined> {
    let line = ''
    for (;;) {
      await this.#need()
      const feed = this.#piece.indexOf(LINE_FEED, this.#at)
      const end = feed < 0 ? this.#piece.length : feed + 1
      if (line.length + end - this.#at > maxBytes) return undefined
      line += latin1(this.#piece.subarray(this.#at, end))
      this.#at = end
      if (feed >= 0) return line.charCodeAt(line.length - 2) === CARRIAGE_RETURN ? line.slice(0, -2) : undefined
    }
  }

  /** One to `maxBytes` bytes, as they come. */
  async some(maxBytes: number): Promise<Uint8Array> {
    await this.#need()
    const end = Math.min(this.#piece.length, this.#at + maxBytes)
    const bytes = this.#piece.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  /** Exactly `sizeBytes` bytes in one buffer. */
  async exactly(sizeBytes: number): Promise<Uint8Array> {
    const whole = Buffer.allocUnsafeSlow(sizeBytes)
    for (let filled = 0; filled < sizeBytes;) {
      const bytes = await this.some(sizeBytes - filled)
      whole.set(bytes, filled)
      filled += bytes.length
    }
    return whole
  }

  /** Everything up to the end as latin1; undefined where it is more than `maxBytes`. */
  async rest(maxBytes: number): Promise<string | undefined> {
    let text = ''
    for (;;) {
      if (text.length + this.#piece.length - this.#at > maxBytes) return undefined
      text += latin1(this.#piece.subarray(this.#at))
      this.#at = this.#piece.length
      const next = await this.#source.read()
      if (next === undefined) return text
      this.#piece = next
      this.#at = 0
    }
  }

  async #need(): Promise<void> {
    if (this.#at < this.#piece.length) return
    const next = await this.#source.read()
    if (next === undefined) throw this.#onEarlyEnd()
    this.#piece = next
    this.#at = 0
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
