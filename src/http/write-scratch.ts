const SCRATCH_BYTES = 64 * 1024

/**
 * Memory in which small responses are put together, shared by all connections of a thread. When a write is taken by the kernel at once, as
 * nearly all are, the same bytes serve the next response; otherwise they belong to the write from then on.
 */
export class WriteScratch {
  #bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

  /** Exactly `size` bytes, not cleared; valid until the next call. */
  take(size: number): Buffer {
    return size <= SCRATCH_BYTES ? this.#bytes.subarray(0, size) : Buffer.allocUnsafeSlow(size)
  }

  /** The bytes given last are still being read by a socket. */
  abandon(): void {
    this.#bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  }
}
