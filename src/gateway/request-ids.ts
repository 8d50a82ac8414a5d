import { randomBytes } from 'node:crypto'

const COUNTER_HEX_DIGITS = 8

/** Request ids as S3 writes them: 16 upper-case hex digits. Unique within a process; a random half tells processes apart. */
export class RequestIds {
  readonly #prefix = randomBytes(4).toString('hex').toUpperCase()
  #counter = 0

  next(): string {
    this.#counter = (this.#counter + 1) >>> 0
    return this.#prefix + this.#counter.toString(16).toUpperCase().padStart(COUNTER_HEX_DIGITS, '0')
  }
}
