import type { Socket } from 'node:net'
import type { HttpLimits } from './limits.ts'
import { RateGuard } from './rate-guard.ts'
import { acceptedBytes } from './socket-progress.ts'

/** What is to be done about a client during an exchange. */
export type ClientVerdict = 'fine' | 'slow-reader' | 'slow-request-body' | 'gone'

/** Watches whether a client does its part of an exchange: takes the response, sends its body, is still there. */
export class ClientWatch {
  readonly #socket: Socket
  readonly #limits: HttpLimits
  #writeGuard: RateGuard | undefined = undefined
  #readGuard: RateGuard | undefined = undefined
  /** Coarse time since when a client that closed its sending side got nothing; undefined while it has not. */
  #halfClosedMs: number | undefined = undefined
  #halfClosedBytes = 0

  constructor(socket: Socket, limits: HttpLimits) {
    this.#socket = socket
    this.#limits = limits
  }

  get halfClosed(): boolean {
    return this.#halfClosedMs !== undefined
  }

  noteHalfClosed(nowMs: number): void {
    this.#halfClosedMs = nowMs
  }

  /** Begins anew for the next exchange. */
  reset(): void {
    this.#writeGuard = undefined
    this.#readGuard = undefined
  }

  /** `receivedBytes`: of a body that the client should be sending now; undefined where it is not its turn. */
  judge(nowMs: number, receivedBytes: number | undefined): ClientVerdict {
    if (this.#socket.writableLength === 0) this.#writeGuard = undefined
    else {
      this.#writeGuard ??= new RateGuard(this.#limits)
      if (this.#writeGuard.isSlow(nowMs, acceptedBytes(this.#socket))) return 'slow-reader'
    }
    if (receivedBytes === undefined) this.#readGuard = undefined
    else {
      this.#readGuard ??= new RateGuard(this.#limits)
      if (this.#readGuard.isSlow(nowMs, receivedBytes)) return 'slow-request-body'
    }
    return this.#isGone(nowMs) ? 'gone' : 'fine'
  }

  /**
   * A client that closed its sending side may still read (`nc`, scripts), or be gone for good, which looks the same until something is
   * written. One that gets nothing for a while is taken to be gone, so that nobody works for it.
   */
  #isGone(nowMs: number): boolean {
    if (this.#halfClosedMs === undefined) return false
    const accepted = acceptedBytes(this.#socket)
    if (this.#socket.writableLength > 0 || accepted !== this.#halfClosedBytes) {
      this.#halfClosedBytes = accepted
      this.#halfClosedMs = nowMs
    }
    return nowMs - this.#halfClosedMs >= this.#limits.halfCloseGraceMs
  }
}
