import type { MemoryBudget } from '../base/memory-budget.ts'

/** Pieces are few as a rule; a client that sends byte by byte while it waits is not read on beyond these. */
const PIECES_MAX = 64

/** Bytes of later requests, in the pieces in which they came. */
export class PipelineBytes {
  bytes = 0
  readonly #budget: MemoryBudget
  #pieces: Buffer[] = NONE

  constructor(budget: MemoryBudget) {
    this.#budget = budget
  }

  isFull(maxBytes: number): boolean {
    return this.bytes >= maxBytes || this.#pieces.length >= PIECES_MAX
  }

  push(piece: Buffer): void {
    if (this.#pieces === NONE) this.#pieces = []
    this.#pieces.push(piece)
    this.#add(piece.length)
  }

  /** Gives back what could not be used. */
  unshift(piece: Buffer): void {
    this.#pieces.unshift(piece)
    this.#add(piece.length)
  }

  shift(): Buffer | undefined {
    const piece = this.#pieces.shift()
    if (piece !== undefined) this.#add(-piece.length)
    return piece
  }

  clear(): void {
    if (this.bytes > 0) this.#add(-this.bytes)
    this.#pieces = NONE
  }

  #add(bytes: number): void {
    this.bytes += bytes
    this.#budget.take('pipeline', bytes)
  }
}

/** Shared by all connections that have nothing waiting; never written to. */
const NONE: Buffer[] = []
