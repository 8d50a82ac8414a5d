// hot path
import type { Socket } from 'node:net'
import { streamBinding, type WriteRequest } from './stream-binding.ts'

/** The kernel has all of it; the socket's handle keeps some of it and goes on by itself; the connection is broken. */
export type DirectOutcome = 'sent' | 'queued' | 'failed'

/** A socket's handle as Node makes it. Non-zero: the system's error. */
interface StreamHandle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
  writev(request: WriteRequest, chunks: readonly Uint8Array[], allBuffers: true): number
}

/**
 * Writes straight to sockets' handles. `socket.write` does the same system call, but keeps books about it that cost as much as the rest of
 * a small response. It is used only while a socket has nothing else to write, so that order is no question, and where what it stands on
 * is not found in this version of Node, `socket.write` does its work.
 */
export class DirectWrites {
  readonly #WriteRequest: new () => WriteRequest
  readonly #state: Int32Array
  readonly #wasQueued: number
  readonly #pair: Uint8Array[] = [NOTHING, NOTHING]
  #request: WriteRequest

  private constructor(writeRequest: new () => WriteRequest, state: Int32Array, wasQueued: number) {
    this.#WriteRequest = writeRequest
    this.#state = state
    this.#wasQueued = wasQueued
    this.#request = new writeRequest()
  }

  /** Undefined where this Node has no such thing. */
  static open(): DirectWrites | undefined {
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streamBinding()
    if (WriteWrap === undefined || streamBaseState === undefined || kLastWriteWasAsync === undefined) return undefined
    return new DirectWrites(WriteWrap, streamBaseState, kLastWriteWasAsync)
  }

  /** Undefined: write it through the socket. Bytes that are queued must stay as they are until a later write of the socket has ended. */
  write(socket: Socket, bytes: Uint8Array): DirectOutcome | undefined {
    const handle = handleOf(socket)
    return handle === undefined ? undefined : this.#outcome(handle.writeBuffer(this.#request, bytes), bytes, NOTHING)
  }

  /** The same for two pieces in one system call. */
  writePair(socket: Socket, first: Uint8Array, second: Uint8Array): DirectOutcome | undefined {
    const handle = handleOf(socket)
    if (handle === undefined) return undefined
    const pair = this.#pair
    pair[0] = first
    pair[1] = second
    const outcome = this.#outcome(handle.writev(this.#request, pair, true), first, second)
    pair[0] = NOTHING
    pair[1] = NOTHING
    return outcome
  }

  #outcome(error: number, first: Uint8Array, second: Uint8Array): DirectOutcome {
    if (error !== 0) return 'failed'
    if (this.#state[this.#wasQueued] === 0) return 'sent'
    this.#request.kept = [first, second]
    this.#request = new this.#WriteRequest()
    return 'queued'
  }
}

const NOTHING = new Uint8Array(0)

/** Undefined once the socket is closing. */
function handleOf(socket: Socket): StreamHandle | undefined {
  return (socket as unknown as { readonly _handle?: StreamHandle | null })._handle ?? undefined
}
