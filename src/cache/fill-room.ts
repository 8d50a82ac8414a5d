import { ByteBudget } from './byte-budget.ts'
import { draftBodyBytes, type RecordDraft } from './record.ts'
import type { RecordStore, Reservation } from './record-store.ts'

/** Memory that one block is written into while it arrives. */
export interface FillMemory {
  readonly bytes: Uint8Array
  /** Absent where the block is in private memory and can never be committed. */
  readonly reservation: Reservation | undefined
  free(): void
}

/** What waits for room. */
export interface RoomWaiter {
  /** A client stands before what the room is for. */
  readonly isUrgent: boolean
  readonly poke: () => void
}

/** Hands out memory for arriving blocks: from the arena, or, while that is pinned full, a bounded amount of memory of their own, shared so that other workers can be given it. */
export class FillRoom {
  readonly #store: RecordStore
  readonly #overflow: ByteBudget
  readonly #waiting = new Set<RoomWaiter>()
  readonly #onWaiting: (waits: boolean) => void
  #overflowBlocks = 0

  /** `onWaiting` is called with whether somebody waits. */
  constructor(store: RecordStore, overflowBytesMax: number, onWaiting: (waits: boolean) => void) {
    this.#store = store
    this.#overflow = new ByteBudget(overflowBytesMax)
    this.#onWaiting = onWaiting
  }

  /** Blocks in private memory: a gauge of held things like a pin. */
  get overflowBlocks(): number {
    return this.#overflowBlocks
  }

  fromArena(draft: RecordDraft): FillMemory | undefined {
    const reservation = this.#store.reserve(draft)
    if (reservation === undefined) return undefined
    return { bytes: reservation.body, reservation, free: () => this.#store.finder.unpin(reservation.segment) }
  }

  ownMemory(draft: RecordDraft): FillMemory | undefined {
    const bytes = draftBodyBytes(draft)
    if (!this.#overflow.tryTake(bytes)) return undefined
    this.#overflowBlocks++
    const free = (): void => {
      this.#overflowBlocks--
      this.#overflow.give(bytes)
      this.wakeAll()
    }
    return { bytes: Buffer.from(new SharedArrayBuffer(bytes)), reservation: undefined, free }
  }

  /** Calls `poke` of the waiter when there may be room again, until `leave`. Look for room once more after this: it may have come before. */
  wait(waiter: RoomWaiter): void {
    this.#waiting.add(waiter)
    if (this.#waiting.size === 1) this.#onWaiting(true)
  }

  leave(waiter: RoomWaiter): void {
    this.#waiting.delete(waiter)
    if (this.#waiting.size === 0) this.#onWaiting(false)
  }

  /** There may be room: first for what a client waits for, then for what is read ahead, perhaps of one that reads nothing. Who waits is noted down again before looking, so that what comes free meanwhile is told. */
  wakeAll(): void {
    if (this.#waiting.size === 0) return
    this.#onWaiting(true)
    for (const waiter of this.#waiting) if (waiter.isUrgent) waiter.poke()
    for (const waiter of this.#waiting) if (!waiter.isUrgent) waiter.poke()
  }
}
