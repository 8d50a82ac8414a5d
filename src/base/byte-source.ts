/**
 * A body that is pulled: each `read` gives the next chunk, `undefined` the end. At most one read is outstanding.
 * A body that cannot be completed rejects; it never ends early without saying so.
 */
export interface ByteSource {
  /** Total bytes where they are known beforehand. */
  readonly length: number | undefined
  /** The next chunk, never empty. The chunk belongs to the reader. */
  read(): Promise<Uint8Array | undefined>
  /** Gives up; frees what is held below. Harmless after the end and when called twice. */
  cancel(reason: Error): void
}

/** A body of no bytes. */
export const emptySource: ByteSource = {
  length: 0,
  read: async () => undefined,
  cancel: () => undefined,
}

/** A body out of memory. */
export function sourceOf(...chunks: Uint8Array[]): ByteSource {
  const rest = chunks.filter((chunk) => chunk.length > 0)
  return {
    length: rest.reduce((sum, chunk) => sum + chunk.length, 0),
    read: async () => rest.shift(),
    cancel: () => {
      rest.length = 0
    },
  }
}

/** The whole body, or undefined if it holds more than `maxBytes` (the source is then cancelled). */
export async function collect(source: ByteSource, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let total = 0
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
    total += chunk.length
    if (total > maxBytes) {
      source.cancel(new Error(`body longer than ${maxBytes} bytes`))
      return undefined
    }
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, total)
}

/** A body with bytes of ours before it. */
export function precededBy(head: Uint8Array, body: ByteSource): ByteSource {
  let begun = head.length === 0
  return {
    length: body.length === undefined ? undefined : head.length + body.length,
    read: async () => {
      if (begun) return body.read()
      begun = true
      return head
    },
    cancel: (reason) => body.cancel(reason),
  }
}
