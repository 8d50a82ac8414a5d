import type { CachedHead, ObjectVersion } from './api.ts'
import { PendingHead } from './cached-head.ts'
import type { FillRun } from './fill-run.ts'
import type { Generations } from './generations.ts'

/** The runs in flight, by key: who needs bytes that are on their way joins them there. */
export class RunTable {
  readonly #generations: Generations
  readonly #byKey = new Map<string, FillRun[]>()
  #fetchingReaders = 0

  constructor(generations: Generations) {
    this.#generations = generations
  }

  /** Readers that have fetched something and are not closed: they share the room for reading ahead. */
  get fetchingReaders(): number {
    return this.#fetchingReaders
  }

  readerFetches(delta: 1 | -1): void {
    this.#fetchingReaders += delta
  }

  add(run: FillRun): void {
    const runs = this.#byKey.get(run.version.key)
    if (runs === undefined) this.#byKey.set(run.version.key, [run])
    else runs.push(run)
  }

  remove(run: FillRun): void {
    const runs = this.#byKey.get(run.version.key) ?? []
    const at = runs.indexOf(run)
    if (at >= 0) runs.splice(at, 1)
    if (runs.length === 0) this.#byKey.delete(run.version.key)
  }

  /**
   * A run that will bring the byte at `position`. Runs asked for under an older generation are only for those who came under
   * the same one: what a newcomer gets must have been asked for after the invalidation.
   */
  find(version: ObjectVersion, position: number, generation: number): FillRun | undefined {
    const runs = this.#byKey.get(version.key)
    if (runs === undefined) return undefined
    const current = this.#generations.of(version.key)
    return runs.find(
      (run) => (run.generation === generation || run.generation === current) && isSameVersion(run.version, version) && run.serves(position),
    )
  }

  /** The head of an object that is being filled as one record. */
  pendingHead(key: string): CachedHead | undefined {
    const runs = this.#byKey.get(key)
    if (runs === undefined) return undefined
    for (let at = runs.length - 1; at >= 0; at--) {
      // Asked once: another thread may advance the generation meanwhile.
      const run = runs[at]
      const info = run?.pendingInfo
      if (run !== undefined && info !== undefined) return new PendingHead(info, run.generation)
    }
    return undefined
  }

  /** A copy: runs leave the table while it is gone through. */
  #runsOf(key: string): FillRun[] {
    return this.#byKey.get(key)?.slice() ?? []
  }

  /** The origin does not have that version any more: what is on its way may be read, not kept. */
  forget(version: ObjectVersion): void {
    for (const run of this.#runsOf(version.key)) if (run.version.etag === version.etag) run.keepNothing()
  }

  /** The key was invalidated: runs that nobody reads have lost their purpose. */
  invalidated(key: string): void {
    for (const run of this.#runsOf(key)) run.stopIfPointless()
  }

  abortAll(reason: Error): Promise<void>[] {
    const runs = [...this.#byKey.values()].flat()
    for (const run of runs) run.abort(reason)
    return runs.map((run) => run.settled)
  }

  /** Blocks that are on their way. */
  blocksInFlight(): number {
    let blocks = 0
    for (const runs of this.#byKey.values()) for (const run of runs) blocks += run.blocksInFlight
    return blocks
  }

  runsInFlight(): number {
    let count = 0
    for (const runs of this.#byKey.values()) count += runs.length
    return count
  }
}

function isSameVersion(a: ObjectVersion, b: ObjectVersion): boolean {
  return a.etag === b.etag && a.sizeBytes === b.sizeBytes
}
