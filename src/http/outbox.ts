// hot path
import type { Socket } from 'node:net'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { DirectOutcome, DirectWrites } from './direct-writes.ts'
import type { Loan, StoredBody, StoredLines } from './exchange.ts'
import { FAST_SLICE_BYTES, SLICE_BYTES, SliceQueue } from './slice-queue.ts'
import { queuedBytes } from './socket-progress.ts'
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
export interface Pending {
  readonly loan: Loan | undefined
  readonly done: WriteDone | undefined
}

/** A write that the socket has. */
interface Submitted extends Pending {
  /** Memory that is held until then, besides what was lent. */
  readonly heldBytes: number
}

/** Bodies up to this are copied next to their head: one buffer costs less than two, and what was lent can be given back at once. */
export const SMALL_BODY_BYTES = 16 * 1024

/**
 * Everything that a connection writes. It knows when bytes have been handed to the kernel, so that their owner gets them back exactly
 * once, and takes the short way where the kernel takes a response at once: no callback, no buffer of its own.
 */
export class Outbox {
  readonly #socket: Socket
  readonly #scratch: WriteScratch
  /** Undefined over TLS. */
  readonly #direct: DirectWrites | undefined
  /** TLS encrypts in a later step, so the scratch would never be free in time. */
  readonly #useScratch: boolean
  readonly #budget: MemoryBudget
  #pending: Submitted[] = []
  /** Loans among them. */
  #lent = 0
  /** Of bodies that go out in slices; made for the first one. */
  #slices: SliceQueue | undefined = undefined
  /** Bytes that the kernel is given at once: few until the client has taken a large body quickly. */
  #sliceBytes = SLICE_BYTES
  #wasSlow = false
  #corked = false
  /** The socket's handle has bytes that the socket does not count. */
  #directQueued = false
  readonly #onWritten: (error?: Error | null) => void

  /** `onProgress` is called whenever a write was completed. */
  constructor(
    socket: Socket,
    engine: { readonly scratch: WriteScratch; readonly budget: MemoryBudget; readonly direct: DirectWrites | undefined },
    options: { readonly secure: boolean; readonly onProgress: () => void },
  ) {
    this.#socket = socket
    this.#scratch = engine.scratch
    this.#budget = engine.budget
    this.#useScratch = !options.secure
    this.#direct = options.secure ? undefined : engine.direct
    this.#onWritten = (error) => {
      // After an error the callbacks come in any order; all that is pending is released when the socket is closed.
      if (error !== undefined && error !== null) return
      const pending = this.#pending.shift()
      if (this.#pending.length === 0) this.#directQueued = false
      if (pending !== undefined) this.#release(pending)
      pending?.done?.written()
      options.onProgress()
    }
  }

