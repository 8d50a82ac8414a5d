import { assert } from '../base/assert.ts'
import type { Piece, PieceSource } from './api.ts'
import type { FillMemory } from './fill-room.ts'

/**
 * A block while it arrives. Its main part grows from `mainFrom`; what lies before that is the prefix, which is fetched
 * afterwards and grows from 0. Followers read from the same memory. It is freed when the fill and all pieces let go of it.
 */
export class BlockFill {
  readonly blockNo: number
  readonly memory: FillMemory
  readonly mainFrom: number
  #mainTo: number
  #prefixTo = 0
  #holds = 1
  #isFromDisk = false

  constructor(blockNo: number, memory: FillMemory, mainFrom: number) {
    this.blockNo = blockNo
    this.memory = memory
    this.mainFrom = mainFrom
    this.#mainTo = mainFrom
  }

  get length(): number {
    return this.memory.bytes.length
  }

  get mainIsFull(): boolean {
    return this.#mainTo === this.length
  }

  get isComplete(): boolean {
    return this.mainIsFull && this.#prefixTo === this.mainFrom
  }

  /** All of it came from the disk. */
  get isFromDisk(): boolean {
    return this.#isFromDisk
  }

  /** Lets `read` write the whole block into memory that is not given up before that is done. False: it is not complete. */
  async fillFromDisk(read: (target: Uint8Array) => Promise<boolean>): Promise<boolean> {
    assert(this.mainFrom === 0 && this.#mainTo === 0, 'a block is read from disk as a whole')
    this.#holds++
    try {
      this.#isFromDisk = await read(this.memory.bytes)
      if (this.#isFromDisk) this.#mainTo = this.length
      return this.#isFromDisk
    } finally {
      this.release()
    }
  }

  /** Appends to the main part; returns how many bytes it took. */
  appendMain(chunk: Uint8Array): number {
    assert(this.#holds > 0, 'nothing is written into memory that was given up')
    const taken = Math.min(chunk.length, this.length - this.#mainTo)
    this.memory.bytes.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), this.#mainTo)
    this.#mainTo += taken
    return taken
  }

  appendPrefix(chunk: Uint8Array): void {
    assert(this.#holds > 0, 'nothing is written into memory that was given up')
    assert(this.#prefixTo + chunk.length <= this.mainFrom, 'a prefix ends where the main part begins')
    this.memory.bytes.set(chunk, this.#prefixTo)
    this.#prefixTo += chunk.length
  }

  /** How far bytes are there from `offset` on; undefined where that byte is not there yet. */
  availableTo(offset: number): number | undefined {
    if (offset >= this.mainFrom) return offset < this.#mainTo ? this.#mainTo : undefined
    if (offset >= this.#prefixTo) return undefined
    return this.#prefixTo === this.mainFrom ? this.#mainTo : this.#prefixTo
  }

  /** Bytes [from, to) of the block for a reader. */
  piece(from: number, to: number, source: PieceSource): Piece {
    this.#holds++
    return new FillPiece(this, this.memory.bytes.subarray(from, to), source)
  }

  release(): void {
    this.#holds--
    assert(this.#holds >= 0, 'a block is released as often as it was held')
    if (this.#holds === 0) this.memory.free()
  }
}

class FillPiece implements Piece {
  readonly bytes: Uint8Array
  readonly source: PieceSource
  #fill: BlockFill | undefined

  constructor(fill: BlockFill, bytes: Uint8Array, source: PieceSource) {
    this.#fill = fill
    this.bytes = bytes
    this.source = source
  }

  release(): void {
    this.#fill?.release()
    this.#fill = undefined
  }
}
