import type { SegmentPool } from './segment-pool.ts'
import type { ShardContext } from './shard-context.ts'

/** Room on the file system is looked at this often. */
const CHECK_EVERY_MS = 10_000

/** After the file system was full, or a quota reached, no room is taken back for so long. */
const GROW_AFTER_MS = 60_000

/** So much must be free beyond the reserve before room is taken back. */
const GROW_FREE_SEGMENTS = 4

/** Gives room back to a file system that runs out of it, and takes it again later. */
export class SpaceKeeper {
  readonly #context: ShardContext
  readonly #pool: SegmentPool
  readonly #reserveFreeBytes: number
  readonly #monotonicMs: () => number
  #checkedMs = 0
  #fullAtMs = -Infinity

  constructor(
    context: ShardContext,
    pool: SegmentPool,
    options: { readonly reserveFreeBytes: number; readonly monotonicMs: () => number },
  ) {
    this.#context = context
    this.#pool = pool
    this.#reserveFreeBytes = options.reserveFreeBytes
    this.#monotonicMs = options.monotonicMs
  }

  /** The file system refused to take more. */
  wasFull(): void {
    this.#fullAtMs = this.#monotonicMs()
  }

  /** Deletes a segment; false where none can be. */
  async makeRoom(): Promise<boolean> {
    const { segments } = this.#pool
    try {
      await this.#pool.shrink(segments - 1)
    } catch {
      return false
    }
    return this.#pool.segments < segments
  }

  /** Leaves others the room that they were promised. Rejects where the file system does not answer. */
  async check(): Promise<void> {
    const nowMs = this.#monotonicMs()
    if (nowMs - this.#checkedMs < CHECK_EVERY_MS) return
    this.#checkedMs = nowMs
    const { files, directory, geometry } = this.#context
    const { availableBytes } = await files.space(directory)
    const spareBytes = availableBytes - this.#reserveFreeBytes
    if (spareBytes < 0) await this.makeRoom()
    else if (spareBytes > GROW_FREE_SEGMENTS * geometry.segmentBytes && nowMs - this.#fullAtMs >= GROW_AFTER_MS) this.#pool.allowGrowth()
  }
}
