/** What a write is told by its handle; the same one serves again unless the write was queued. */
export interface WriteRequest {
  /** Keeps queued bytes alive: the handle has only their address. */
  kept?: unknown
}

/** What Node's own streams use below their sockets; every field may be missing. */
export interface StreamBinding {
  readonly WriteWrap?: new () => WriteRequest
  /** Results of the last read and write of any handle of this thread, at the places that the numbers name. */
  readonly streamBaseState?: Int32Array
  readonly kReadBytesOrError?: number
  readonly kLastWriteWasAsync?: number
}

/** The binding that `node:net` itself uses. It has no public face but `process.binding`, which has no types. */
export function streamBinding(): StreamBinding {
  return known
}

const known = open()

function open(): StreamBinding {
  const { binding } = process as unknown as { readonly binding?: (name: string) => StreamBinding }
  try {
    return binding?.('stream_wrap') ?? {}
  } catch {
    return {}
  }
}
