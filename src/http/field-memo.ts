// hot path
import type { HeaderList } from '../base/header-list.ts'

/** Longer ends of heads are parsed each time. */
const REMEMBERED_BYTES_MAX = 1024

/** What the end of a head said: fields without a body, without anything that another request of the same client would say in another way. */
export interface RememberedFields {
  readonly headers: HeaderList
  readonly host: string
  readonly keepAlive: boolean
}

/**
 * The last head's bytes from its HTTP version to its end, and what they said. Clients that sign nothing send the same fields with every
 * request: equal bytes mean the same, so comparing them is all the parsing that is needed.
 */
export class FieldMemo {
  readonly #bytes = Buffer.allocUnsafeSlow(REMEMBERED_BYTES_MAX)
  #length = 0
  #fields: RememberedFields | undefined = undefined

  /** What the bytes from `at` on say, where they begin with those remembered; `length` is then how many those are. */
  find(bytes: Buffer, at: number, end: number): RememberedFields | undefined {
    const length = this.#length
    if (length === 0 || end - at < length) return undefined
    const own = this.#bytes
    // From the end, where heads differ that begin alike.
    for (let i = length - 1; i >= 0; i -= 1) if (bytes[at + i] !== own[i]) return undefined
    return this.#fields
  }

  /** Length in bytes of what is remembered. */
  get length(): number {
    return this.#length
  }

  remember(bytes: Buffer, start: number, end: number, fields: RememberedFields): void {
    if (end - start > REMEMBERED_BYTES_MAX) return
    bytes.copy(this.#bytes, 0, start, end)
    this.#length = end - start
    this.#fields = fields
  }
}
