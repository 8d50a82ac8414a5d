const MIB = 1024 * 1024
const MARK_BYTES = 8
const BLOCK = Buffer.alloc(MIB, 'every byte of an upload has to arrive once and in its place. ')

/** The pieces of an upload's `number`th MiB: a mark that says which one it is, and filler. */
export function patternPieces(seed: number, number: number): readonly [Buffer, Buffer] {
  const mark = Buffer.alloc(MARK_BYTES)
  mark.writeUInt32BE(seed, 0)
  mark.writeUInt32BE(number, MARK_BYTES / 2)
  return [mark, BLOCK.subarray(MARK_BYTES)]
}

/** The seed of a body is in its path: parts of one upload differ. */
function seedOf(path: string): number {
  return Number(/[?&]partNumber=(\d+)/.exec(path)?.[1] ?? 0)
}

/** Compares the bytes of an upload with what was sent, as they come. */
export class PatternCheck {
  seenBytes = 0
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Throws where a byte differs. */
  see(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length;) {
      const at = this.seenBytes % MIB
      const [mark, filler] = patternPieces(seedOf(this.#path), Math.floor(this.seenBytes / MIB))
      const [wanted, from] = at < MARK_BYTES ? [mark, at] : [filler, at - MARK_BYTES]
      const length = Math.min(chunk.length - done, wanted.length - from)
      if (wanted.compare(chunk, done, done + length, from, from + length) !== 0)
        throw new Error(`${this.#path}: bytes differ within ${this.seenBytes}-${this.seenBytes + length}`)
      done += length
      this.seenBytes += length
    }
  }
}
