import type { ByteSource } from '../../base/byte-source.ts'
import { Refusal } from '../../s3/errors.ts'
import type { FileBounds } from '../../s3/post/conditions.ts'

/** Headers of the file's part: a disposition and a type. */
const MAX_PART_HEAD_BYTES = 16 * 1024

/** The file in a form that was read up to it: what stands between its part's headers and the end of the form. Rejects with a Refusal where it is too small or too large. */
export class FormFile implements ByteSource {
  readonly length = undefined
  readonly #source: ByteSource
  readonly #delimiter: Buffer
  readonly #bounds: FileBounds
  #held: Buffer = Buffer.alloc(0)
  #begun = false
  #ended = false
  #sizeBytes = 0

  /** `source`: the form from the file's delimiter on, which is its last part. */
  constructor(source: ByteSource, form: { readonly boundary: string; readonly bounds: FileBounds }) {
    this.#source = source
    this.#delimiter = Buffer.from(`\r\n--${form.boundary}`, 'latin1')
    this.#bounds = form.bounds
  }

  async read(): Promise<Uint8Array | undefined> {
    while (!this.#ended) {
      const chunk = await this.#source.read()
      if (chunk === undefined) throw new Refusal('IncompleteBody')
      this.#held = Buffer.concat([this.#held, chunk])
      if (!this.#begun) this.#passHead()
      const piece = this.#begun ? await this.#piece() : undefined
      if (piece !== undefined && piece.length > 0) return piece
    }
    return undefined
  }

  cancel(reason: Error): void {
    this.#ended = true
    this.#source.cancel(reason)
  }

  #passHead(): void {
    const end = this.#held.indexOf('\r\n\r\n')
    if (end < 0 && this.#held.length > MAX_PART_HEAD_BYTES) throw new Refusal('MaxPostPreDataLengthExceededError')
    if (end < 0) return
    this.#begun = true
    this.#held = this.#held.subarray(end + 4)
  }

  /** What can be no part of the delimiter, or all before it. */
  async #piece(): Promise<Buffer> {
    const end = this.#held.indexOf(this.#delimiter)
    const piece = this.#held.subarray(0, end >= 0 ? end : Math.max(0, this.#held.length - this.#delimiter.length))
    this.#held = this.#held.subarray(piece.length)
    this.#sizeBytes += piece.length
    if (this.#sizeBytes > this.#bounds.maxBytes) throw sizeRefusal('EntityTooLarge', this.#sizeBytes, this.#bounds)
    if (end >= 0) await this.#end()
    return piece
  }

  /** What follows was checked by whoever read the form's fields; it is read so that its failure is not missed. */
  async #end(): Promise<void> {
    this.#ended = true
    while ((await this.#source.read()) !== undefined);
    if (this.#sizeBytes < this.#bounds.minBytes) throw sizeRefusal('EntityTooSmall', this.#sizeBytes, this.#bounds)
  }
}

function sizeRefusal(code: 'EntityTooLarge' | 'EntityTooSmall', sizeBytes: number, { minBytes, maxBytes }: FileBounds): Refusal {
  const limit = code === 'EntityTooLarge' ? { MaxSizeAllowed: String(maxBytes) } : { MinSizeAllowed: String(minBytes) }
  return new Refusal(code, { fields: { ProposedSize: String(sizeBytes), ...limit } })
}
