const FIRST_CAPACITY_BYTES = 1024

/** Bytes of a message part that came in pieces, joined; never more than a maximum. Empty it holds no memory. */
export class KeptBytes {
  bytes: Buffer = EMPTY
  length = 0
  readonly #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Copies `source` from `at` on, as far as there is room. */
  append(source: Uint8Array, at: number): void {
    const count = Math.min(source.length - at, this.#maxBytes - this.length)
    const wanted = this.length + count
    if (wanted > this.bytes.length) {
      let capacity = Math.max(this.bytes.length, FIRST_CAPACITY_BYTES)
      while (capacity < wanted) capacity *= 2
      const grown = Buffer.allocUnsafeSlow(Math.min(capacity, this.#maxBytes))
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(source.subarray(at, at + count), this.length)
    this.length = wanted
  }

  clear(): void {
    this.bytes = EMPTY
    this.length = 0
  }
}

const EMPTY = Buffer.alloc(0)
