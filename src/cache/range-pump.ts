import type { ByteSource } from '../base/byte-source.ts'
import { BodyMismatch, VersionGone, type FetchRange, type ObjectVersion } from './api.ts'

/** Bytes [start, end) of a version, to be brought here. */
export interface RangeSpec {
  readonly version: ObjectVersion
  readonly start: number
  readonly end: number
  /** A body that already carries them; otherwise it is fetched. */
  readonly source: ByteSource | undefined
  readonly fetch: FetchRange
  readonly signal: AbortSignal
}

/** Takes the next bytes; returns a promise where it has no room for more yet. */
export type WriteChunk = (chunk: Uint8Array) => Promise<void> | undefined

/**
 * Brings exactly the bytes of a range, in order. A body that breaks off is resumed once where it stopped. Rejects with what
 * the second body failed with, with VersionGone, with BodyMismatch if a body is longer than asked for, or the abort reason.
 */
export async function pumpRange(spec: RangeSpec, write: WriteChunk): Promise<void> {
  const pump = new RangePump(spec, write)
  spec.signal.addEventListener('abort', pump.cancel)
  try {
    await pump.run()
  } finally {
    spec.signal.removeEventListener('abort', pump.cancel)
  }
}

class RangePump {
  readonly #spec: RangeSpec
  readonly #write: WriteChunk
  #source: ByteSource | undefined
  #position: number
  /** Set while the sink has the word: its failures are not the body's, and nothing is resumed after them. */
  #inSink = false

  constructor(spec: RangeSpec, write: WriteChunk) {
    this.#spec = spec
    this.#write = write
    this.#source = spec.source
    this.#position = spec.start
  }

  readonly cancel = (): void => {
    this.#source?.cancel(reasonOf(this.#spec.signal))
  }

  async run(): Promise<void> {
    for (let resumed = false; ; resumed = true) {
      this.#source ??= await this.#fetch()
      try {
        await this.#drain(this.#source)
        return
      } catch (error) {
        this.#source.cancel(error instanceof Error ? error : new Error('body failed', { cause: error }))
        this.#source = undefined
        const longer = error instanceof BodyMismatch && error.longer
        this.#spec.signal.throwIfAborted()
        if (resumed || longer || this.#inSink || error instanceof VersionGone) throw error
      }
    }
  }

  async #fetch(): Promise<ByteSource> {
    const { version, end, signal } = this.#spec
    signal.throwIfAborted()
    const source = await this.#spec.fetch(version, this.#position, end, signal)
    if (signal.aborted) {
      source.cancel(reasonOf(signal))
      signal.throwIfAborted()
    }
    return source
  }

  async #drain(source: ByteSource): Promise<void> {
    const { end, signal } = this.#spec
    if (source.length !== undefined && source.length !== end - this.#position) {
      throw new BodyMismatch(
        `Cannot use a body of ${source.length} bytes: wanted ${end - this.#position}`,
        source.length > end - this.#position,
      )
    }
    for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
      signal.throwIfAborted()
      if (chunk.length > end - this.#position) throw new BodyMismatch(`Cannot use a body that goes on after byte ${end}`, true)
      this.#inSink = true
      const written = this.#write(chunk)
      if (written !== undefined) await written
      this.#inSink = false
      this.#position += chunk.length
    }
    signal.throwIfAborted()
    if (this.#position < end) throw new BodyMismatch(`Cannot use a body that ends at byte ${this.#position}: wanted ${end}`, false)
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}
