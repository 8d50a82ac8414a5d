// hot path
import type { CachedHead, HeadInfo } from './api.ts'
import { bodyOf, etagOf, metaOf, sizeOf, validatedAtOf } from './record.ts'
import type { FoundRecord, RecordStore } from './record-store.ts'

/** A head out of the arena, its segment pinned. What was not read before `release` is copied out by it: strings outlive the pin. */
export class PinnedHead implements CachedHead {
  readonly key: string
  readonly sizeBytes: number
  readonly validatedAtMs: number
  readonly body: Uint8Array | undefined
  readonly #store: RecordStore
  #found: FoundRecord | undefined
  #etag: string | undefined
  #meta: string | undefined

  constructor(store: RecordStore, found: FoundRecord, key: string) {
    this.key = key
    this.sizeBytes = sizeOf(found.view, found.offset)
    this.validatedAtMs = validatedAtOf(found.view, found.offset)
    this.body = bodyOf(found.view, found.offset)
    this.#store = store
    this.#found = found
  }

  get etag(): string {
    if (this.#etag === undefined && this.#found !== undefined) this.#etag = etagOf(this.#found.view, this.#found.offset)
    return this.#etag ?? ''
  }

  get meta(): string {
    if (this.#meta === undefined && this.#found !== undefined) this.#meta = metaOf(this.#found.view, this.#found.offset)
    return this.#meta ?? ''
  }

  release(): void {
    const found = this.#found
    if (found === undefined) return
    this.#etag = this.etag
    this.#meta = this.meta
    this.#found = undefined
    this.#store.unpin(found.segment)
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
