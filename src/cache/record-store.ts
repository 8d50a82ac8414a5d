import { assert } from '../base/assert.ts'
import type { HeadInfo } from './api.ts'
import type { Arena } from './arena.ts'
import type { HashIndex } from './hash-index.ts'
import { GRANULE_BYTES, RECORD_BYTES_MAX } from './layout.ts'
import { HEADER_BYTES, type NameHash } from './name-hash.ts'
import type { EvictionPolicy, LogName } from './policy.ts'
import * as record from './record.ts'
import type { RecordDraft } from './record.ts'
import type { CorruptRecord, FoundRecord, RecordFinder } from './record-finder.ts'
import { RecordLookup } from './record-lookup.ts'
import { SegmentLogs, type SegmentLogsOptions } from './segment-logs.ts'
import type { SegmentPool } from './segment-pool.ts'

/** Room for a record that is being written, its segment pinned. */
export interface Reservation extends FoundRecord {
  readonly draft: RecordDraft
  readonly body: Buffer
}

/** Room for a head that comes as it is: `rest` takes key, ETag, metadata and body. */
export interface ReservedHead extends FoundRecord {
  readonly hash: NameHash
  readonly recordBytes: number
  readonly rest: Buffer
}

/** Room for a head that comes from elsewhere in one piece with a header of its own before it: `arriving` takes both. */
export interface ArrivingHead extends FoundRecord {
  readonly hash: NameHash
  readonly recordBytes: number
  readonly arriving: Buffer
}

/** Counts since start, and two gauges (`liveBytes`, `entries`). */
export interface StoreCounters {
  liveBytes: number
  entries: number
  evictedEntries: number
  evictedBytes: number
  reinsertedBytes: number
  insertedBytes: number
  corruptEntries: number
  reserveFailures: number
}

export const ZERO_COUNTERS: Readonly<StoreCounters> = {
  liveBytes: 0,
  entries: 0,
  evictedEntries: 0,
  evictedBytes: 0,
  reinsertedBytes: 0,
  insertedBytes: 0,
  corruptEntries: 0,
  reserveFailures: 0,
}

/**
 * One owner's part of the memory tier: records in segment logs, found through the owner's index by every thread, and changed
 * by the owner's alone. A record is reserved, filled in, and then committed or released; nothing that is not committed can
 * be found.
 */
export class RecordStore {
  readonly finder: RecordFinder
  /** Called when there was no room for a record: everything that could be reclaimed is pinned. */
  onFull: () => void = () => undefined
  /** Called with what was committed, unless it came from the disk. */
  onCommitted: (found: FoundRecord) => void = () => undefined
  /** Called with what was used while it was in memory, and has to go now. */
  onDropped: (found: FoundRecord) => void = () => undefined
  /** Called where the head of a key is outdated, here and wherever else it is. */
  onHeadRemoved: (key: string) => void = () => undefined
  readonly logs: SegmentLogs
  readonly counters: StoreCounters = { ...ZERO_COUNTERS }
  readonly #arena: Arena
  readonly #index: HashIndex
  readonly #lookup: RecordLookup
  readonly #policy: EvictionPolicy

