import { GhostList } from '../ghost-list.ts'
import type { NameHash } from '../name-hash.ts'

const DAY_MS = 86_400_000

/** How much of a day's budget may be spent at once: bursts of an hour and a half are the budget's business, not of the clock. */
const BURST_SHARE = 1 / 16

/** Names remembered; 8 bytes each. */
const GHOSTS_MAX = 131_072

/** Names are remembered for as long as it takes to offer this many times what the disk holds. */
const GHOST_WINDOW_CAPACITIES = 1

export interface AdmissionOptions {
  readonly capacityBytes: number
  /** How much may be written per day without further reason once the disk is full. */
  readonly dailyBytes: number
  readonly monotonicMs: () => number
}

/**
 * What is worth writing. While there is room: everything. Once the disk is full every record written pushes another one out and
 * wears the device: then what was offered or dropped before, lately, or what a budget of bytes per day still allows. So a scan
 * through more than the disk holds costs its budget, not the hot set.
 */
export class DiskAdmission {
  readonly #ghosts: GhostList
  readonly #bytesPerMs: number
  readonly #burstBytes: number
  readonly #monotonicMs: () => number
  #tokens: number
  #refilledMs: number

  constructor(options: AdmissionOptions) {
    this.#ghosts = new GhostList(GHOSTS_MAX, options.capacityBytes * GHOST_WINDOW_CAPACITIES)
    this.#bytesPerMs = options.dailyBytes / DAY_MS
    this.#burstBytes = options.dailyBytes * BURST_SHARE
    this.#monotonicMs = options.monotonicMs
    this.#tokens = this.#burstBytes
    this.#refilledMs = options.monotonicMs()
  }

  /** `hasRoom`: nothing has to go for it. */
  admits(name: NameHash, bytes: number, hasRoom: boolean): boolean {
    if (hasRoom) return true
    this.#refill()
    const seenBefore = this.#ghosts.take(name) !== undefined
    if (!seenBefore && this.#tokens < bytes) {
      this.#ghosts.add(name, bytes)
      return false
    }
    // What was seen before is written in any case; it leaves the less for what was not.
    this.#tokens = Math.max(0, this.#tokens - bytes)
    return true
  }

  /** It was on disk, and had to go. */
  dropped(name: NameHash, bytes: number): void {
    this.#ghosts.add(name, bytes)
  }

  #refill(): void {
    const nowMs = this.#monotonicMs()
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + (nowMs - this.#refilledMs) * this.#bytesPerMs)
    this.#refilledMs = nowMs
  }
}
