import type { HeaderList } from '../base/header-list.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { BodySink } from './body-decoder.ts'
import { ClientGone, type RequestBody } from './exchange.ts'

/** Pieces below this are copied together, so that a body of one-byte chunks does not cost an object for each byte. */
const SMALL_PIECE_BYTES = 2 * 1024
const JOINED_BLOCK_BYTES = 16 * 1024

/** What the body asks of its connection. */
export interface BodyHost {
  /** Tells the client to go on (RFC 9110 section 10.1.1). */
  sendContinue(): void
  /** There is room again. */
  bodyRead(): void
}

/** Bytes of a request body between the socket and the handler that pulls them. */
export class IncomingBody implements RequestBody, BodySink {
  readonly present = true
  readonly length: number | undefined
  /** Body bytes that have come so far; what the minimum rate is measured by. */
  receivedBytes = 0
  /** Body bytes that nobody will read. */
  discardedBytes = 0
  bufferedBytes = 0
  /** The client waits for a 100 that was not sent yet. */
  awaitsContinue: boolean
  readonly #host: BodyHost
  readonly #copies: boolean
  readonly #budget: MemoryBudget
  #counts = true
  #countedBytes = 0
  #pieces: Buffer[] = []
  /** Block of our own at the end of #pieces, and how far it is filled. */
  #joined: Buffer | undefined = undefined
  #joinedLength = 0
  #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined = undefined
  #discarding = false
  #ended = false
  #failure: Error | undefined = undefined
  #trailers: HeaderList = []

  /** `copies`: what is pushed is overwritten later, so it has to be copied. */
  constructor(
    host: BodyHost,
    length: number | undefined,
    options: { readonly awaitsContinue: boolean; readonly copies: boolean; readonly budget: MemoryBudget },
  ) {
    this.#host = host
    this.#budget = options.budget
    this.length = length
    this.awaitsContinue = options.awaitsContinue
    this.#copies = options.copies
  }

  trailers(): HeaderList {
    return this.#trailers
  }

  /** Rejects with ClientGone where the body cannot be completed, also when bytes of it are still here. */
  read(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#waiting !== undefined) return Promise.reject(new Error('Cannot read a request body: another read is under way'))
    const piece = this.#take()
    if (piece !== undefined) {
      this.#host.bodyRead()
      return Promise.resolve(piece)
    }
    if (this.#ended) return Promise.resolve(undefined)
    this.#waiting = Promise.withResolvers()
    if (this.awaitsContinue) {
      this.awaitsContinue = false
      this.#host.sendContinue()
    }
    return this.#waiting.promise
  }

  /** What still comes is dropped, within the connection's bounds. */
  cancel(reason: Error): void {
    if (this.#ended && this.#pieces.length === 0) return
    this.discard(reason)
    this.#host.bodyRead()
  }

  push(bytes: Buffer): void {
    this.receivedBytes += bytes.length
    this.awaitsContinue = false
    if (this.#discarding) {
      this.discardedBytes += bytes.length
      return
    }
    const waiting = this.#waiting
    if (waiting !== undefined) {
      this.#waiting = undefined
      waiting.resolve(this.#own(bytes))
      return
    }
    this.#hold(bytes.length)
    if (bytes.length < SMALL_PIECE_BYTES) this.#join(bytes)
    else {
      this.#closeJoined()
      this.#pieces.push(this.#own(bytes))
    }
  }

  /** The body is whole. */
  end(trailers: HeaderList): void {
    this.#trailers = trailers
    this.#ended = true
    this.#waiting?.resolve(undefined)
    this.#waiting = undefined
  }

  /** The rest will never come. */
  fail(reason: string): void {
    if (!this.#ended) this.discard(new ClientGone(reason))
  }

  /** Drops what is here and what comes; whoever reads on is told why. */
  discard(reason: Error): void {
    this.#failure ??= reason
    this.#discarding = true
    this.#pieces = []
    this.#joined = undefined
    this.#hold(-this.bufferedBytes)
    this.#waiting?.reject(this.#failure)
    this.#waiting = undefined
  }

  #own(bytes: Buffer): Buffer {
    if (!this.#copies) return bytes
    const copy = Buffer.allocUnsafeSlow(bytes.length)
    copy.set(bytes)
    return copy
  }

  #take(): Buffer | undefined {
    if (this.#pieces.length === 1) this.#closeJoined()
    const piece = this.#pieces.shift()
    if (piece !== undefined) this.#hold(-piece.length)
    return piece
  }

  /** The exchange is over: what the handler has not read is its own affair from now on. */
  uncount(): void {
    this.#budget.give('request-body', this.#countedBytes)
    this.#countedBytes = 0
    this.#counts = false
  }

  #hold(bytes: number): void {
    this.bufferedBytes += bytes
    if (!this.#counts) return
    this.#countedBytes += bytes
    this.#budget.take('request-body', bytes)
  }

  #join(bytes: Buffer): void {
    if (this.#joined === undefined || this.#joinedLength + bytes.length > this.#joined.length) {
      this.#closeJoined()
      this.#joined = Buffer.allocUnsafeSlow(JOINED_BLOCK_BYTES)
      this.#joinedLength = 0
      this.#pieces.push(this.#joined)
    }
    this.#joined.set(bytes, this.#joinedLength)
    this.#joinedLength += bytes.length
  }

  /** Cuts the block to what is in it; the next small piece begins another. */
  #closeJoined(): void {
    if (this.#joined === undefined) return
    this.#pieces[this.#pieces.length - 1] = this.#joined.subarray(0, this.#joinedLength)
    this.#joined = undefined
  }
}

/** The body of a request that has none. */
export const NO_BODY: RequestBody = {
  present: false,
  length: 0,
  read: () => Promise.resolve(undefined),
  cancel: () => undefined,
  trailers: () => [],
}
