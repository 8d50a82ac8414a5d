// hot path
import type { Socket } from 'node:net'
import type { Loan, StoredLines } from './exchange.ts'
import type { WriteScratch } from './write-scratch.ts'

/** Called when a write, and so everything before it, has been taken by the kernel. */
export interface WriteDone {
  written(): void
}

/** A response head in the parts that it is put together from. */
export interface HeadParts {
  readonly start: Buffer
  readonly stored: StoredLines | undefined
  /** Latin1. */
  readonly end: string
}

/** A write that somebody waits for. */
interface Pending {
  readonly loan: Loan | undefined
  readonly done: WriteDone | undefined
}

/** Bodies of our own memory up to this are copied next to their head: one buffer costs less than two. */
const COPIED_BYTES = 16 * 1024

/** Copying out of memory that threads share goes word by word, so only the smallest bodies are worth it. */
const COPIED_LOAN_BYTES = 1024

/**
 * Everything that a connection writes. It knows when bytes have been handed to the kernel, so that their owner gets them back exactly
 * once, and takes the short way where the kernel takes a response at once: no callback, no buffer of its own.
 */
export class Outbox {
  readonly #socket: Socket
  readonly #scratch: WriteScratch
  /** TLS encrypts in a later step, so the scratch would never be free in time. */
  readonly #useScratch: boolean
  #pending: Pending[] = []
  #corked = false
  readonly #onWritten: (error?: Error | null) => void

  /** `onProgress` is called whenever a write was completed. */
  constructor(socket: Socket, scratch: WriteScratch, options: { readonly secure: boolean; readonly onProgress: () => void }) {
    this.#socket = socket
    this.#scratch = scratch
    this.#useScratch = !options.secure
    this.#onWritten = (error) => {
      // After an error the callbacks come in any order; all that is pending is released when the socket is closed.
      if (error !== undefined && error !== null) return
      const pending = this.#pending.shift()
      pending?.loan?.release()
      pending?.done?.written()
      options.onProgress()
    }
  }

  /** Bytes that the kernel did not take yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /**
   * Writes a whole response, head and body together. A loan is given back when the kernel has it; `done` learns when the kernel has
   * everything, which nearly always is before this returns.
   */
  respond(head: HeadParts, body: Uint8Array | undefined, loan: Loan | undefined, done: WriteDone): void {
    const bodyBytes = body?.length ?? 0
    const copies = body !== undefined && bodyBytes <= (loan === undefined ? COPIED_BYTES : COPIED_LOAN_BYTES)
    const bytes = this.#headBytes(head, copies ? bodyBytes : 0)
    if (copies || body === undefined) {
      if (copies) bytes.set(body, bytes.length - bodyBytes)
      loan?.release()
      this.#socket.write(bytes)
      this.#finishResponse(undefined, done)
      return
    }
    this.#socket.cork()
    this.#socket.write(bytes)
    this.#socket.write(body)
    this.#socket.uncork()
    this.#finishResponse(loan, done)
  }

  /** Keeps a head back until the first bytes of its body come, at most until this turn of the event loop ends. */
  hold(head: HeadParts): void {
    this.#hold(Buffer.from(this.#headBytes(head, 0)))
  }

  write(bytes: Uint8Array, pending: Pending): void {
    this.#pending.push(pending)
    this.#socket.write(bytes, this.#onWritten)
    this.uncork()
  }

  /** Writes a chunk with its framing, as one. */
  writeFramed(before: string, bytes: Uint8Array, pending: Pending): void {
    this.#hold(Buffer.from(before, 'latin1'))
    this.write(bytes, pending)
  }

  /** Calls `done` when everything written so far is with the kernel; at once where it is. */
  whenEmpty(done: WriteDone): void {
    if (this.#isEmpty()) {
      done.written()
      return
    }
    // An empty write passes through the queue like any other, and its callback comes in order.
    this.write(NOTHING, { loan: undefined, done })
  }

  uncork(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }

  /** The socket is closed: nothing reads the bytes any more. */
  releaseAll(): void {
    const pending = this.#pending
    this.#pending = []
    for (const one of pending) one.loan?.release()
  }

  /** The head's bytes with room for `extraBytes` behind them; overwritten by the next response unless `#finishResponse` finds it unsent. */
  #headBytes(head: HeadParts, extraBytes: number): Buffer {
    const { start, stored, end } = head
    const storedBytes = stored?.linesLength ?? 0
    const size = start.length + storedBytes + end.length + extraBytes
    const bytes = this.#useScratch ? this.#scratch.take(size) : Buffer.allocUnsafe(size)
    bytes.set(start, 0)
    stored?.copyLines(bytes, start.length)
    bytes.write(end, start.length + storedBytes, 'latin1')
    return bytes
  }

  #finishResponse(loan: Loan | undefined, done: WriteDone): void {
    if (this.#isEmpty()) {
      loan?.release()
      done.written()
      return
    }
    if (this.#useScratch) this.#scratch.abandon()
    this.write(NOTHING, { loan, done })
  }

  #hold(bytes: Buffer): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(uncork, this)
    }
    this.#socket.write(bytes)
  }

  #isEmpty(): boolean {
    return this.#socket.writableLength === 0 && this.#socket.errored === null
  }
}

const NOTHING = new Uint8Array(0)

function uncork(outbox: Outbox): void {
  outbox.uncork()
}
