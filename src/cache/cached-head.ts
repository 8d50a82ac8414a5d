// hot path
import { assert } from '../base/assert.ts'
import type { CachedHead, HeadInfo } from './api.ts'
import { bodyLengthOf, bodyOf, bodyStart, etagOf, metaOf, metaStart, sizeOf, validatedAtOf } from './record.ts'
import type { FoundRecord, RecordFinder } from './record-finder.ts'

/** A head out of the arena, its segment pinned. */
export class PinnedHead implements CachedHead {
  readonly key: string
  readonly generation: number
  readonly sizeBytes: number
  readonly validatedAtMs: number
  readonly bodyBytes: number | undefined
  readonly #finder: RecordFinder
  readonly #found: FoundRecord
  #pinned = true

  constructor(finder: RecordFinder, found: FoundRecord, asked: { readonly key: string; readonly generation: number }) {
    this.key = asked.key
    this.generation = asked.generation
    this.sizeBytes = sizeOf(found.view, found.offset)
    this.validatedAtMs = validatedAtOf(found.view, found.offset)
    this.bodyBytes = bodyLengthOf(found.view, found.offset)
    this.#finder = finder
    this.#found = found
  }

  get etag(): string {
    const { view, offset } = this.#record()
    return etagOf(view, offset)
  }

  get meta(): string {
    const { view, offset } = this.#record()
    return metaOf(view, offset)
  }

  get body(): Uint8Array | undefined {
    if (this.bodyBytes === undefined) return undefined
    const { view, offset } = this.#record()
    return bodyOf(view, offset)
  }

  metaByte(at: number): number {
    const { view, offset } = this.#record()
    return view.bytes[metaStart(view, offset) + at] ?? 0
  }

  copyMeta(from: number, to: number, target: Buffer, at: number): void {
    const { view, offset } = this.#record()
    const start = metaStart(view, offset)
    view.bytes.copy(target, at, start + from, start + to)
  }

  copyBody(target: Buffer, at: number): void {
    const { view, offset } = this.#record()
    const start = bodyStart(view, offset)
    // Not `set`, which copies memory that threads share word by word.
    view.bytes.copy(target, at, start, start + (this.bodyBytes ?? 0))
  }

  detached(): HeadInfo {
    return { key: this.key, etag: this.etag, sizeBytes: this.sizeBytes, meta: this.meta, validatedAtMs: this.validatedAtMs }
  }

  release(): void {
    const { segment } = this.#record()
    this.#pinned = false
    this.#finder.unpin(segment)
  }

  #record(): FoundRecord {
    assert(this.#pinned, 'a head is used while it is pinned, and released once')
    return this.#found
  }
}

/** The head of an object whose one record is still being filled: known from the origin's answer, not in the arena yet. */
export class PendingHead implements CachedHead {
  readonly key: string
  readonly generation: number
  readonly etag: string
  readonly sizeBytes: number
  readonly meta: string
  readonly validatedAtMs: number
  readonly body = undefined
  readonly bodyBytes = undefined

  constructor(info: HeadInfo, generation: number) {
    this.key = info.key
    this.generation = generation
    this.etag = info.etag
    this.sizeBytes = info.sizeBytes
    this.meta = info.meta
    this.validatedAtMs = info.validatedAtMs
  }

  metaByte(at: number): number {
    return this.meta.charCodeAt(at)
  }

  copyMeta(from: number, to: number, target: Buffer, at: number): void {
    target.write(this.meta.slice(from, to), at, 'latin1')
  }

  copyBody(): void {
    // Has none.
  }

  detached(): HeadInfo {
    return { key: this.key, etag: this.etag, sizeBytes: this.sizeBytes, meta: this.meta, validatedAtMs: this.validatedAtMs }
  }

  release(): void {
    // Holds nothing.
  }
}
