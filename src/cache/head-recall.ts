import type { Clock } from '../base/clock.ts'
import type { ObjectVersion } from './api.ts'
import type { DiskHead, DiskReader, FoundOnDisk } from './disk/disk-reader.ts'
import { RECORD_HEADER_BYTES, type RecordHeader } from './disk/disk-record.ts'
import type { TierCounters } from './disk-tier.ts'
import type { Generations } from './generations.ts'
import { writeHeadHeader, type HeadFields } from './record.ts'
import { fitsArriving, type ArrivingHead, type RecordStore } from './record-store.ts'

/** Heads that the origin has to be asked about, kept with their bodies until it answered. */
const UNPROVEN_BYTES_MAX = 8 * 1024 * 1024

/**
 * What is read into memory at once: more would pin what others wait for, and less costs: large reads one by one take a quarter more CPU than some
 * together, because the code between them is cold each time. One record goes in any case.
 */
const READING_BYTES_MAX = 16 * 1024 * 1024
const READING_SHARE = 0.25

/** A head from the future says that a clock was wrong: nobody knows how old it is. */
const FUTURE_MS_MAX = 1000

/** What came of looking for an object's head on disk. `unproven`: ask the origin before the first use. */
export type Recalled = 'promoted' | 'unproven' | 'missed'

export interface HeadRecallParts {
  readonly store: RecordStore
  readonly generations: Generations
  readonly clock: Clock
  readonly counters: TierCounters
}

/** Brings heads from disk into memory: one read for all who ask, so many bytes at once. */
export class HeadRecall {
  readonly #parts: HeadRecallParts
  readonly #recalls = new Map<string, Promise<Recalled>>()
  /** Those that wait for others to be done, because together they would read too much at once. */
  readonly #waiting: Recall[] = []
  #readingBytes = 0
  readonly #unproven = new Map<string, DiskHead>()
  #unprovenBytes = 0
  #isClosed = false

  constructor(parts: HeadRecallParts) {
    this.#parts = parts
  }

  get reading(): number {
    return this.#recalls.size
  }

