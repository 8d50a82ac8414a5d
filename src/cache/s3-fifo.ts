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
  readonly #arenaBytes: number
  readonly #smallBytesMin: number
  #smallTargetBytes: number
  #smallNearMisses = 0
  #mainNearMisses = 0

  constructor(layout: CacheLayout) {
    this.#arenaBytes = layout.segmentBytes * layout.segmentCount
    this.#smallGhosts = new GhostList(layout.smallGhosts, this.#arenaBytes * (1 - SMALL_SHARE))
    this.#mainGhosts = new GhostList(layout.mainGhosts, this.#arenaBytes * NEAR_MISS_SHARE)
    const tiny = Math.min(SMALL_BLOCKS_MIN * BLOCK_BYTES, this.#arenaBytes * SMALL_SHARE_OF_TINY)
    this.#smallBytesMin = Math.max(layout.segmentBytes, tiny, this.#arenaBytes * SMALL_SHARE * 0.5)
    this.#smallTargetBytes = Math.max(this.#smallBytesMin, this.#arenaBytes * SMALL_SHARE)
  }

  get smallTargetBytes(): number {
    return this.#smallTargetBytes
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

  victim(use: LogUse): LogName {
    return use.smallBytes > this.#smallTargetBytes || use.mainBytes === 0 ? 'small' : 'main'
  }

  keep(log: LogName, frequency: number, attempt: number): number | undefined {
    if (frequency <= attempt) return undefined
    return log === 'small' ? 0 : frequency - 1
  }

  dropped(log: LogName, name: NameHash, bytes: number): void {
    if (log === 'small') this.#smallGhosts.add(name, bytes)
    else this.#mainGhosts.add(name, bytes)
  }

  #moveBorder(): void {
    const step = this.#arenaBytes * STEP_SHARE
    const { smallBytesMin, largest } = { smallBytesMin: this.#smallBytesMin, largest: this.#arenaBytes * SMALL_SHARE_MAX }
    if (this.#smallNearMisses > this.#mainNearMisses * NEAR_MISS_RATIO) {
      this.#smallTargetBytes = Math.max(smallBytesMin, Math.min(largest, this.#smallTargetBytes + step))
    } else if (this.#mainNearMisses > this.#smallNearMisses * NEAR_MISS_RATIO) {
      this.#smallTargetBytes = Math.max(smallBytesMin, this.#smallTargetBytes - step)
    }
    this.#smallNearMisses = 0
    this.#mainNearMisses = 0
  }
}
