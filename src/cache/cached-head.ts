// hot path
import type { CachedHead, HeadInfo } from './api.ts'
import { bodyOf, etagAndMetaOf, etagLength, sizeOf, validatedAtOf } from './record.ts'
import type { FoundRecord, RecordFinder } from './record-finder.ts'

/** A head out of the arena, its segment pinned. What was not read before `release` is copied out by it: strings outlive the pin. */
export class PinnedHead implements CachedHead {
  readonly key: string
  readonly sizeBytes: number
  readonly validatedAtMs: number
  readonly body: Uint8Array | undefined
  readonly #finder: RecordFinder
  #found: FoundRecord | undefined
  /** ETag and meta, once they were asked for. */
  #text: string | undefined
  readonly #etagLength: number

  constructor(finder: RecordFinder, found: FoundRecord, key: string) {
    this.key = key
    this.sizeBytes = sizeOf(found.view, found.offset)
    this.validatedAtMs = validatedAtOf(found.view, found.offset)
    this.body = bodyOf(found.view, found.offset)
    this.#finder = finder
    this.#found = found
    this.#etagLength = etagLength(found.view, found.offset)
  }

  get etag(): string {
    return this.#read().slice(0, this.#etagLength)
  }

  get meta(): string {
    return this.#read().slice(this.#etagLength)
  }

  release(): void {
    const found = this.#found
    if (found === undefined) return
    this.#read()
    this.#found = undefined
    this.#finder.unpin(found.segment)
  }

  #read(): string {
    if (this.#text === undefined && this.#found !== undefined) this.#text = etagAndMetaOf(this.#found.view, this.#found.offset)
    return this.#text ?? ''
  }
}

/** The head of an object whose one record is still being filled: known from the origin's answer, not in the arena yet. */
export class PendingHead implements CachedHead {
  readonly key: string
  readonly etag: string
  readonly sizeBytes: number
  readonly meta: string
  readonly validatedAtMs: number
  readonly body = undefined

  constructor(info: HeadInfo) {
    this.key = info.key
    this.etag = info.etag
    this.sizeBytes = info.sizeBytes
    this.meta = info.meta
    this.validatedAtMs = info.validatedAtMs
  }

  release(): void {
    // Holds nothing.
  }
}
