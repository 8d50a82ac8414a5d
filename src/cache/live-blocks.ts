import type { BlockFill } from './block-fill.ts'
import type { RecordStore } from './record-store.ts'

/** The blocks of a run that followers read from: arriving, or complete but not to be found in the cache ("retained"). */
export class LiveBlocks {
  readonly #store: RecordStore
  readonly #fills = new Map<number, BlockFill>()
  readonly #retained = new Set<BlockFill>()

  constructor(store: RecordStore) {
    this.#store = store
  }

  get(blockNo: number): BlockFill | undefined {
    return this.#fills.get(blockNo)
  }

  add(fill: BlockFill): void {
    this.#fills.set(fill.blockNo, fill)
  }

  get retained(): number {
    return this.#retained.size
  }

  /** The block is complete and will not be committed: it stays for those who follow the run. */
  retain(fill: BlockFill): void {
    this.#retained.add(fill)
  }

  /** The block is in the cache now: newcomers find it there. */
  committed(fill: BlockFill): void {
    this.#fills.delete(fill.blockNo)
    fill.release()
  }

  /** Lets go of retained blocks before `beforeBlock`. */
  dropRetained(beforeBlock: number): void {
    for (const fill of this.#retained) if (fill.blockNo < beforeBlock) this.#drop(fill)
  }

  /** The run is over: lets go of all but, where they are `wanted`, the retained blocks. */
  end(wanted: boolean): void {
    for (const fill of this.#fills.values()) if (!wanted || !this.#retained.has(fill)) this.#drop(fill)
  }

  /** Pieces that readers hold of it stay whole until they are released. */
  #drop(fill: BlockFill): void {
    this.#fills.delete(fill.blockNo)
    this.#retained.delete(fill)
    const { reservation } = fill.memory
    if (reservation !== undefined) this.#store.discard(reservation)
    fill.release()
  }
}
