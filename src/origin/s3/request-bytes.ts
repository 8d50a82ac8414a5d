import type { ByteSource } from '../../base/byte-source.ts'
import { OriginFailure } from '../origin.ts'

/**
 * A request body on its way to an origin. Iteration throws OriginFailure `body` where the source fails or does not give exactly
 * `length` bytes; the connection is then destroyed, and since the fault is found before the last byte goes out, the
 * origin never has a whole body that is wrong.
 */
export class RequestBytes implements AsyncIterableIterator<Uint8Array> {
  readonly #source: ByteSource
  readonly #length: number | undefined
  #sentBytes = 0
  #done = false

  constructor(source: ByteSource, length: number | undefined) {
    this.#source = source
    this.#length = length
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#done) return { done: true, value: undefined }
    let chunk: Uint8Array | undefined
    try {
      chunk = await this.#source.read()
    } catch (cause) {
      this.#done = true
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new OriginFailure('body', `Cannot send the request body to the origin: ${reason}`, { cause })
    }
    this.#sentBytes += chunk?.length ?? 0
    const length = this.#length
    if (length !== undefined && (chunk === undefined ? this.#sentBytes < length : this.#sentBytes > length)) {
      const message = `Cannot send the request body to the origin: ${this.#sentBytes} bytes came where ${length} were announced`
      this.stop(new Error(message))
      throw new OriginFailure('body', message)
    }
    if (chunk !== undefined) return { done: false, value: chunk }
    this.#done = true
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.stop(new Error('the origin takes no more of the request body'))
    return { done: true, value: undefined }
  }

  /** Nobody reads the rest. */
  stop(reason: Error): void {
    if (this.#done) return
    this.#done = true
    this.#source.cancel(reason)
  }
}
