import type { Socket } from 'node:net'
import type { HttpLimits } from './limits.ts'
import type { Outbox } from './outbox.ts'
import { RateGuard } from './rate-guard.ts'
import { acceptedBytes } from './socket-progress.ts'

/** What is to be done about a client during an exchange. */
export type ClientVerdict = 'fine' | 'slow-reader' | 'slow-request-body' | 'gone'

/** Coarse times since the client last did something. */
export interface StallTimes {
  /** Took a byte. */
  readonly stalledMs: number
  /** Took all of a write. */
  readonly sameWriteMs: number
}

/** A client that needs longer than this for one write is slow. */
const SLOW_WRITE_MS = 1000

/** Watches whether a client does its part of an exchange: takes the response, sends its body, is still there. */
export class ClientWatch {
  readonly #socket: Socket
  readonly #outbox: Pick<Outbox, 'socketBytes'>
  readonly #limits: HttpLimits
  #write: WriteWatch | undefined = undefined
  #readGuard: RateGuard | undefined = undefined
  /** Coarse time since when a client that closed its sending side got nothing; undefined while it has not. */
  #halfClosedMs: number | undefined = undefined
  #halfClosedBytes = 0

  constructor(socket: Socket, outbox: Pick<Outbox, 'socketBytes'>, limits: HttpLimits) {
    this.#socket = socket
    this.#outbox = outbox
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
    this.#write = undefined
    this.#readGuard = undefined
  }

  /** `receivedBytes`: of a body that the client should be sending now; undefined where it is not its turn. */
  judge(nowMs: number, receivedBytes: number | undefined): ClientVerdict {
    const waitingBytes = this.#outbox.socketBytes
    if (waitingBytes === 0) this.#write = undefined
    else {
      this.#write ??= new WriteWatch(this.#limits)
      if (this.#write.isTooSlow(nowMs, this.#socket, waitingBytes)) return 'slow-reader'
    }
    if (receivedBytes === undefined) this.#readGuard = undefined
    else {
      this.#readGuard ??= new RateGuard(this.#limits)
      if (this.#readGuard.isSlow(nowMs, receivedBytes)) return 'slow-request-body'
    }
    return this.#isGone(nowMs) ? 'gone' : 'fine'
  }

  /** As of the last `judge`. */
  stall(nowMs: number): StallTimes {
    return this.#write?.stall(nowMs) ?? NO_STALL
  }

  /** The client takes what it is given, but not at a pace at which memory should be lent to it. */
  isSlow(nowMs: number): boolean {
    return this.stall(nowMs).sameWriteMs >= SLOW_WRITE_MS
  }

  /**
   * A client that closed its sending side may still read (`nc`, scripts), or be gone for good, which looks the same until something is
   * written. One that gets nothing for a while is taken to be gone, so that nobody works for it.
   */
  #isGone(nowMs: number): boolean {
    if (this.#halfClosedMs === undefined) return false
    const accepted = acceptedBytes(this.#socket)
    if (this.#outbox.socketBytes > 0 || accepted !== this.#halfClosedBytes) {
      this.#halfClosedBytes = accepted
      this.#halfClosedMs = nowMs
    }
    return nowMs - this.#halfClosedMs >= this.#limits.halfCloseGraceMs
  }
}

const NO_STALL: StallTimes = { stalledMs: 0, sameWriteMs: 0 }

/** What is watched while a client has bytes to take. */
class WriteWatch {
  readonly #guard: RateGuard
  #acceptedBytes: number | undefined = undefined
  #progressMs = 0
  #writtenBytes = 0
  #writtenMs = 0

  constructor(limits: HttpLimits) {
    this.#guard = new RateGuard(limits)
  }

  isTooSlow(nowMs: number, socket: Socket, waitingBytes: number): boolean {
    const accepted = acceptedBytes(socket)
    // Bytes of complete writes alone.
    const written = socket.bytesWritten - waitingBytes
    const first = this.#acceptedBytes === undefined
    if (first || accepted !== this.#acceptedBytes) {
      this.#acceptedBytes = accepted
      this.#progressMs = nowMs
    }
    if (first || written !== this.#writtenBytes) {
      this.#writtenBytes = written
      this.#writtenMs = nowMs
    }
    return this.#guard.isSlow(nowMs, accepted)
  }

  stall(nowMs: number): StallTimes {
    return { stalledMs: nowMs - this.#progressMs, sameWriteMs: nowMs - this.#writtenMs }
  }
}
