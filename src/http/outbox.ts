// hot path
import type { Socket } from 'node:net'
import type { WriteScratch } from './write-scratch.ts'

/** Called when a write, and so everything before it, has been taken by the kernel. */
export interface WriteDone {
  written(): void
}

/** A write that somebody waits for. */
interface Pending {
  readonly released: (() => void) | undefined
  readonly done: WriteDone | undefined
}

/**
 * Everything that a connection writes. It knows when bytes have been handed to the kernel, so that their owner gets them back exactly
 * once, and takes the short way where the kernel takes a small response at once: no callback, no buffer of its own.
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
      pending?.released?.()
      pending?.done?.written()
      options.onProgress()
    }
  }

  /** Bytes that the kernel did not take yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /** Writes head and body from one piece of memory; they are copied. True where the kernel has all of it already. */
  sendCopy(text: string, body: Uint8Array | undefined): boolean {
    const size = text.length + (body?.length ?? 0)
    const bytes = this.#useScratch ? this.#scratch.take(size) : Buffer.allocUnsafe(size)
    bytes.write(text, 0, 'latin1')
    if (body !== undefined) bytes.set(body, text.length)
    this.#socket.write(bytes)
    if (this.#socket.writableLength === 0 && this.#socket.errored === null) return true
    if (this.#useScratch) this.#scratch.abandon()
    return false
  }

  /** Writes head and body so that they leave together; the body is not copied. */
  sendTogether(text: string, body: Uint8Array, pending: Pending): void {
    this.hold(text)
    this.write(body, pending)
  }

  /** Keeps a head back until the first bytes of its body come, at most until this turn of the event loop ends. */
  hold(text: string): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(uncork, this)
    }
    this.#socket.write(Buffer.from(text, 'latin1'))
  }

  write(bytes: Uint8Array, pending: Pending): void {
    this.#pending.push(pending)
    this.#socket.write(bytes, this.#onWritten)
    this.uncork()
  }

  /** Writes a chunk with its framing, as one. */
  writeFramed(before: string, bytes: Uint8Array, pending: Pending): void {
    this.hold(before)
    this.write(bytes, pending)
  }

  /** Calls `done` when everything written so far is with the kernel; at once where it is. */
  whenEmpty(done: WriteDone): void {
    if (this.#socket.writableLength === 0 && this.#socket.errored === null) {
      done.written()
      return
    }
    // An empty write passes through the queue like any other, and its callback comes in order.
    this.write(NOTHING, { released: undefined, done })
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
    for (const one of pending) one.released?.()
  }
}

const NOTHING = new Uint8Array(0)

function uncork(outbox: Outbox): void {
  outbox.uncork()
}
