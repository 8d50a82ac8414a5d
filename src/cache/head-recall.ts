import type { Clock } from '../base/clock.ts'
import type { ObjectVersion } from './api.ts'
import type { DiskHead, DiskReader, FoundOnDisk } from './disk/disk-reader.ts'
import { RECORD_HEADER_BYTES } from './disk/disk-record.ts'
import type { TierCounters } from './disk-tier.ts'
import type { Generations } from './generations.ts'
import { LONG_BODY_BYTES } from './offer-to-disk.ts'
import { writeHeadHeader, type HeaderFields } from './record.ts'
import type { RecordStore, ReservedHead } from './record-store.ts'

/** Heads that the origin has to be asked about, kept with their bodies until it answered. */
const UNPROVEN_BYTES_MAX = 8 * 1024 * 1024

/** What is read into memory at once: more would pin what others wait for. One record goes in any case. */
const READING_BYTES_MAX = 16 * 1024 * 1024
const READING_SHARE_OF_PASSAGE = 0.25

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

/** The fields of a head's record that do not follow from where it will stand. */
type HeadFields = Omit<HeaderFields, 'hash' | 'recordBytes'>

/** Brings heads from disk into memory: one read for all who ask, so many bytes at once. */
export class HeadRecall {
  readonly #parts: HeadRecallParts
  readonly #recalls = new Map<string, Promise<Recalled>>()
  readonly #turns: (() => void)[] = []
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
    const recalled = this.#inTurn(reader, found, key).finally(() => {
      reader.release(found)
      this.#recalls.delete(key)
    })
    this.#recalls.set(key, recalled)
    return recalled
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

  async #inTurn(reader: DiskReader, found: FoundOnDisk, key: string): Promise<Recalled> {
    const generation = this.#parts.generations.of(key)
    const isCurrent = (): boolean => generation === this.#parts.generations.of(key) && !this.#isClosed
    const bytes = found.recordBytes
    while (this.#readingBytes > 0 && this.#readingBytes + bytes > this.#readingBytesMax) {
      await new Promise<void>((resolve) => {
        this.#turns.push(resolve)
      })
    }
    this.#readingBytes += bytes
    try {
      const inPlace = !reader.isEncrypted && reader.isProven(found)
      const recalled = await (inPlace
        ? this.#readInPlace(reader, found, { key, isCurrent })
        : this.#readCopy(reader, found, { key, isCurrent }))
      this.#count(recalled, bytes)
      return recalled
    } finally {
      this.#readingBytes -= bytes
      for (const turn of this.#turns.splice(0)) turn()
    }
  }

  get #readingBytesMax(): number {
    return Math.min(READING_BYTES_MAX, this.#parts.store.logs.passageBytes * READING_SHARE_OF_PASSAGE)
  }

  #count(recalled: Recalled, bytes: number): void {
    const { counters } = this.#parts
    if (recalled === 'missed') counters.failures++
    else {
      counters.hits++
      counters.hitBytes += bytes
    }
  }

  /** Names, metadata and body go from the disk to where they will stand in memory: both records have them one after another. */
  async #readInPlace(reader: DiskReader, found: FoundOnDisk, about: RecallAbout): Promise<Recalled> {
    const { store } = this.#parts
    const reserved = store.reserveHead(found.hash, found.recordBytes - RECORD_HEADER_BYTES)
    if (reserved === undefined) return 'missed'
    try {
      const read = await reader.readRest(found, reserved.rest)
      const { key, isCurrent } = about
      const isOurs = read !== undefined && reserved.rest.toString('latin1', 0, read.header.keyBytes) === key
      if (isOurs && isCurrent() && !this.#isFromFuture(read.header)) {
        return this.#commit(reserved, read.header, {
          key,
          bodyChecksum: read.header.bodyBytes < LONG_BODY_BYTES ? undefined : read.bodyChecksum,
        })
      }
      store.discard(reserved)
      return isOurs && isCurrent() ? await this.#readCopy(reader, found, about) : 'missed'
    } finally {
      store.finder.unpin(reserved.segment)
    }
  }

  /** By way of memory of its own. */
  async #readCopy(reader: DiskReader, found: FoundOnDisk, { key, isCurrent }: RecallAbout): Promise<Recalled> {
    const { store } = this.#parts
    const head = await reader.readHead(found, key)
    if (head === undefined || !isCurrent()) return 'missed'
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
    const recalled = this.#commit(reserved, { ...lengths, sizeBytes, validatedAtMs }, { key, bodyChecksum: undefined })
    store.finder.unpin(reserved.segment)
    return recalled
  }

  #commit(
    reserved: ReservedHead,
    fields: HeadFields,
    about: { readonly key: string; readonly bodyChecksum: number | undefined },
  ): Recalled {
    const { store } = this.#parts
    const present = store.finder.findHead(about.key, false)
    if (present !== undefined) {
      // Learned while this was read: it is newer.
      store.finder.unpin(present.segment)
      store.discard(reserved)
      return 'promoted'
    }
    if (fields.bodyBytes !== 0 && fields.bodyBytes !== fields.sizeBytes) {
      store.discard(reserved)
      return 'missed'
    }
    writeHeadHeader(reserved.view, reserved.offset, { ...fields, hash: reserved.hash, recordBytes: reserved.recordBytes })
    store.commitHeadFromDisk(reserved, about.bodyChecksum)
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

/** Whose head it is, and whether what is read of it may still be used. */
interface RecallAbout {
  readonly key: string
  readonly isCurrent: () => boolean
}
