import type { Socket } from 'node:net'
import { streamBinding } from './stream-binding.ts'

/** What is used of a socket's handle; it has no public face, so every field may be missing. */
interface ReadingHandle {
  readonly useUserBuffer?: unknown
  onread?: ((bytes: unknown) => unknown) | undefined
}

/** Bytes that one read can take; a read this long leaves the kernel's buffer of a fast sender empty. */
const READ_BYTES = 64 * 1024

/**
 * Takes what sockets read, all of them into the same memory. For every read, the `data` event costs a new 64 KiB buffer that is then cut to
 * size, which is most of the garbage of a small request.
 *
 * Node has this as the option `onread` of client sockets; for accepted ones there is no public way, so the same three fields are set by hand.
 * Where they are not found, or over TLS, the `data` event is used.
 */
export class SocketInput {
  readonly #shared = Buffer.allocUnsafeSlow(READ_BYTES)
  #view = this.#shared.subarray(0, 0)

  /**
   * Calls `take` with the bytes as they come. True: the bytes are overwritten by the next read of any socket, so `take` has to copy what it
   * keeps. False: they are its own.
   */
  listen(socket: Socket, take: (bytes: Buffer) => void): boolean {
    if (this.#listenShared(socket, take)) return true
    socket.on('data', take)
    return false
  }

  /** The bytes of the last read. Requests of one client are often equally long: the same view serves again. */
  #read(count: number): Buffer {
    if (this.#view.length !== count) this.#view = this.#shared.subarray(0, count)
    return this.#view
  }

  #listenShared(socket: Socket, take: (bytes: Buffer) => void): boolean {
    const handle = (socket as unknown as { readonly _handle?: ReadingHandle | null })._handle
    const buffer = fieldNamed(socket, 'kBuffer')
    const callback = fieldNamed(socket, 'kBufferCb')
    if ('encrypted' in socket || handle === null || handle === undefined || typeof handle.useUserBuffer !== 'function') return false
    if (buffer === undefined || callback === undefined) return false
    const shared = this.#shared
    const onCount = (count: number): void => take(this.#read(count))
    Object.assign(socket, { [buffer]: shared, [callback]: onCount })
    const begin = handle.useUserBuffer as (buffer: Buffer) => void
    begin.call(handle, shared)
    takeReadsOf(handle, socket, onCount)
    return true
  }
}

/** Node's own function for what a handle has read does much that does not matter here; what is no data it still gets. */
function takeReadsOf(handle: ReadingHandle, socket: Socket, onCount: (count: number) => void): void {
  const { streamBaseState, kReadBytesOrError } = streamBinding()
  const { onread } = handle
  if (streamBaseState === undefined || kReadBytesOrError === undefined || typeof onread !== 'function') return
  handle.onread = function (this: unknown, bytes: unknown): unknown {
    const count = streamBaseState[kReadBytesOrError] ?? 0
    if (count <= 0 || socket.destroyed) return onread.call(this, bytes)
    onCount(count)
    return undefined
  }
}

/** A socket has these fields from its constructor on, empty where no `onread` was asked for. */
function fieldNamed(socket: Socket, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === name)
}