  recall(reader: DiskReader, key: string): Promise<Recalled> | undefined {
    const known = this.#recalls.get(key)
    if (known !== undefined) return known
    const hash = reader.headHash(key)
    const found = hash === undefined ? undefined : reader.find(hash, true)
    if (found === undefined) {
      this.#parts.counters.misses++
      return undefined
    }
    const { promise, resolve, reject } = Promise.withResolvers<Recalled>()
    this.#recalls.set(key, promise)
    const recall = { reader, found, key, generation: this.#parts.generations.ofHash(found.hash), resolve, reject }
    if (this.#fits(found.recordBytes)) this.#begin(recall)
    else this.#waiting.push(recall)
    return promise
  }

  /** What is known of an unproven head is outdated. */
  forget(key: string): void {
    const head = this.#unproven.get(key)
    if (head === undefined) return
    this.#unproven.delete(key)
    this.#unprovenBytes -= head.body.length
  }

  /** The body of an unproven head whose version the origin just named; it is not kept here any longer. */
  takeConfirmed(version: ObjectVersion): Uint8Array | undefined {
    const head = this.#unproven.get(version.key)
    this.forget(version.key)
    const isSame = head !== undefined && head.etag === version.etag && head.sizeBytes === version.sizeBytes
    return isSame && head.body.length === head.sizeBytes ? head.body : undefined
  }

  /** Resolves when no read is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#recalls.values())
  }

  #fits(bytes: number): boolean {
    return this.#readingBytes === 0 || this.#readingBytes + bytes <= this.#readingBytesMax
  }

  #begin(recall: Recall): void {
    const { reader, found } = recall
    this.#readingBytes += found.recordBytes
    if (reader.isEncrypted || !reader.isProven(found) || !fitsArriving(found.recordBytes)) this.#beginCopy(recall)
    else this.#readInPlace(recall)
  }

  #beginCopy(recall: Recall): void {
    this.#readCopy(recall).then(
      (recalled) => this.#end(recall, recalled),
      (error: unknown) => this.#fail(recall, error),
    )
  }

  #end(recall: Recall, recalled: Recalled): void {
    this.#count(recalled, recall.found.recordBytes)
    this.#release(recall)
    recall.resolve(recalled)
  }

  /** A broken invariant is whoever asked's to report. */
  #fail(recall: Recall, error: unknown): void {
    this.#release(recall)
    recall.reject(error)
  }

  #release({ reader, found, key }: Recall): void {
    reader.release(found)
    this.#recalls.delete(key)
    this.#readingBytes -= found.recordBytes
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.found.recordBytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#begin(next)
    }
  }

  #isCurrent({ found, generation }: Recall): boolean {
    return generation === this.#parts.generations.ofHash(found.hash) && !this.#isClosed
  }

  get #readingBytesMax(): number {
    return Math.min(READING_BYTES_MAX, this.#parts.store.logs.capacityBytes * READING_SHARE)
  }

  #count(recalled: Recalled, bytes: number): void {
    const { counters } = this.#parts
    if (recalled === 'missed') counters.failures++
    else {
      counters.hits++
      counters.hitBytes += bytes
    }
  }

  /** Names, metadata and body go from the disk to where they will stand in memory: both records have them one after another, behind their headers. */
  #readInPlace(recall: Recall): void {
    const { store } = this.#parts
    const { reader, found } = recall
    const reserved = store.reserveArriving(found.hash, RECORD_HEADER_BYTES, found.recordBytes)
    if (reserved === undefined) {
      this.#end(recall, 'missed')
      return
    }
    reader.readInto(found, reserved.arriving, (header) => {
      try {
        const recalled = this.#commitInPlace(recall, reserved, header)
        if (recalled === undefined) this.#beginCopy(recall)
        else this.#end(recall, recalled)
      } catch (error) {
        this.#fail(recall, error)
      } finally {
        store.finder.unpin(reserved.segment)
      }
    })
  }

  /** Undefined: it has to be read another way. */
  #commitInPlace(recall: Recall, reserved: ArrivingHead, header: RecordHeader | undefined): Recalled | undefined {
    const { key } = recall
    const keyEnd = RECORD_HEADER_BYTES + key.length
    const isOurs =
      header?.keyBytes === key.length &&
      reserved.arriving.toString('latin1', RECORD_HEADER_BYTES, keyEnd) === key &&
      this.#isCurrent(recall)
    if (isOurs && !this.#isFromFuture(header)) return this.#commit(key, reserved, header)
    this.#parts.store.discardHead(reserved)
    return isOurs ? undefined : 'missed'
  }

  /** By way of memory of its own. */
  async #readCopy(recall: Recall): Promise<Recalled> {
    const { store } = this.#parts
    const { reader, found, key } = recall
    const head = await reader.readHead(found, key)
    if (head === undefined || !this.#isCurrent(recall)) return 'missed'
    if (!head.proven || this.#isFromFuture(head)) {
      this.#keepUnproven(head)
      return 'unproven'
    }
    const { etag, meta, body, sizeBytes, validatedAtMs } = head
    const names = key + etag + meta
    const reserved = store.reserveHead(found.hash, names.length + body.length)
    if (reserved === undefined) return 'missed'
    reserved.rest.write(names, 0, 'latin1')
    reserved.rest.set(body, names.length)
    const lengths = { keyBytes: key.length, etagBytes: etag.length, metaBytes: meta.length, bodyBytes: body.length }
    const recalled = this.#commit(key, reserved, { ...lengths, sizeBytes, validatedAtMs })
    store.finder.unpin(reserved.segment)
    return recalled
  }

  #commit(key: string, reserved: Omit<ArrivingHead, 'arriving'>, fields: HeadFields): Recalled {
    const { store } = this.#parts
    const present = store.mayHave(reserved.hash) ? store.finder.findHead(key, false) : undefined
    if (present !== undefined) {
      // Learned while this was read: it is newer.
      store.finder.unpin(present.segment)
      store.discardHead(reserved)
      return 'promoted'
    }
    if (fields.bodyBytes !== 0 && fields.bodyBytes !== fields.sizeBytes) {
      store.discardHead(reserved)
      return 'missed'
    }
    writeHeadHeader(reserved.view, reserved.offset, fields, reserved)
    store.commitHeadFromDisk(reserved)
    return 'promoted'
  }

  #isFromFuture({ validatedAtMs }: { readonly validatedAtMs: number }): boolean {
    return validatedAtMs > this.#parts.clock.nowMs() + FUTURE_MS_MAX
  }

  #keepUnproven(head: DiskHead): void {
    this.forget(head.key)
    this.#unproven.set(head.key, head)
    this.#unprovenBytes += head.body.length
    for (const key of this.#unproven.keys()) {
      if (this.#unprovenBytes <= UNPROVEN_BYTES_MAX) return
      this.forget(key)
    }
  }
}

/** One head on its way into memory, for all who ask. */
interface Recall {
  readonly reader: DiskReader
  readonly found: FoundOnDisk
  readonly key: string
  readonly generation: number
  readonly resolve: (recalled: Recalled) => void
  readonly reject: (error: unknown) => void
}
