import type { HeadInfo, ObjectVersion } from './api.ts'
import { BLOCK_BYTES } from './block.ts'
import { draftBytes, isVersionOf, metaOf, setValidatedAt, validatedAtOf, type RecordDraft } from './record.ts'
import type { FoundRecord } from './record-finder.ts'
import type { RecordStore, Reservation } from './record-store.ts'

/** The head in the cache, where it is this version's: a body that arrives is stored together with it. */
export function knownHead(store: RecordStore, version: ObjectVersion): HeadInfo | undefined {
  const found = store.finder.findHead(version.key, false)
  if (found === undefined) return undefined
  const { view, offset, segment } = found
  const info = isVersionOf(view, offset, version)
    ? { ...version, meta: metaOf(view, offset), validatedAtMs: validatedAtOf(view, offset) }
    : undefined
  store.finder.unpin(segment)
  return info
}

/** True where the object has no more than one block. */
export function isOneBlock(version: ObjectVersion): boolean {
  return version.sizeBytes <= BLOCK_BYTES
}

/** True where head and body can stand in one record. */
export function fitsOneRecord(info: HeadInfo): boolean {
  return info.sizeBytes <= BLOCK_BYTES && wholeObjectDraft(info, info).kind === 'head'
}

/** The record for an object of one block: head and body in one where its head is known and both fit. */
export function wholeObjectDraft(version: ObjectVersion, info: HeadInfo | undefined): RecordDraft {
  const block: RecordDraft = { kind: 'block', version, blockNo: 0 }
  if (info === undefined) return block
  const whole: RecordDraft = { kind: 'head', version, meta: info.meta, validatedAtMs: info.validatedAtMs, inline: true }
  return draftBytes(whole) === undefined ? block : whole
}

/**
 * Commits a head record that was filled together with its body, unless something newer was learned meanwhile: a later
 * version stays, later metadata of the same version is kept with the body that arrived.
 */
export function commitWholeObject(store: RecordStore, reservation: Reservation): void {
  const { version } = reservation.draft
  const present = store.finder.findHead(version.key, false)
  if (present === undefined) {
    store.commit(reservation)
    return
  }
  try {
    const newer = validatedAtOf(present.view, present.offset) > validatedAtOf(reservation.view, reservation.offset)
    if (!newer) store.commit(reservation)
    else if (!isVersionOf(present.view, present.offset, version)) store.discard(reservation)
    else commitUnderNewerHead(store, reservation, present)
  } finally {
    store.finder.unpin(present.segment)
  }
}

function commitUnderNewerHead(store: RecordStore, reservation: Reservation, present: FoundRecord): void {
  const validatedAtMs = validatedAtOf(present.view, present.offset)
  const meta = metaOf(present.view, present.offset)
  if (meta === metaOf(reservation.view, reservation.offset)) {
    setValidatedAt(reservation.view, reservation.offset, validatedAtMs)
    store.commit(reservation)
    return
  }
  const { key, etag, sizeBytes } = reservation.draft.version
  store.insertHead({ key, etag, sizeBytes, meta, validatedAtMs }, reservation.body)
  store.discard(reservation)
}
