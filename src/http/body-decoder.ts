import type { HeaderList } from '../base/header-list.ts'
import type { RefusalReason } from './refusal.ts'

/** Where the bytes of a body go, framing removed. The bytes are views of what was fed. */
export interface BodySink {
  push(bytes: Buffer): void
}

/** Takes the framing off a request body (RFC 9112 section 6). */
export interface BodyDecoder {
  readonly complete: boolean
  readonly refusal: RefusalReason | undefined
  /** Bytes of body that are still to come; undefined where that is unknown. */
  readonly remaining: number | undefined
  readonly trailers: HeaderList
  /** Takes bytes from `at` on; gives the position after the last one that belongs to this body. */
  feed(bytes: Buffer, at: number, sink: BodySink): number
}

/** A body of Content-Length bytes. */
export class LengthDecoder implements BodyDecoder {
  readonly refusal = undefined
  readonly trailers: HeaderList = []
  remaining: number

  constructor(length: number) {
    this.remaining = length
  }

  get complete(): boolean {
    return this.remaining === 0
  }

  feed(bytes: Buffer, at: number, sink: BodySink): number {
    const count = Math.min(this.remaining, bytes.length - at)
    if (count === 0) return at
    this.remaining -= count
    sink.push(bytes.subarray(at, at + count))
    return at + count
  }
}
