import type { ObjectVersion, Piece, PieceSource, ReadOptions, VersionReader } from './api.ts'
import { decodeError, type ErrorCodec } from './foreign-error.ts'
import type { CacheMessage, ForeignError, PieceRef } from './message.ts'
import type { RecordFinder } from './record-finder.ts'
import { MemoryPiece, VersionBlocks } from './version-blocks.ts'

/** An owner sends no more than this before its reader has taken some of it. */
export const UNREAD_BYTES_MAX = 4 * 1024 * 1024

export interface RemoteLinks {
  readonly finder: RecordFinder
  readonly post: (worker: number, message: CacheMessage) => void
  readonly errors: ErrorCodec
}

/** One worker's reads of objects that others own. */
export class RemoteReads {
  readonly links: RemoteLinks
  /** Reads that are open at their owners. */
  readonly #open = new Map<number, RemoteReader>()
  #lastId = 0

  constructor(links: RemoteLinks) {
    this.links = links
  }

  register(reader: RemoteReader): number {
    const id = ++this.#lastId
    this.#open.set(id, reader)
    return id
  }

  forget(id: number): void {
    this.#open.delete(id)
  }

  pieces(from: number, message: Extract<CacheMessage, { kind: 'pieces' }>): void {
    const reader = this.#open.get(message.id)
    if (message.ended) this.forget(message.id)
    if (reader !== undefined) reader.receive(message.pieces, message.ended)
    else for (const ref of message.pieces) this.drop(from, ref)
  }

  failed(id: number, error: ForeignError): void {
    const reader = this.#open.get(id)
    this.forget(id)
    reader?.fail(decodeError(error, this.links.errors))
  }

  take(owner: number, ref: PieceRef): Piece {
    const { source, offset, length, lent } = ref
    const { finder, post } = this.links
    if (lent !== undefined)
      return new LentPiece(source, Buffer.from(lent.memory, offset, length), () => post(owner, { kind: 'returned', id: lent.id }))
    const { arena } = finder
    const segment = Math.floor(offset / arena.segmentBytes)
    const at = offset - segment * arena.segmentBytes
    return new MemoryPiece(finder, segment, { bytes: arena.view(segment).bytes.subarray(at, at + length), source })
  }

  drop(owner: number, ref: PieceRef): void {
    this.take(owner, ref).release()
  }
}

interface Waiting {
  readonly resolve: (piece: Piece | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads a range of an object that another worker owns: whole blocks out of shared memory without asking, and from the first
 * that is missing on what the owner's own reader gives, in order.
 */
export class RemoteReader implements VersionReader {
  readonly #reads: RemoteReads
  readonly #owner: number
  readonly #version: ObjectVersion
  readonly #end: number
  readonly #options: ReadOptions
  readonly #blocks: VersionBlocks
  #position: number
  /** Set while the owner reads for us, and after it has sent everything. */
  #id: number | undefined
  #ended = false
  readonly #arrived: PieceRef[] = []
  /** Taken, and not yet told to the owner. */
  #untoldBytes = 0
  #failure: { readonly error: unknown } | undefined
  #waiting: Waiting | undefined
  #closed = false

  constructor(reads: RemoteReads, version: ObjectVersion, range: { readonly start: number; readonly end: number }, options: ReadOptions) {
    this.#reads = reads
    this.#version = { key: version.key, etag: version.etag, sizeBytes: version.sizeBytes }
    this.#owner = reads.links.finder.ownerOf(version.key)
    this.#blocks = new VersionBlocks(reads.links.finder, this.#version)
    this.#position = range.start
    this.#end = Math.min(range.end, version.sizeBytes)
    this.#options = options
  }

  nextNow(): Piece | undefined {
    if (this.#closed || this.#position >= this.#end) return undefined
    const ref = this.#arrived.shift()
    const piece = ref === undefined ? this.#fromMemory() : this.#reads.take(this.#owner, ref)
    if (piece === undefined) return undefined
    this.#position += piece.bytes.length
    if (ref !== undefined) this.#tell(ref.length)
    return piece
  }

  next(): Promise<Piece | undefined> {
    const piece = this.nextNow()
    if (piece !== undefined || this.#closed || this.#position >= this.#end) return Promise.resolve(piece)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      if (this.#failure !== undefined) this.#reject()
      else if (this.#id === undefined) this.#open()
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#id !== undefined && !this.#ended) {
      this.#reads.forget(this.#id)
      this.#reads.links.post(this.#owner, { kind: 'close', id: this.#id })
    }
    for (const ref of this.#arrived.splice(0)) this.#reads.drop(this.#owner, ref)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(undefined)
  }

  receive(pieces: readonly PieceRef[], ended: boolean): void {
    this.#arrived.push(...pieces)
    this.#ended = ended
    const waiting = this.#waiting
    const piece = waiting === undefined ? undefined : this.nextNow()
    if (piece === undefined) return
    this.#waiting = undefined
    waiting?.resolve(piece)
  }

  /** The owner's reader failed. What arrived before is still given out; who goes on after the failure asks anew. */
  fail(error: unknown): void {
    this.#id = undefined
    this.#failure = { error }
    if (this.#waiting !== undefined) this.#reject()
  }

  #reject(): void {
    const { error } = this.#failure ?? {}
    const waiting = this.#waiting
    this.#failure = undefined
    this.#waiting = undefined
    waiting?.reject(error)
  }

  /** What the caller caused itself is told apart by the owner alone. */
  #fromMemory(): Piece | undefined {
    if (this.#id !== undefined || this.#failure !== undefined || this.#options.own === true) return undefined
    return this.#blocks.piece(this.#position, this.#end, { source: 'memory', counts: true })
  }

  #open(): void {
    const { ask, generation, own } = this.#options
    this.#id = this.#reads.register(this)
    this.#reads.links.post(this.#owner, {
      kind: 'read',
      id: this.#id,
      version: this.#version,
      start: this.#position,
      end: this.#end,
      ask,
      generation,
      own: own === true,
    })
  }

  #tell(bytes: number): void {
    if (this.#id === undefined || this.#ended) return
    this.#untoldBytes += bytes
    if (this.#arrived.length > 0 && this.#untoldBytes < UNREAD_BYTES_MAX / 2) return
    this.#reads.links.post(this.#owner, { kind: 'taken', id: this.#id, bytes: this.#untoldBytes })
    this.#untoldBytes = 0
  }
}

class LentPiece implements Piece {
  readonly bytes: Uint8Array
  readonly source: PieceSource
  #giveBack: (() => void) | undefined

  constructor(source: PieceSource, bytes: Uint8Array, giveBack: () => void) {
    this.source = source
    this.bytes = bytes
    this.#giveBack = giveBack
  }

  release(): void {
    this.#giveBack?.()
    this.#giveBack = undefined
  }
}
