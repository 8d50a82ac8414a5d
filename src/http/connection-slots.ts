/** A count of connections against a limit, shared by every thread that is given the same memory. */
export class ConnectionSlots {
  readonly #taken: Int32Array
  readonly #limit: number

  constructor(memory: SharedArrayBuffer, limit: number) {
    this.#taken = new Int32Array(memory)
    this.#limit = limit
  }

  /** Memory in which nothing is taken. */
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  }

  /** Takes a slot where one is free; it must be given back. */
  take(): boolean {
    if (Atomics.add(this.#taken, 0, 1) < this.#limit) return true
    this.give()
    return false
  }

  give(): void {
    Atomics.sub(this.#taken, 0, 1)
  }
}
