import type { DiskFiles } from './disk-files.ts'
import { segmentPath } from './segment-loader.ts'
import type { SegmentTable } from './segment-table.ts'

/** Descriptors that one thread keeps open of one shard, besides those in use. */
const IDLE_DESCRIPTORS_MAX = 256

/** A file that is open, or about to be: lent by `SegmentFiles.take` until `give`. */
export interface LentFile {
  /** Undefined until it is open. */
  readonly fd: number | undefined
  readonly opening: Promise<number>
}

interface OpenFile extends LentFile {
  fd: number | undefined
  readonly segment: number
  /** `SegmentTable.fileOf` when it was opened. */
  readonly file: number
  users: number
}

/** One thread's descriptors of the segments that it reads. Those used last stay open. */
export class SegmentFiles {
  readonly #files: DiskFiles
  readonly #directory: string
  readonly #table: SegmentTable
  /** The one used last stands last. */
  readonly #open = new Map<number, OpenFile>()
  /** No longer wanted, but still in use. */
  #closing = 0

  constructor(files: DiskFiles, directory: string, table: SegmentTable) {
    this.#files = files
    this.#directory = directory
    this.#table = table
  }

  /** Open descriptors: a gauge. */
  get descriptors(): number {
    return this.#open.size + this.#closing
  }

  /** Lends the segment's file as it is now; the caller has the segment pinned. */
  take(segment: number): LentFile {
    const open = this.#current(segment)
    open.users++
    return open
  }

  give(lent: LentFile): void {
    // Only `take` makes them.
    const open = lent as OpenFile
    open.users--
    if (this.#open.get(open.segment) !== open) this.#retire(open)
    else if (this.#open.size > IDLE_DESCRIPTORS_MAX) this.#closeIdle()
  }

  /** Closes what nobody uses; the rest when it is given back. */
  closeAll(): void {
    for (const [segment, open] of this.#open) this.#forget(segment, open)
  }

  #current(segment: number): OpenFile {
    const file = this.#table.fileOf(segment)
    const open = this.#open.get(segment)
    if (open === undefined || open.file !== file) {
      if (open !== undefined) this.#forget(segment, open)
      return this.#begin(segment, file)
    }
    // Their order matters only to who closes some of them.
    if (this.#open.size > IDLE_DESCRIPTORS_MAX / 2) {
      this.#open.delete(segment)
      this.#open.set(segment, open)
    }
    return open
  }

  #begin(segment: number, file: number): OpenFile {
    const opening = this.#files.open(segmentPath(this.#directory, segment), 'read')
    const open: OpenFile = { fd: undefined, opening, segment, file, users: 0 }
    this.#open.set(segment, open)
    opening.then(
      (fd) => {
        open.fd = fd
      },
      // A failure is the user's; the next one tries again.
      () => {
        if (this.#open.get(segment) === open) this.#forget(segment, open)
      },
    )
    return open
  }

  #closeIdle(): void {
    for (const [segment, open] of this.#open) {
      if (this.#open.size <= IDLE_DESCRIPTORS_MAX) return
      if (open.users === 0) this.#forget(segment, open)
    }
  }

  #forget(segment: number, open: OpenFile): void {
    this.#open.delete(segment)
    if (open.users > 0) this.#closing++
    else this.#close(open)
  }

  #retire(open: OpenFile): void {
    if (open.users > 0) return
    this.#closing--
    this.#close(open)
  }

  #close(open: OpenFile): void {
    void open.opening.then((fd) => this.#files.close(fd)).catch(() => undefined)
  }
}