  constructor(finder: RecordFinder, parts: { readonly owner: number; readonly pool: SegmentPool; readonly policy: EvictionPolicy }) {
    const { owner, pool, policy } = parts
    this.finder = finder
    this.#arena = finder.arena
    this.#index = finder.indexOf(owner)
    this.#lookup = new RecordLookup(this.#arena, this.#index)
    this.#policy = policy
    const evacuate: SegmentLogsOptions['evacuate'] = (segment, usedBytes, log, attempt) =>
      this.#evacuate(segment, { usedBytes, log, attempt })
    this.logs = new SegmentLogs({ arena: this.#arena, pool, owner, policy, evacuate })
  }

  /** Room for a record, its header written; undefined where it is too large to be kept, or everything is pinned. */
  reserve(draft: RecordDraft): Reservation | undefined {
    const bytes = record.draftBytes(draft)
    if (bytes === undefined) return undefined
    const hash = this.#hash(draft)
    const room = this.#room(hash, bytes)
    return room === undefined ? undefined : { draft, ...room, body: record.writeRecord(room.view, room.offset, draft, hash) }
  }

  /** Room for a head of that name whose header and bytes will be written by the caller: what follows the header takes at most `bytes`. Pinned. */
  reserveHead(hash: NameHash, bytes: number): ReservedHead | undefined {
    const recordBytes = Math.ceil((HEADER_BYTES + bytes) / GRANULE_BYTES) * GRANULE_BYTES
    if (recordBytes > RECORD_BYTES_MAX) return undefined
    const room = this.#room(hash, recordBytes)
    if (room === undefined) return undefined
    const { view, offset } = room
    record.writeHeadHeader(view, offset, NO_FIELDS, { hash, recordBytes })
    return { ...room, hash, recordBytes, rest: view.bytes.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + bytes) }
  }

  /**
   * The same for a head that arrives as `bytes` bytes, of which the first `headerBytes` are a header of another kind. The two headers end at the same
   * place; what the other one is longer stands in a granule of its own before the record, which is given up.
   */
  reserveArriving(hash: NameHash, headerBytes: number, bytes: number): ArrivingHead | undefined {
    const recordBytes = Math.ceil((HEADER_BYTES + bytes - headerBytes) / GRANULE_BYTES) * GRANULE_BYTES
    const room = fitsArriving(bytes) ? this.#room(hash, GRANULE_BYTES + recordBytes) : undefined
    if (room === undefined) return undefined
    const { view, segment } = room
    record.writeDead(view, room.offset, GRANULE_BYTES)
    const offset = room.offset + GRANULE_BYTES
    const from = offset + HEADER_BYTES - headerBytes
    return { view, segment, offset, hash, recordBytes, arriving: view.bytes.subarray(from, from + bytes) }
  }

  /** So many bytes, pinned, where the policy wants a record of that name. */
  #room(hash: NameHash, bytes: number): FoundRecord | undefined {
    const location = this.logs.allocate(this.#policy.admit(hash, bytes), bytes)
    if (location === undefined) {
      this.counters.reserveFailures++
      this.onFull()
      return undefined
    }
    const segment = this.#arena.segmentOf(location)
    this.#arena.pin(segment)
    return { view: this.#arena.view(segment), segment, offset: this.#arena.offsetOf(location) }
  }

  /** Makes a filled record findable, in place of one of the same name. The pin stays with the caller. */
  commit(reservation: Reservation): void {
    record.commitRecord(reservation.view, reservation.offset)
    this.#publish(reservation, this.#slotOfSame(reservation.draft, record.recordHash(reservation.view, reservation.offset)))
    this.onCommitted(reservation)
  }

  /** The same for what came from the disk, where it was compared with its checksum. */
  commitBlockFromDisk(reservation: Reservation): void {
    record.commitChecked(reservation.view, reservation.offset)
    this.#publish(reservation, this.#slotOfSame(reservation.draft, record.recordHash(reservation.view, reservation.offset)))
  }

  /** The same for a head of a key of which there is none here. */
  commitHeadFromDisk(reserved: FoundRecord): void {
    record.commitChecked(reserved.view, reserved.offset)
    record.setOnDisk(reserved.view, reserved.offset)
    // It was brought here for a reader who finds it in a moment: that is no second use.
    this.#index.setFrequency(this.#publish(reserved, undefined), -1)
  }

  /** Returns the slot. */
  #publish({ view, segment, offset }: FoundRecord, older: number | undefined): number {
    const location = this.#arena.locationOf(segment, offset)
    const bytes = record.recordBytes(view, offset)
    this.counters.insertedBytes += bytes
    this.counters.liveBytes += bytes
    const hash = record.recordHash(view, offset)
    const slot = older ?? this.#index.roomFor(hash)
    if (older !== undefined) {
      this.counters.liveBytes -= this.#bytesAt(older)
      this.#index.relocate(older, location)
    } else {
      if (this.#index.locationAt(slot) !== 0) this.#evict(slot)
      this.#index.publish(slot, hash, location)
      this.counters.entries++
    }
    assert(this.counters.liveBytes <= this.#arena.segmentBytes * this.#arena.segmentCount, 'live records fit the arena')
    return slot
  }

  /** False where no record of that name is here for certain: a question that needs no name, and mostly has this answer. */
  mayHave(hash: NameHash): boolean {
    return this.#index.probe(hash, 0) !== undefined
  }

  /** Gives up a record that was not committed; the pin stays with the caller. */
  discard(reservation: FoundRecord): void {
    record.killRecord(reservation.view, reservation.offset)
  }

  /** The same for a head whose header may be overwritten, or not written yet. */
  discardHead({ view, offset, recordBytes }: FoundRecord & { readonly recordBytes: number }): void {
    record.writeDead(view, offset, recordBytes)
  }

  /**
   * Stores a head that was learned without its body. An older head of the same version gives it its body; a head that the
   * origin confirmed later is not replaced. `confirmed`: a body of this version that is at hand. False where it was not stored.
   */
  putHead(info: HeadInfo, confirmed?: Uint8Array): boolean {
    const present = this.finder.findHead(info.key, false)
    try {
      const sameVersion = present !== undefined && record.isVersionOf(present.view, present.offset, info)
      if (present !== undefined && record.validatedAtOf(present.view, present.offset) > info.validatedAtMs) return sameVersion
      if (present !== undefined && sameVersion && record.metaOf(present.view, present.offset) === info.meta) {
        record.setValidatedAt(present.view, present.offset, info.validatedAtMs)
        return true
      }
      const body = sameVersion ? record.bodyOf(present.view, present.offset) : undefined
      return this.insertHead(info, info.sizeBytes === 0 ? EMPTY : (body ?? confirmed))
    } finally {
      if (present !== undefined) this.finder.unpin(present.segment)
    }
  }

  /** Stores a head with or without its whole body; without it where both do not fit one record. */
  insertHead(info: HeadInfo, body: Uint8Array | undefined): boolean {
    const { meta, validatedAtMs } = info
    const draft = { kind: 'head', version: info, meta, validatedAtMs, inline: body !== undefined } as const
    const fits = record.draftBytes(draft) !== undefined
    const reservation = this.reserve(fits ? draft : { ...draft, inline: false })
    if (reservation === undefined) {
      // The older head may say what is not true any more, and there is no room to say the new.
      this.removeHead(info.key)
      return false
    }
    if (fits && body !== undefined) reservation.body.set(body)
    this.commit(reservation)
    this.finder.unpin(reservation.segment)
    return true
  }

  /** Forgets the head of `key`; only that of version `etag` where one is given. */
  removeHead(key: string, etag?: string): void {
    const found = this.finder.findHead(key, false)
    const isMeant = found === undefined || etag === undefined || record.etagIs(found.view, found.offset, etag)
    if (found !== undefined) {
      if (isMeant) this.#remove(found)
      this.finder.unpin(found.segment)
    }
    if (isMeant) this.onHeadRemoved(key)
  }

  /** Takes a record out that somebody found to be damaged, if it is still there and still is. */
  removeCorrupt(found: CorruptRecord): void {
    const slot = this.#index.slotOf(found, found.location)
    const view = this.#arena.view(this.#arena.segmentOf(found.location))
    if (slot === undefined || record.verifyRecord(view, this.#arena.offsetOf(found.location))) return
    this.counters.corruptEntries++
    this.#forget(slot)
  }

  #hash(draft: RecordDraft): NameHash {
    const { hasher } = this.finder
    const { key, etag } = draft.version
    if (draft.kind === 'head') hasher.hashHead(key)
    else hasher.hashBlock(hasher.hashVersion(key, etag), draft.blockNo)
    return { lo: hasher.lo, hi: hasher.hi }
  }

  /** The slot of the record that a draft takes the place of. */
  #slotOfSame(draft: RecordDraft, hash: NameHash): number | undefined {
    if (draft.kind === 'head') this.finder.hasher.hashHead(draft.version.key)
    const location =
      draft.kind === 'head' ? this.#lookup.findHead(this.finder.hasher) : this.#lookup.findBlock(hash, draft.version, draft.blockNo)
    if (location === undefined) return undefined
    const slot = this.#lookup.slot
    this.finder.unpin(this.#arena.segmentOf(location))
    return slot
  }

  #remove(found: FoundRecord): void {
    const slot = this.#index.slotOf(record.recordHash(found.view, found.offset), this.#arena.locationOf(found.segment, found.offset))
    if (slot !== undefined) this.#forget(slot)
  }

  #forget(slot: number): void {
    this.counters.liveBytes -= this.#bytesAt(slot)
    this.counters.entries--
    this.#index.clear(slot)
    assert(this.counters.liveBytes >= 0 && this.counters.entries >= 0, 'no record is forgotten twice')
  }

  #evict(slot: number): void {
    this.counters.evictedEntries++
    this.counters.evictedBytes += this.#bytesAt(slot)
    this.#forget(slot)
  }

  #bytesAt(slot: number): number {
    const location = this.#index.locationAt(slot)
    return record.recordBytes(this.#arena.view(this.#arena.segmentOf(location)), this.#arena.offsetOf(location))
  }

  /** Empties a segment: what the policy keeps moves to the main log, the rest is forgotten. */
  #evacuate(segment: number, from: { readonly usedBytes: number; readonly log: LogName; readonly attempt: number }): void {
    const view = this.#arena.view(segment)
    for (let offset = 0; offset < from.usedBytes;) {
      const bytes = record.recordBytes(view, offset)
      assert(bytes >= GRANULE_BYTES && offset + bytes <= from.usedBytes, 'records lie one after another')
      if (record.isCommitted(view, offset)) this.#keepOrEvict({ view, segment, offset }, bytes, from)
      offset += bytes
    }
  }

