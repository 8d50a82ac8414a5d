import { assert } from '../base/assert.ts'
import type { Piece, VersionReader } from './api.ts'
import type { Arena } from './arena.ts'
import { encodeError, type ErrorCodec } from './foreign-error.ts'
import type { CacheMessage, PieceRef } from './message.ts'
import { UNREAD_BYTES_MAX } from './remote-reader.ts'

/** A message between threads costs as much as copying this: while the reader has something to do, fewer bytes wait for more. */
const BATCH_BYTES = 256 * 1024

/** More workers than there can be, and more reads than one of them opens: both fit one exact number. */
const IDS_PER_WORKER = 2 ** 44

interface ServedLinks {
  readonly arena: Arena
  readonly records: SharedArrayBuffer
  readonly post: (worker: number, message: CacheMessage) => void
  readonly errors: ErrorCodec
}

/** What an owner reads for other workers. */
export class ServedReads {
  readonly links: ServedLinks
  readonly #reads = new Map<number, ServedRead>()
  readonly #lent = new Map<number, Piece>()
  #lastLent = 0

  constructor(links: ServedLinks) {
    this.links = links
  }

  get count(): number {
    return this.#reads.size
  }

  open(from: number, message: Extract<CacheMessage, { kind: 'read' }>, reader: VersionReader): void {
    const name = nameOf(from, message.id)
    const read = new ServedRead(this, { from, id: message.id, bytes: message.end - message.start }, reader)
    this.#reads.set(name, read)
    void read.run().finally(() => this.#reads.delete(name))
  }

  taken(from: number, id: number, bytes: number): void {
    this.#reads.get(nameOf(from, id))?.taken(bytes)
  }

  close(from: number, id: number): void {
    this.#reads.get(nameOf(from, id))?.close()
  }

  returned(id: number): void {
    const piece = this.#lent.get(id)
    assert(piece !== undefined, 'what is returned was lent')
    this.#lent.delete(id)
    piece.release()
  }

  /** Hands a piece to another worker: from now on it is the receiver's to give back. */
  handOver(to: number, piece: Piece): PieceRef {
    const { source, bytes } = piece
    const { buffer, byteOffset: offset, length } = bytes
    const { arena, records } = this.links
    if (buffer === records) {
      arena.pinFor(to, Math.floor(offset / arena.segmentBytes))
      piece.release()
      return { source, offset, length }
    }
    assert(buffer instanceof SharedArrayBuffer, 'pieces lie in shared memory')
    const id = ++this.#lastLent
    this.#lent.set(id, piece)
    return { source, offset, length, lent: { id, memory: buffer } }
  }

  /** Takes back what was handed over and not sent. */
  takeBack(to: number, ref: PieceRef): void {
    const { arena } = this.links
    if (ref.lent === undefined) arena.unpinFor(to, Math.floor(ref.offset / arena.segmentBytes))
    else this.returned(ref.lent.id)
  }

  /** `last` with the bytes of `piece`, where they follow each other in the same memory. */
  joined(last: PieceRef | undefined, piece: Piece): PieceRef | undefined {
    if (last === undefined || last.source !== piece.source) return undefined
    const { buffer, byteOffset, length } = piece.bytes
    if (buffer !== (last.lent?.memory ?? this.links.records) || byteOffset !== last.offset + last.length) return undefined
    const { segmentBytes } = this.links.arena
    if (last.lent === undefined && Math.floor(byteOffset / segmentBytes) !== Math.floor(last.offset / segmentBytes)) return undefined
    return { ...last, length: last.length + length }
  }
}

/** One read for another worker: an ordinary reader here, whose pieces are sent as far as the other one keeps up. */
class ServedRead {
  readonly #served: ServedReads
  readonly #to: { readonly from: number; readonly id: number }
  readonly #reader: VersionReader
  #batch: PieceRef[] = []
  #batchBytes = 0
  /** Still to come from the reader. */
  #leftBytes: number
  /** Sent and not taken yet. */
  #unreadBytes = 0
  #resume: (() => void) | undefined
  #closed = false

  constructor(served: ServedReads, to: { readonly from: number; readonly id: number; readonly bytes: number }, reader: VersionReader) {
    this.#served = served
    this.#to = to
    this.#leftBytes = to.bytes
    this.#reader = reader
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#send()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#reader.close()
    }
  }

  taken(bytes: number): void {
    this.#unreadBytes -= bytes
    this.#flushIfDue()
    this.#wake()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const ref of this.#batch.splice(0)) this.#served.takeBack(this.#to.from, ref)
    this.#reader.close()
    this.#wake()
  }

  async #send(): Promise<void> {
    while (!this.#closed) {
      for (
        let piece = this.#mayRead() ? this.#reader.nextNow() : undefined;
        piece !== undefined;
        piece = this.#mayRead() ? this.#reader.nextNow() : undefined
      ) {
        this.#add(piece)
      }
      if (this.#leftBytes === 0) {
        this.#flush(true)
        return
      }
      this.#flushIfDue()
      if (this.#mayRead()) {
        const piece = await this.#reader.next()
        if (piece === undefined) assert(this.#closed, 'a reader ends where its range ends')
        else if (this.#closed) piece.release()
        else this.#add(piece)
      } else {
        await new Promise<void>((resolve) => {
          this.#resume = resolve
        })
      }
    }
  }

  #mayRead(): boolean {
    return !this.#closed && this.#unreadBytes + this.#batchBytes < UNREAD_BYTES_MAX
  }

  #add(piece: Piece): void {
    const { length } = piece.bytes
    const joined = this.#served.joined(this.#batch.at(-1), piece)
    if (joined === undefined) this.#batch.push(this.#served.handOver(this.#to.from, piece))
    else {
      this.#batch[this.#batch.length - 1] = joined
      piece.release()
    }
    this.#batchBytes += length
    this.#leftBytes -= length
  }

  /** At once where the other one has nothing left to do, otherwise when it is worth a message. */
  #flushIfDue(): void {
    if (this.#batchBytes > 0 && (this.#unreadBytes === 0 || this.#batchBytes >= BATCH_BYTES)) this.#flush(false)
  }

  #flush(ended: boolean): void {
    const { from, id } = this.#to
    const pieces = this.#batch
    this.#batch = []
    this.#unreadBytes += this.#batchBytes
    this.#batchBytes = 0
    this.#served.links.post(from, { kind: 'pieces', id, pieces, ended })
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    const { from, id } = this.#to
    if (this.#batchBytes > 0) this.#flush(false)
    this.#served.links.post(from, { kind: 'failed', id, error: encodeError(error, this.#served.links.errors) })
    this.#closed = true
  }

  #wake(): void {
    const resume = this.#resume
    this.#resume = undefined
    resume?.()
  }
}

function nameOf(from: number, id: number): number {
  return from * IDS_PER_WORKER + id
}
