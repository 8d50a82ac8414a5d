import { BLOCK_BYTES } from './block.ts'
import { GhostList } from './ghost-list.ts'
import type { CacheLayout } from './layout.ts'
import type { NameHash } from './name-hash.ts'
import type { EvictionPolicy, LogName, LogUse } from './policy.ts'

const SMALL_SHARE = 0.1
const SMALL_SHARE_MAX = 0.4

/** A small cache still needs a few blocks between arrival and reclaim, or a reader finds gone what was fetched for it. */
const SMALL_BLOCKS_MIN = 4
const SMALL_SHARE_OF_TINY = 0.3

/** What slow readers pin of the small log may not cost the main log more than the rest: they wait for room then, and who reads what is used gets it. */
const MAIN_KEPT_SHARE = 0.5
const MAIN_FIRST = ['main', 'small'] as const
const SMALL_FIRST = ['small', 'main'] as const
const SMALL_ONLY = ['small'] as const

/** A name that comes back within this share of the cache would have been a hit with a slightly larger log. */
const NEAR_MISS_SHARE = 0.05

/** Near misses between two looks at the balance, and how lopsided they must be. */
const NEAR_MISSES_PER_STEP = 32
const NEAR_MISS_RATIO = 2
const STEP_SHARE = 0.005

/**
 * S3-FIFO on segments (Yang et al., SOSP 2023): records enter the small log and reach the main log if they are used again
 * there, or if they come back while their name is still on the ghost list. The main log gives used records another round with
 * one use less. The border moves to where near misses are more frequent, as in the paper's adaptive variant.
 */
export class S3Fifo implements EvictionPolicy {
  readonly #smallGhosts: GhostList
  readonly #mainGhosts: GhostList
  readonly #segmentBytes: number
  /** All that the owner has: with several owners it changes. */
  #arenaBytes = 0
  #smallBytesMin = 0
  #smallShare = SMALL_SHARE
  #smallNearMisses = 0
  #mainNearMisses = 0

  constructor(layout: CacheLayout) {
    this.#segmentBytes = layout.segmentBytes
    this.#smallGhosts = new GhostList(layout.smallGhosts)
    this.#mainGhosts = new GhostList(layout.mainGhosts)
    this.#resize((layout.segmentBytes * layout.segmentCount) / layout.owners)
  }

  get smallTargetBytes(): number {
    return Math.max(this.#smallBytesMin, this.#arenaBytes * this.#smallShare)
  }

  admit(name: NameHash, _bytes: number): LogName {
    const nearBytes = this.#arenaBytes * NEAR_MISS_SHARE
    const sinceSmall = this.#smallGhosts.take(name)
    const sinceMain = this.#mainGhosts.take(name)
    if (sinceSmall !== undefined && sinceSmall <= nearBytes) this.#smallNearMisses++
    if (sinceMain !== undefined) this.#mainNearMisses++
    if (this.#smallNearMisses + this.#mainNearMisses >= NEAR_MISSES_PER_STEP) this.#moveBorder()
    return sinceSmall !== undefined || sinceMain !== undefined ? 'main' : 'small'
  }

  victims(use: LogUse): readonly LogName[] {
    if (use.capacityBytes !== this.#arenaBytes) this.#resize(use.capacityBytes)
    if (use.smallBytes <= this.smallTargetBytes && use.mainBytes > 0) return MAIN_FIRST
    return use.mainBytes > use.capacityBytes * MAIN_KEPT_SHARE ? SMALL_FIRST : SMALL_ONLY
  }

  keep(log: LogName, frequency: number, attempt: number): number | undefined {
    if (frequency <= attempt) return undefined
    return log === 'small' ? 0 : frequency - 1
  }

  dropped(log: LogName, name: NameHash, bytes: number): void {
    if (log === 'small') this.#smallGhosts.add(name, bytes)
    else this.#mainGhosts.add(name, bytes)
  }

  #resize(arenaBytes: number): void {
    this.#arenaBytes = arenaBytes
    const tiny = Math.min(SMALL_BLOCKS_MIN * BLOCK_BYTES, arenaBytes * SMALL_SHARE_OF_TINY)
    this.#smallBytesMin = Math.max(this.#segmentBytes, tiny, arenaBytes * SMALL_SHARE * 0.5)
    this.#smallGhosts.windowBytes = arenaBytes * (1 - SMALL_SHARE)
    this.#mainGhosts.windowBytes = arenaBytes * NEAR_MISS_SHARE
  }

  #moveBorder(): void {
    if (this.#smallNearMisses > this.#mainNearMisses * NEAR_MISS_RATIO) {
      this.#smallShare = Math.min(SMALL_SHARE_MAX, this.smallTargetBytes / this.#arenaBytes + STEP_SHARE)
    } else if (this.#mainNearMisses > this.#smallNearMisses * NEAR_MISS_RATIO) {
      this.#smallShare = Math.max(0, this.smallTargetBytes / this.#arenaBytes - STEP_SHARE)
    }
    this.#smallNearMisses = 0
    this.#mainNearMisses = 0
  }
}
