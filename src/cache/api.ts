import type { ByteSource } from '../base/byte-source.ts'

/**
 * The cache's face to the layer above. Keys, ETags and heads are opaque latin1 strings and bytes here: the cache knows
 * no S3, no HTTP and no origin. An object version is named by (key, etag); its bytes never change.
 */

/** One version of one object, as much as the cache needs to know. */
export interface ObjectVersion {
  readonly key: string
  readonly etag: string
  /** Body length in bytes. */
  readonly sizeBytes: number
}

/** What a head record holds: written once, except `validatedAtMs`. */
export interface HeadInfo extends ObjectVersion {
  /** Rendered header lines and whatever else the layer above wants back, uninterpreted. Latin1. */
  readonly meta: string
  /** Wall clock when the origin last confirmed this head. */
  readonly validatedAtMs: number
}

/**
 * A head found in the cache. `body` is the whole object where it fits one block and is there. The record is pinned until
 * `release`, which must be called exactly once; nothing of it but `key`, `sizeBytes` and `validatedAtMs` may be used after that.
 */
export interface CachedHead extends HeadInfo {
  /** `Cache.generation(key)` from before it was looked up. */
  readonly generation: number
  readonly body: Uint8Array | undefined
  /** Length of `body` in bytes; undefined where there is none. */
  readonly bodyBytes: number | undefined
  /** Copies the whole body to `target`, from `at` on. */
  copyBody(target: Buffer, at: number): void
  /** One byte of `meta`. */
  metaByte(at: number): number
  /** Copies bytes [from, to) of `meta` to `target`, from `at` on: a hit makes no string of it. */
  copyMeta(from: number, to: number, target: Buffer, at: number): void
  /** A copy that outlives the pin. */
  detached(): HeadInfo
  release(): void
}

/** Where a piece of a body came from. */
export type PieceSource = 'memory' | 'disk' | 'coalesced' | 'origin'

/** Consecutive bytes of a body, valid until `release` (exactly once). */
export interface Piece {
  readonly bytes: Uint8Array
  readonly source: PieceSource
  release(): void
}

/** Reads a byte range of one version, in order. */
export interface VersionReader {
  /** The next piece where it is in memory, without waiting; `undefined`: call `next`. */
  nextNow(): Piece | undefined
  /** The next piece, waiting for it if need be; `undefined` at the end. Rejects with what the fetch failed with. */
  next(): Promise<Piece | undefined>
  /** Ends reading early or late; always call it. */
  close(): void
}

/**
 * Fetches bytes [start, end) of exactly the given version, for the caller's account. The source gives exactly that many bytes.
 * Rejects with VersionGone if the origin no longer has that version.
 */
export type FetchRange = (version: ObjectVersion, start: number, end: number, signal: AbortSignal) => Promise<ByteSource>

/** The origin has another version now (If-Match failed), or none. */
export class VersionGone extends Error {
  override readonly name = 'VersionGone'
}

/** A body had more or fewer bytes than it was to have. Nothing of the block in which that showed is kept. */
export class BodyMismatch extends Error {
  override readonly name = 'BodyMismatch'
  /** More than asked for; otherwise it ended early without saying so. */
  readonly longer: boolean

  constructor(message: string, longer: boolean) {
    super(message)
    this.longer = longer
  }
}

/**
 * What the layer above needs to know to fetch from an object's origin. Opaque here. It may be posted to the object's owner, so
 * it must survive a structured clone; the owner's `fetcher` makes a FetchRange of it.
 */
export type FetchAsk = unknown

/** An origin's answer that carries bytes [start, end) of a version. */
export interface AdoptedRun {
  readonly info: HeadInfo
  readonly start: number
  readonly end: number
  readonly body: ByteSource
  /** `Cache.generation(key)` from before the origin was asked. */
  readonly generation: number
  readonly ask: FetchAsk
}

export interface ReadOptions {
  readonly ask: FetchAsk
  /** `Cache.generation(key)` from before the version was looked up or asked for. */
  readonly generation: number
  /** The caller's own request was adopted: its pieces count as "origin". */
  readonly own?: boolean
}

/**
 * What one worker's cache tells of itself; all counts since start. What is one for all workers (`memoryBytes`, `segments`,
 * `indexBytes`, pins of segments) is told by worker 0 alone, so that the sum over workers is right.
 */
export interface CacheStats {
  readonly memoryBytes: number
  /** Bytes in committed, reachable records. */
  readonly liveBytes: number
  readonly entries: number
  readonly segments: number
  readonly evictedEntries: number
  readonly evictedBytes: number
  readonly reinsertedBytes: number
  readonly insertedBytes: number
  readonly corruptEntries: number
  readonly reserveFailures: number
  /** Gauges of held things: all zero after a drain. */
  readonly pins: number
  readonly flights: number
  readonly fillsInProgress: number
  /** Reads that this worker's fills serve for other workers. */
  readonly foreignReaders: number
  readonly indexBytes: number
}
