import type { ByteBudget } from './byte-budget.ts'
import type { DiskTier } from './disk-tier.ts'
import type { FillRoom } from './fill-room.ts'
import type { Generations } from './generations.ts'
import type { RecordStore } from './record-store.ts'
import type { RunTable } from './run-table.ts'

/** What fills and readers of one cache share. */
export interface FillContext {
  readonly store: RecordStore
  readonly room: FillRoom
  readonly generations: Generations
  readonly runs: RunTable
  readonly disk: DiskTier
  /** What is still to come of runs that nobody reads any more. */
  readonly abandoned: ByteBudget
  readonly fetchRunBytes: number
  /** A run whose readers take nothing for that long gives up its connection to the origin. */
  readonly pauseMsMax: number
}
