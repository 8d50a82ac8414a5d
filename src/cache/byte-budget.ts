import { assert } from '../base/assert.ts'

/** A number of bytes that several may hold parts of, never more than `maxBytes` together. */
export class ByteBudget {
  readonly #maxBytes: number
  #usedBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Takes a part, or nothing where it does not fit. */
  tryTake(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false
    this.#usedBytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
    assert(this.#usedBytes >= 0, 'no more is given back than was taken')
  }
}
