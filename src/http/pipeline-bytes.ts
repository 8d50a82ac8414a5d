/** Pieces are few as a rule; a client that sends byte by byte while it waits is not read on beyond these. */
const PIECES_MAX = 64

/** Bytes of later requests, in the pieces in which they came. */
export class PipelineBytes {
  bytes = 0
  #pieces: Buffer[] = NONE

  isFull(maxBytes: number): boolean {
    return this.bytes >= maxBytes || this.#pieces.length >= PIECES_MAX
  }

  push(piece: Buffer): void {
    if (this.#pieces === NONE) this.#pieces = []
    this.#pieces.push(piece)
    this.bytes += piece.length
  }

  /** Gives back what could not be used. */
  unshift(piece: Buffer): void {
    this.#pieces.unshift(piece)
    this.bytes += piece.length
  }

  shift(): Buffer | undefined {
    const piece = this.#pieces.shift()
    if (piece !== undefined) this.bytes -= piece.length
    return piece
  }

  clear(): void {
    this.#pieces = NONE
    this.bytes = 0
  }
}

/** Shared by all connections that have nothing waiting; never written to. */
const NONE: Buffer[] = []
