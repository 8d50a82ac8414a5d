import type { ByteRun } from './run.ts'
import { BLOCK_BYTES } from './block.ts'

/** A sequence begins with so much ahead of it, and doubles that with every step. */
export const READ_AHEAD_BYTES_MIN = 2 * BLOCK_BYTES
export const READ_AHEAD_BYTES_MAX = 32 * 1024 * 1024

/** Objects whose readers are watched; the one that was begun first is forgotten for another. */
const WATCHED_MAX = 1024

interface Sequence {
  /** Where its next reader should begin. */
  position: number
  windowBytes: number
  /** What lies before this was read ahead already. */
  aheadTo: number
}

/**
 * Readers that come one after another for consecutive ranges of an object on disk: what the next ones will ask for is brought into
 * memory before they do. A reader who begins elsewhere ends the sequence.
 */
export class SequentialReads {
  readonly #sequences = new Map<string, Sequence>()

  /** A reader of [start, end) had to read from disk. */
  missed(object: string, end: number): void {
    if (this.#sequences.has(object)) return
    const oldest = this.#sequences.size < WATCHED_MAX ? undefined : this.#sequences.keys().next().value
    if (oldest !== undefined) this.#sequences.delete(oldest)
    this.#sequences.set(object, { position: end, windowBytes: READ_AHEAD_BYTES_MIN, aheadTo: end })
  }

  /** A reader of [start, end) came. What to read ahead now, if anything. */
  began(object: string, start: number, end: number): ByteRun | undefined {
    const sequence = this.#sequences.get(object)
    if (sequence === undefined) return undefined
    // Other workers read what is in memory without asking here: a gap that was read ahead is none.
    if (start < sequence.position || start > sequence.aheadTo) {
      this.#sequences.delete(object)
      return undefined
    }
    sequence.position = end
    const aheadTo = Math.max(end, sequence.aheadTo)
    if (aheadTo - end >= sequence.windowBytes / 2) return undefined
    sequence.aheadTo = aheadTo + sequence.windowBytes
    sequence.windowBytes = Math.min(READ_AHEAD_BYTES_MAX, sequence.windowBytes * 2)
    return { start: aheadTo, end: sequence.aheadTo }
  }
}
