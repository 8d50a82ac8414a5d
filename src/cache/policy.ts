import type { NameHash } from './name-hash.ts'

/** The two logs of the memory tier. New records go to the small one; what is used again moves to the main one. */
export type LogName = 'small' | 'main'

/** What is in the logs of one owner, in bytes of whole segments. */
export interface LogUse {
  readonly smallBytes: number
  readonly mainBytes: number
  /** What the owner has, empty segments included, and its part of what nobody has. */
  readonly capacityBytes: number
}

/**
 * What stays and what goes: the decisions of eviction, apart from how records are stored, so that policies can be compared on
 * the same traces. Called by the owner thread only; must not call back into the store.
 */
export interface EvictionPolicy {
  /** How much the small log may hold before it is the one to give something up. */
  readonly smallTargetBytes: number
  /** Where a record goes that is not in the cache. */
  admit(name: NameHash, bytes: number): LogName
  /** Which log gives up its oldest segment; the next one where all of the first is pinned. */
  victims(use: LogUse): readonly LogName[]
  /**
   * The frequency with which a record of the segment being reclaimed lives on in the main log, or undefined: it is dropped.
   * `attempt` counts, from 0, the segments reclaimed for one insertion: a policy that keeps everything at `attempt` 3 would
   * make insertion endless.
   */
  keep(log: LogName, frequency: number, attempt: number): number | undefined
  /** A record was dropped by `keep`. */
  dropped(log: LogName, name: NameHash, bytes: number): void
}
