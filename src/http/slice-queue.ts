// hot path
import type { Socket } from 'node:net'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { Loan } from './exchange.ts'
import type { Pending, WriteDone } from './outbox.ts'

/**
 * Bytes that are given to a socket at once. What the kernel did not take of them cannot be had back, so they stay lent until it does;
 * smaller slices would cost fast clients throughput.
 */
export const SLICE_BYTES = 512 * 1024

/** The same for a client that has taken a large body before and was never slow with it: it saves a wake-up for each slice. */
export const FAST_SLICE_BYTES = 1024 * 1024

/** Hands bytes to the socket; `done` learns when the kernel has them. */
export type Submit = (bytes: Uint8Array, done: WriteDone) => void

/**
 * Large bodies on their way to the socket, in order, slice after slice: the next one is given to it when the kernel has the one before.
 * What still waits here can be copied, so that its owner gets it back although the client is slow.
 */
export class SliceQueue {
  readonly #socket: Socket
  readonly #submit: Submit
  readonly #budget: MemoryBudget
  /** What the kernel does not have all of, in order. */
  #parcels: Parcel[] = []
  #slicesOut = 0
  #copies = false
  sliceBytes: number = SLICE_BYTES
  /** Bytes that the socket was not given yet. */
  waitingBytes = 0
  /** Parcels that hold lent bytes. */
  lentParcels = 0

  constructor(socket: Socket, submit: Submit, budget: MemoryBudget) {
    this.#socket = socket
    this.#submit = submit
    this.#budget = budget
  }

  get isEmpty(): boolean {
    return this.#parcels.length === 0
  }

  add(bytes: Uint8Array, pending: Pending): void {
    const parcel = new Parcel(this, bytes, pending)
    if (pending.loan === undefined) this.#budget.take('response', bytes.length)
    this.#parcels.push(parcel)
    this.waitingBytes += bytes.length
    if (pending.loan !== undefined) this.lentParcels += 1
    if (this.#copies) this.#copy(parcel)
    this.advance()
  }

  /** The client is slow: what waits is copied as far as there is memory for it, and what comes before it goes out. */
  copyFromNowOn(): void {
    this.#copies = true
    for (const parcel of this.#parcels) this.#copy(parcel)
  }

  /** The next response may find a faster client. */
  lendAgain(): void {
    this.#copies = false
  }

  /** Gives slices to the socket for as long as the kernel takes them at once. */
  advance(): void {
    const socket = this.#socket
    for (let at = 0; at < this.#parcels.length && (this.#slicesOut === 0 || socket.writableLength === 0) && !socket.destroyed;) {
      const parcel = this.#parcels[at]
      if (parcel === undefined || parcel.isSubmitted) {
        at += 1
        continue
      }
      const slice = parcel.nextSlice(this.sliceBytes)
      this.waitingBytes -= slice.length
      this.#slicesOut += 1
      this.#submit(slice, parcel)
      if (parcel.isSubmitted && socket.writableLength === 0 && socket.errored === null) parcel.finish()
    }
  }

  /** The kernel has the oldest slice that is out. */
  sliceWritten(): void {
    this.#slicesOut -= 1
    this.advance()
  }

  /** The socket is closed. */
  releaseAll(): void {
    this.waitingBytes = 0
    for (let parcel = this.#parcels[0]; parcel !== undefined; parcel = this.#parcels[0]) parcel.letGo()
  }

  /** The parcel's memory is free: `ownBytes` came with it, `copiedBytes` were copied here. */
  freed(parcel: Parcel, ownBytes: number, copiedBytes: number): void {
    this.#budget.give('response', ownBytes)
    this.#budget.give('copy', copiedBytes)
    const at = this.#parcels.indexOf(parcel)
    if (at >= 0) this.#parcels.splice(at, 1)
  }

  #copy(parcel: Parcel): void {
    const bytes = parcel.lentBytes
    if (bytes > 0 && this.#budget.tryTakeCopy(bytes)) parcel.copy()
  }
}

/** One body, or a piece of one, on its way. */
class Parcel implements WriteDone {
  readonly #queue: SliceQueue
  readonly #done: WriteDone | undefined
  readonly #ownBytes: number
  #bytes: Uint8Array
  #at = 0
  #begun = false
  #loan: Loan | undefined
  #slicesOut = 0
  /** Of the slices that are out, how many are lent ones: they go first. */
  #lentOut = 0
  #copiedBytes = 0
  #finished = false

  constructor(queue: SliceQueue, bytes: Uint8Array, pending: Pending) {
    this.#queue = queue
    this.#bytes = bytes
    this.#loan = pending.loan
    this.#done = pending.done
    this.#ownBytes = pending.loan === undefined ? bytes.length : 0
  }

  get isSubmitted(): boolean {
    return this.#begun && this.#at === this.#bytes.length
  }

  /** Lent bytes that the socket was not given yet. */
  get lentBytes(): number {
    return this.#loan === undefined || this.#copiedBytes > 0 ? 0 : this.#bytes.length - this.#at
  }

  nextSlice(bytesMax: number): Uint8Array {
    const end = Math.min(this.#bytes.length, this.#at + bytesMax)
    const slice = this.#bytes.subarray(this.#at, end)
    this.#at = end
    this.#begun = true
    this.#slicesOut += 1
    if (this.#copiedBytes === 0) this.#lentOut += 1
    return slice
  }

  copy(): void {
    const rest = this.#bytes.subarray(this.#at)
    this.#copiedBytes = rest.length
    this.#bytes = Buffer.allocUnsafeSlow(rest.length)
    this.#bytes.set(rest)
    this.#at = 0
    if (this.#lentOut === 0) this.#returnLoan()
  }

  /** The kernel has the oldest slice that is out. */
  written(): void {
    if (!this.#finished) this.#oneWritten()
    this.#queue.sliceWritten()
  }

  #oneWritten(): void {
    this.#slicesOut -= 1
    if (this.#lentOut > 0) {
      this.#lentOut -= 1
      if (this.#lentOut === 0 && this.#copiedBytes > 0) this.#returnLoan()
    }
    if (this.isSubmitted && this.#slicesOut === 0) this.finish()
  }

  /** The kernel has all of it. */
  finish(): void {
    this.letGo()
    this.#done?.written()
  }

  /** Nothing reads the bytes any more. */
  letGo(): void {
    if (this.#finished) return
    this.#finished = true
    this.#queue.freed(this, this.#ownBytes, this.#copiedBytes)
    this.#returnLoan()
  }

  #returnLoan(): void {
    const loan = this.#loan
    if (loan === undefined) return
    this.#loan = undefined
    this.#queue.lentParcels -= 1
    loan.release()
  }
}
