/** Room for the small responses of a step, copied bodies and all. */
const SCRATCH_BYTES = 1024 * 1024

/** Views kept. */
const VIEWS = 256

/**
 * Memory in which responses are put together, shared by all connections of a thread. When writes are taken by the kernel at once, as
 * nearly all are, the same bytes serve the next responses; otherwise they belong to the write from then on.
 */
export class WriteScratch {
  #bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #used = 0
  /** Responses are often as long as those before: their views serve again. */
  #views: (Buffer | undefined)[] = []

  /** Exactly `size` bytes, not cleared; valid until `reuse`. */
  take(size: number): Buffer {
    const start = this.#used
    if (start + size > SCRATCH_BYTES) return Buffer.allocUnsafeSlow(size)
    this.#used = start + size
    const slot = (start + size) % VIEWS
    const view = this.#views[slot]
    if (view?.length === size && view.byteOffset === start) return view
    return (this.#views[slot] = this.#bytes.subarray(start, start + size))
  }

  /** Takes back the bytes that were given last, where these are they. */
  giveBack(bytes: Buffer): void {
    if (bytes.byteOffset + bytes.length === this.#used && bytes.buffer === this.#bytes.buffer) this.#used = bytes.byteOffset
  }

  /** Everything given so far is written. */
  reuse(): void {
    this.#used = 0
  }

  /** Bytes given since the last `reuse` are still being read by a socket. Gives the memory that is held by that from now on, in bytes. */
  abandon(bytes: Buffer): number {
    if (bytes.buffer !== this.#bytes.buffer) return bytes.length
    this.#bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    this.#used = 0
    this.#views = []
    return SCRATCH_BYTES
  }
}
