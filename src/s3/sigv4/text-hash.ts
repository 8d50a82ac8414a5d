// hot path
import { hash } from 'node:crypto'

/** Room for a canonical request: longer ones get memory of their own. */
const TEXT_BYTES = 2048

/** Hashes short texts without memory for each: they are written into one buffer that is used again. */
export class TextHash {
  readonly #bytes = Buffer.alloc(TEXT_BYTES)

  /** Lower-case hex of the SHA-256 of a latin1 view of bytes. */
  sha256Hex(text: string): string {
    if (text.length > TEXT_BYTES) return hash('sha256', Buffer.from(text, 'latin1'), 'hex')
    this.#bytes.write(text, 0, 'latin1')
    return hash('sha256', this.#bytes.subarray(0, text.length), 'hex')
  }
}
