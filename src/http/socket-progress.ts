import type { Socket } from 'node:net'

/** What is used of the handles below a socket; they have no public face, so every field may be missing. */
interface StreamHandle {
  readonly bytesWritten?: unknown
  readonly writeQueueSize?: unknown
  /** Below a TLS handle: that of the TCP socket. */
  readonly _parent?: StreamHandle
}

/** Bytes that the socket's handle keeps because the kernel had no room; 0 where it does not say. */
export function queuedBytes(socket: Socket): number {
  const handle = (socket as unknown as { readonly _handle?: StreamHandle | null })._handle
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : 0
}

/**
 * Bytes that the kernel has taken from this socket so far; over TLS counted encrypted. Only differences mean something.
 *
 * The public counters move when a write is complete, and one write may be a block of a megabyte: a client that reads 50 kB/s would look
 * dead for 20 s. The handle knows how much of the write is still in the queue. Where it does not say, completed writes are counted.
 */
export function acceptedBytes(socket: Socket): number {
  const handle = (socket as unknown as { readonly _handle?: StreamHandle | null })._handle
  const tcp = handle?._parent ?? handle
  if (typeof tcp?.bytesWritten === 'number' && typeof tcp.writeQueueSize === 'number') return tcp.bytesWritten - tcp.writeQueueSize
  return socket.bytesWritten - socket.writableLength
}
