import type { ObjectVersion, Piece, PieceSource } from './api.ts'
import { BLOCK_BYTES, blockAt, blockLength } from './block.ts'
import { bodyOf, isVersionOf } from './record.ts'
import type { FoundRecord, RecordFinder, VersionHash } from './record-finder.ts'

/** The blocks of one version that are in memory, for any thread. */
export class VersionBlocks {
  readonly #finder: RecordFinder
  readonly #version: ObjectVersion
  readonly #hash: VersionHash

  constructor(finder: RecordFinder, version: ObjectVersion) {
    this.#finder = finder
    this.#version = version
    this.#hash = finder.versionHash(version)
  }

  isPresent(blockNo: number): boolean {
    const found = this.#find(blockNo, false)
    if (found !== undefined) this.#finder.unpin(found.segment)
    return found !== undefined
  }

  /** Bytes from `position` to the end of its block, or to `end`; undefined where the block is not here. `counts`: this is a use. */
  piece(position: number, end: number, how: { readonly source: PieceSource; readonly counts: boolean }): Piece | undefined {
    const blockNo = blockAt(position)
    const found = this.#find(blockNo, how.counts)
    if (found === undefined) return undefined
    const body = bodyOf(found.view, found.offset)
    if (body === undefined || body.length !== blockLength(this.#version.sizeBytes, blockNo)) {
      this.#finder.unpin(found.segment)
      return undefined
    }
    const base = blockNo * BLOCK_BYTES
    return new MemoryPiece(this.#finder, found.segment, {
      bytes: body.subarray(position - base, Math.min(body.length, end - base)),
      source: how.source,
    })
  }

  /** A block in memory, pinned: of an object of one block it may stand in the head's record. */
  #find(blockNo: number, counts: boolean): FoundRecord | undefined {
    const version = this.#version
    if (version.sizeBytes <= BLOCK_BYTES) {
      const head = this.#finder.findHead(version.key, counts)
      if (head !== undefined) {
        if (isVersionOf(head.view, head.offset, version) && bodyOf(head.view, head.offset) !== undefined) return head
        this.#finder.unpin(head.segment)
      }
    }
    return this.#finder.findBlock(version, blockNo, { hash: this.#hash, counts })
  }
}

/** Bytes in the arena, their segment pinned by this worker. */
export class MemoryPiece implements Piece {
  readonly bytes: Uint8Array
  readonly source: PieceSource
  readonly #segment: number
  #finder: RecordFinder | undefined

  constructor(finder: RecordFinder, segment: number, piece: { readonly bytes: Uint8Array; readonly source: PieceSource }) {
    this.bytes = piece.bytes
    this.source = piece.source
    this.#segment = segment
    this.#finder = finder
  }

  release(): void {
    this.#finder?.unpin(this.#segment)
    this.#finder = undefined
  }
}
