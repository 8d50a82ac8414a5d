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

/** Hands out memory for arriving blocks: from the arena, or, while that is pinned full, a bounded amount from the heap. */
export class FillRoom {
  readonly #store: RecordStore
  readonly #overflow: ByteBudget
  readonly #waiting = new Set<() => void>()
  #overflowBlocks = 0

  constructor(store: RecordStore, overflowBytesMax: number) {
    this.#store = store
    this.#overflow = new ByteBudget(overflowBytesMax)
    store.finder.onIdle = () => this.#wakeAll()
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

  fromHeap(draft: RecordDraft): FillMemory | undefined {
    const bytes = draftBodyBytes(draft)
    if (!this.#overflow.tryTake(bytes)) return undefined
    this.#overflowBlocks++
    const free = (): void => {
      this.#overflowBlocks--
      this.#overflow.give(bytes)
      this.#wakeAll()
    }
    return { bytes: Buffer.allocUnsafeSlow(bytes), reservation: undefined, free }
  }

  /** Calls `poke` when there may be room again, until `leave`. */
  wait(poke: () => void): void {
    this.#waiting.add(poke)
  }

  leave(poke: () => void): void {
    this.#waiting.delete(poke)
  }

  #wakeAll(): void {
    for (const poke of this.#waiting) poke()
  }
}