  /** Bytes that the kernel did not take yet. */
  get unsentBytes(): number {
    return this.socketBytes + (this.#slices?.waitingBytes ?? 0)
  }

  /** Bytes of these that the socket has. */
  get socketBytes(): number {
    const { writableLength } = this.#socket
    return this.#directQueued ? writableLength + queuedBytes(this.#socket) : writableLength
  }

  /** Bytes wait for the kernel that were lent. */
  get holdsLoans(): boolean {
    return this.#lent > 0 || (this.#slices?.lentParcels ?? 0) > 0
  }

  /** The client is slow: copies what was lent and is not with the socket yet, so that it can be given back, as far as there is memory for it. */
  copyLoans(): void {
    this.#wasSlow = true
    this.#setSliceBytes(SLICE_BYTES)
    this.#slices?.copyFromNowOn()
  }

  /** A response is over: copies no more, and learns from it what the client takes at once. */
  keepLoans(): void {
    if (this.#slices === undefined) return
    if (!this.#wasSlow) this.#setSliceBytes(FAST_SLICE_BYTES)
    this.#wasSlow = false
    this.#slices.lendAgain()
  }

  #setSliceBytes(bytes: number): void {
    this.#sliceBytes = bytes
    if (this.#slices !== undefined) this.#slices.sliceBytes = bytes
  }

  /** A response as it goes on the wire, with the body where that is small. Valid until the scratch is reused. */
  render(head: HeadParts, body: Uint8Array | StoredBody | undefined): Buffer {
    const bodyBytes = body?.length ?? 0
    const bytes = this.#headBytes(head, bodyBytes)
    if (body === undefined) return bytes
    if (body instanceof Uint8Array) bytes.set(body, bytes.length - bodyBytes)
    else body.copyTo(bytes, bytes.length - bodyBytes)
    return bytes
  }

  /** Writes what was rendered. True: the kernel has all of it, as nearly always. Otherwise `done` learns when, or the socket is broken. */
  send(rendered: Buffer, done: WriteDone): boolean {
    const outcome = this.#isEmpty() ? this.#direct?.write(this.#socket, rendered) : undefined
    if (outcome !== undefined) return this.#finishDirect(outcome, rendered, { loan: undefined, done })
    this.#socket.write(rendered)
    return this.#finishSocket(rendered, { loan: undefined, done })
  }

  /** The same with a body behind it, which may be lent: then it is given back when the kernel has it. */
  sendWith(rendered: Buffer, body: Uint8Array, pending: Pending): boolean {
    if (body.length > this.#sliceBytes) {
      this.#socket.cork()
      this.#corked = true
      this.#socket.write(rendered)
      this.write(body, pending)
      if (this.#useScratch && !this.#isEmpty()) this.#scratch.abandon(rendered)
      return false
    }
    if (!this.#sendPair(rendered, body, pending)) return false
    pending.loan?.release()
    return true
  }

  #sendPair(rendered: Buffer, body: Uint8Array, pending: Pending): boolean {
    const outcome = this.#isEmpty() ? this.#direct?.writePair(this.#socket, rendered, body) : undefined
    if (outcome !== undefined) return this.#finishDirect(outcome, rendered, pending)
    this.#socket.cork()
    this.#socket.write(rendered)
    this.#socket.write(body)
    this.#socket.uncork()
    return this.#finishSocket(rendered, pending)
  }

  #finishDirect(outcome: DirectOutcome, rendered: Buffer, pending: Pending): boolean {
    if (outcome === 'sent') return true
    if (outcome === 'queued') {
      this.#directQueued = true
      // Follows in the socket's queue, so its end is the end of what was queued.
      this.#submit(NOTHING, pending, this.#scratch.abandon(rendered))
    } else {
      pending.loan?.release()
      // As the socket does after an error of its own; its end is told by 'close'.
      this.#socket.destroy()
    }
    return false
  }

  #finishSocket(rendered: Buffer, pending: Pending): boolean {
    if (this.#isEmpty()) return true
    const heldBytes = this.#useScratch ? this.#scratch.abandon(rendered) : this.#socket.writableLength
    this.#submit(NOTHING, pending, heldBytes)
    return false
  }

  /** Keeps a head back until the first bytes of its body come, at most until this turn of the event loop ends. */
  hold(head: HeadParts): void {
    const bytes = this.#headBytes(head, 0)
    this.#hold(Buffer.from(bytes))
    this.#scratch.giveBack(bytes)
  }

  write(bytes: Uint8Array, pending: Pending): void {
    if (bytes.length > SLICE_BYTES || this.#slices?.isEmpty === false) this.#writeSliced(bytes, pending)
    else this.#submit(bytes, pending, pending.loan !== undefined && this.#useScratch ? 0 : bytes.length)
  }

  /** Writes a chunk with its framing, as one. */
  writeFramed(before: string, bytes: Uint8Array, pending: Pending): void {
    const framing = Buffer.from(before, 'latin1')
    if (this.#slices?.isEmpty === false) this.#writeSliced(framing, NOBODYS)
    else this.#hold(framing)
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
    for (const one of pending) this.#release(one)
    this.#slices?.releaseAll()
  }

  #writeSliced(bytes: Uint8Array, pending: Pending): void {
    // Over TLS, what the socket has is a copy: encrypted. Otherwise a slice is lent, or part of a copy that was counted when it was made.
    this.#slices ??= new SliceQueue(
      this.#socket,
      (slice, done) => this.#submit(slice, { loan: undefined, done }, this.#useScratch ? 0 : slice.length),
      this.#budget,
    )
    this.#slices.add(bytes, pending)
  }

  #submit(bytes: Uint8Array, { loan, done }: Pending, heldBytes: number): void {
    if (heldBytes > 0) this.#budget.take('response', heldBytes)
    if (loan !== undefined) this.#lent += 1
    this.#pending.push({ loan, done, heldBytes })
    this.#socket.write(bytes, this.#onWritten)
    this.uncork()
  }

  #release({ loan, heldBytes }: Submitted): void {
    if (heldBytes > 0) this.#budget.give('response', heldBytes)
    if (loan === undefined) return
    this.#lent -= 1
    loan.release()
  }

  /** The head's bytes with room for `extraBytes` behind them; its own over TLS, otherwise the scratch's. */
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

  #hold(bytes: Buffer): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(uncork, this)
    }
    this.#socket.write(bytes)
  }

  #isEmpty(): boolean {
    const socket = this.#socket
    return socket.writableLength === 0 && !this.#directQueued && socket.errored === null && this.#slices?.isEmpty !== false
  }
}

const NOTHING = new Uint8Array(0)

/** Nobody waits for the answer to what was no request. */
export const NOBODY: WriteDone = { written: () => undefined }
const NOBODYS: Pending = { loan: undefined, done: undefined }

function uncork(outbox: Outbox): void {
  outbox.uncork()
}
