import { randomBytes } from 'node:crypto'

const BYTE_VALUES = 256
const HEX = Array.from({ length: BYTE_VALUES }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
const HIGH_HEX_DIGITS = 6

/**
 * Request ids as S3 writes them: 16 upper-case hex digits. Unique within a process: one byte is the worker's number, eight digits are a
 * counter. The rest is random and tells processes apart.
 */
export class RequestIds {
  readonly #prefix: string
  #counter = 0
  /** All but the last byte, which is all that changes for 256 ids. */
  #start: string

  constructor(worker: number) {
    this.#prefix = Buffer.from([...randomBytes(3), worker])
      .toString('hex')
      .toUpperCase()
    this.#start = this.#startOf(0)
  }

  next(): string {
    this.#counter = (this.#counter + 1) >>> 0
    const low = this.#counter & 0xff
    if (low === 0) this.#start = this.#startOf(this.#counter)
    return this.#start + (HEX[low] ?? '')
  }

  #startOf(counter: number): string {
    const high = (counter >>> 8).toString(16).toUpperCase().padStart(HIGH_HEX_DIGITS, '0')
    return this.#prefix + high
  }
}
