/** Who follows a run. All calls are synchronous and must not throw. */
export interface RunReader {
  readonly position: number
  /** How far ahead of its position it is worth to have bytes at hand. */
  readonly aheadBytes: number
  /** Something changed: bytes may be there, or the run may be over. */
  wake(): void
  /** The bytes waited for will not come. */
  fail(error: unknown): void
}

/** The readers of one run, and those of them that wait for bytes. */
export class RunReaders {
  readonly #attached = new Set<RunReader>()
  readonly #waiting = new Set<RunReader>()

  get count(): number {
    return this.#attached.size
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  add(reader: RunReader): void {
    this.#attached.add(reader)
  }

  /** False where it was none of them. */
  remove(reader: RunReader): boolean {
    this.#waiting.delete(reader)
    return this.#attached.delete(reader)
  }

  /** Wakes the reader whenever something changes, until `leave` or `remove`. */
  await(reader: RunReader): void {
    this.#waiting.add(reader)
  }

  leave(reader: RunReader): void {
    this.#waiting.delete(reader)
  }

  wake(): void {
    for (const reader of this.#waiting) reader.wake()
  }

  /** Tells those that wait for a byte before `before` that it will not come. */
  fail(error: unknown, before = Infinity): void {
    for (const reader of this.#waiting) {
      if (reader.position >= before) continue
      this.#waiting.delete(reader)
      reader.fail(error)
    }
  }

  waitsBefore(position: number): boolean {
    for (const reader of this.#waiting) if (reader.position < position) return true
    return false
  }

  /** Somebody is near enough to the position to need it soon. */
  wants(position: number): boolean {
    for (const reader of this.#attached) if (position - reader.position < reader.aheadBytes) return true
    return false
  }

  /** The position of whoever is ahead of the others; `start` where that is farther. */
  fastest(start: number): number {
    let position = start
    for (const reader of this.#attached) position = Math.max(position, reader.position)
    return position
  }
}
