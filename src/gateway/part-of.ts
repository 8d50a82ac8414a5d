import type { ByteSource } from '../base/byte-source.ts'

/**
 * Bytes [start, end) of a body, for origins that answer a range with the whole. What comes before is read and dropped, what comes
 * after is not read; nothing is gathered. A body that ends too early ends the part too early.
 */
export function partOf(body: ByteSource, start: number, end: number): ByteSource {
  let position = 0
  return {
    length: end - start,
    read: async () => {
      while (position < end) {
        const chunk = await body.read()
        if (chunk === undefined) return undefined
        const from = Math.max(0, start - position)
        const to = Math.min(chunk.length, end - position)
        position += chunk.length
        if (position >= end) body.cancel(new Error('the rest was not asked for'))
        if (from < to) return chunk.subarray(from, to)
      }
      return undefined
    },
    cancel: (reason) => body.cancel(reason),
  }
}