  #keepOrEvict(found: FoundRecord, bytes: number, from: { readonly log: LogName; readonly attempt: number }): void {
    const hash = record.recordHash(found.view, found.offset)
    const slot = this.#index.slotOf(hash, this.#arena.locationOf(found.segment, found.offset))
    if (slot === undefined) return
    const frequency = this.#policy.keep(from.log, this.#index.frequencyAt(slot), from.attempt)
    const copy = frequency === undefined ? undefined : this.logs.allocateCopy(bytes)
    if (frequency === undefined || copy === undefined) {
      this.#policy.dropped(from.log, hash, bytes)
      // What was never used again is not worth another write.
      if (from.log === 'main') this.onDropped(found)
      this.#evict(slot)
      return
    }
    record.copyRecord(found.view, found.offset, this.#arena.view(this.#arena.segmentOf(copy)), this.#arena.offsetOf(copy))
    this.#index.relocate(slot, copy)
    this.#index.setFrequency(slot, frequency)
    this.counters.reinsertedBytes += bytes
  }
}

/** True where a head of so many bytes, with its other header, may arrive in place. */
export function fitsArriving(bytes: number): boolean {
  return bytes + 2 * GRANULE_BYTES <= RECORD_BYTES_MAX
}

const EMPTY = new Uint8Array(0)

const NO_FIELDS = { keyBytes: 0, etagBytes: 0, metaBytes: 0, bodyBytes: 0, sizeBytes: 0, validatedAtMs: 0 } as const
