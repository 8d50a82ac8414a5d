import { codeOf } from './disk-files.ts'
import type { Tombstone, TombstoneLog } from './tombstone-log.ts'

/** Invalidations that wait for the disk to take them; past that, everything is declared unproven instead. */
const WAITING_MAX = 16_384

export interface BurialHost {
  /** The disk is not to be asked now. */
  isWritable(): boolean
  /** Makes room on a full file system; false where there is none to be made. */
  makeRoom(): Promise<boolean>
  failed(error: unknown): void
  /** From now on invalidations are only known to this process. */
  onWaiting(): void
  /** The tombstone that says less than any list of them and is true of all that was written so far. */
  unproven(): Tombstone
}

/** Brings invalidations to the tombstone log, at once or, where the disk does not take them, when it does again. */
export class Burials {
  log: TombstoneLog
  readonly #host: BurialHost
  readonly #waiting: Tombstone[] = []

  constructor(log: TombstoneLog, host: BurialHost) {
    this.log = log
    this.#host = host
  }

  /** Invalidations that are not on disk. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves when it is on disk, or known not to get there now. */
  async bury(tombstone: Tombstone): Promise<void> {
    if (this.#host.isWritable()) {
      const failure = await this.log.append(tombstone)
      if (failure === undefined) return
      const isFull = codeOf(failure) === 'ENOSPC' || codeOf(failure) === 'EDQUOT'
      if (isFull && (await this.#host.makeRoom()) && (await this.log.append(tombstone)) === undefined) return
      this.#host.failed(failure)
    }
    if (this.#waiting.length === 0) this.#host.onWaiting()
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(tombstone)
    else this.#waiting.splice(0, Infinity, this.#host.unproven())
  }

  /** Tries again; true where nothing waits any more. Writes in any case: it is also the try whether the disk takes anything. */
  async retry(): Promise<boolean> {
    const waiting = this.#waiting.splice(0)
    const probe: Tombstone = { hash: { lo: 0, hi: 0 }, before: { sequence: 0, offset: 0 } }
    const failures = await Promise.all((waiting.length === 0 ? [probe] : waiting).map(async (one) => this.log.append(one)))
    this.#waiting.unshift(...waiting.filter((_, i) => failures[i] !== undefined))
    return failures.every((failure) => failure === undefined)
  }
}
