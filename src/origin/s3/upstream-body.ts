import type { ByteSource } from '../../base/byte-source.ts'
import type { OriginFailure } from '../origin.ts'

/** The connection is paused when a reader has left this much unread. One socket read more may still arrive. */
const BUFFER_BYTES_MAX = 256 * 1024

/** What a body needs of the connection that it comes from. */
export interface BodyFlow {
  pause(): void
  resume(): void
  /** The rest is not wanted. */
  abandon(reason: Error): void
}

/** A response body: fed by the connection, pulled by the reader, with a bounded buffer between them. */
export class UpstreamBody implements ByteSource {
  readonly length: number | undefined
  readonly #flow: BodyFlow
  readonly #chunks: Uint8Array[] = []
  #bufferedBytes = 0
  #paused = false
  #state: 'open' | 'ended' | 'cancelled' = 'open'
  #failure: OriginFailure | undefined
  #waiting: { resolve: (chunk: Uint8Array | undefined) => void; reject: (failure: Error) => void } | undefined

  constructor(length: number | undefined, flow: BodyFlow) {
    this.length = length
    this.#flow = flow
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#bufferedBytes -= chunk.length
      if (this.#paused && this.#bufferedBytes < BUFFER_BYTES_MAX) {
        this.#paused = false
        this.#flow.resume()
      }
      return Promise.resolve(chunk)
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#state !== 'open') return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  cancel(reason: Error): void {
    this.#chunks.length = 0
    this.#bufferedBytes = 0
    if (this.#state !== 'open' || this.#failure !== undefined) return
    this.#state = 'cancelled'
    this.#flow.abandon(reason)
  }

  push(chunk: Uint8Array): void {
    if (this.#state !== 'open' || chunk.length === 0) return
    const waiting = this.#waiting
    if (waiting !== undefined) {
      this.#waiting = undefined
      waiting.resolve(chunk)
      return
    }
    this.#chunks.push(chunk)
    this.#bufferedBytes += chunk.length
    if (this.#bufferedBytes >= BUFFER_BYTES_MAX) {
      this.#paused = true
      this.#flow.pause()
    }
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
    this.#waiting?.resolve(undefined)
    this.#waiting = undefined
  }

  /** What was received before is still given out, then `read` rejects. */
  fail(failure: OriginFailure): void {
    if (this.#state === 'ended' || this.#failure !== undefined) return
    this.#failure = failure
    this.#waiting?.reject(failure)
    this.#waiting = undefined
  }
}
