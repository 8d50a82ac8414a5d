const HEAD_END = '\r\n\r\n'
/** A head that is longer is none that a server in these comparisons sends. */
const HEAD_BYTES_MAX = 16 * 1024
const STATUS_OK = Buffer.from('HTTP/1.1 200 ', 'latin1')

/**
 * Finds the ends of responses in what one connection receives. Cheap, because it runs for every response of a load generator: the first head
 * is read whole and must announce the expected length; of later ones only the status is looked at, since a body of another
 * length would put the next head in the wrong place.
 */
export class ResponseScanner {
  readonly #bodyBytes: number
  /** Undefined while a head is awaited. */
  #bodyLeft: number | undefined
  /** What came of a head that is not complete. */
  #headStart: Buffer | undefined
  #lengthSeen = false
  /** An answer was no 200, or of another length: nothing after it can be trusted. */
  failed = false

  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes
  }

  /** Takes the first `count` bytes of a buffer; gives how many responses ended in them. */
  feed(bytes: Buffer, count: number): number {
    let ended = 0
    let at = 0
    while (at < count) {
      if (this.#bodyLeft === undefined) at = this.#readHead(bytes, at, count)
      if (this.#bodyLeft === undefined || this.failed) break
      const taken = Math.min(this.#bodyLeft, count - at)
      this.#bodyLeft -= taken
      at += taken
      if (this.#bodyLeft > 0) break
      this.#bodyLeft = undefined
      ended++
    }
    return ended
  }

  /** Gives where the body begins; `count` where the head is not complete. */
  #readHead(bytes: Buffer, at: number, count: number): number {
    const before = this.#headStart?.length ?? 0
    const piece = bytes.subarray(at, count)
    const head = this.#headStart === undefined ? piece : Buffer.concat([this.#headStart, piece])
    const end = head.indexOf(HEAD_END, 0, 'latin1')
    if (end === -1) {
      // A copy: the buffer is read into again.
      this.#headStart = Buffer.from(head)
      this.failed = head.length > HEAD_BYTES_MAX
      return count
    }
    this.#headStart = undefined
    this.failed = !this.#isExpected(head, end)
    this.#bodyLeft = this.#bodyBytes
    return at + end + HEAD_END.length - before
  }

  #isExpected(head: Buffer, end: number): boolean {
    if (end < STATUS_OK.length || STATUS_OK.compare(head, 0, STATUS_OK.length) !== 0) return false
    this.#lengthSeen ||= new RegExp(String.raw`\r\ncontent-length: *${this.#bodyBytes}(\r\n|$)`, 'i').test(head.toString('latin1', 0, end))
    return this.#lengthSeen
  }
}
