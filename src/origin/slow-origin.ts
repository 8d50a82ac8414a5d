import type { ByteSource } from '../base/byte-source.ts'
import type { Clock } from '../base/clock.ts'
import type { LinkConfig } from '../config/config.ts'
import { OriginFailure, type Origin, type OriginRequest, type OriginResponse } from './origin.ts'

/** A body is given out in pieces that take about this long on the link. */
const PIECE_MS = 5
const PIECE_BYTES_MIN = 1024
const PIECE_BYTES_MAX = 256 * 1024
/** Timers fire late; what a stream stood idle for because of that is made up for, up to this much. */
const CREDIT_MS = 50

/**
 * An origin at the other end of a simulated wide-area link: every answer comes `latencyMs` later, and each body moves at
 * `bytesPerSecond` whatever the others do, as streams from object stores do (one connection is slow, many are fast). For the demo
 * and for measuring misses; request bodies are not slowed down.
 */
export class SlowOrigin implements Origin {
  readonly name: string
  readonly #inner: Origin
  readonly #clock: Clock
  #link: LinkConfig

  constructor(inner: Origin, link: LinkConfig, clock: Clock) {
    this.name = inner.name
    this.#inner = inner
    this.#link = link
    this.#clock = clock
  }

  get link(): LinkConfig {
    return this.#link
  }

  /** From now on, for bodies that are under way too. */
  setLink(link: LinkConfig): void {
    this.#link = link
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    await wait(this.#link.latencyMs, request.signal)
    const response = await this.#inner.send(request)
    return response.body.length === 0 ? response : { ...response, body: this.#paced(response.body, request.signal) }
  }

  async close(): Promise<void> {
    await this.#inner.close()
  }

  #paced(body: ByteSource, signal: AbortSignal | undefined): ByteSource {
    const stopped = new AbortController()
    const either = signal === undefined ? stopped.signal : AbortSignal.any([signal, stopped.signal])
    const stream = new Stream(this.#clock)
    let rest: Uint8Array | undefined
    return {
      length: body.length,
      read: async () => {
        rest ??= await body.read()
        if (rest === undefined) return undefined
        const piece = rest.subarray(0, this.#pieceBytes())
        rest = piece.length === rest.length ? undefined : rest.subarray(piece.length)
        try {
          await wait(stream.reserveMs(piece.length, this.#link), either)
        } catch (error) {
          rest = undefined
          body.cancel(error instanceof Error ? error : new Error(String(error)))
          throw error
        }
        return piece
      },
      cancel: (reason) => {
        rest = undefined
        stopped.abort(reason)
        body.cancel(reason)
      },
    }
  }

  #pieceBytes(): number {
    const bytes = Math.ceil((this.#link.bytesPerSecond * PIECE_MS) / 1000)
    return Math.min(PIECE_BYTES_MAX, Math.max(PIECE_BYTES_MIN, bytes))
  }
}

/** One body's place on the link. */
class Stream {
  readonly #clock: Clock
  /** When everything that was given out so far would have crossed. */
  #freeAtMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#freeAtMs = clock.monotonicMs()
  }

  /** Takes the link for some bytes; gives how long they need from now. */
  reserveMs(bytes: number, link: LinkConfig): number {
    const nowMs = this.#clock.monotonicMs()
    const startMs = Math.max(this.#freeAtMs, nowMs - CREDIT_MS)
    this.#freeAtMs = startMs + (bytes * 1000) / link.bytesPerSecond
    return this.#freeAtMs - nowMs
  }
}

/** Waits without keeping the process alive. Rejects with OriginFailure `aborted` when the signal fires. */
function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.reject(aborted(signal))
  // A timer cannot be shorter than a millisecond.
  if (delayMs < 1) return Promise.resolve()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    signal?.removeEventListener('abort', stop)
    resolve()
  }, delayMs)
  timer.unref()
  function stop(): void {
    clearTimeout(timer)
    if (signal !== undefined) reject(aborted(signal))
  }
  signal?.addEventListener('abort', stop, { once: true })
  return promise
}

function aborted(signal: AbortSignal): OriginFailure {
  return new OriginFailure('aborted', 'Gave up waiting for the simulated link: nobody wants the answer', { cause: signal.reason })
}
