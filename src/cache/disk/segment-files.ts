import type { DiskFiles } from './disk-files.ts'
import { segmentPath } from './segment-loader.ts'
import type { SegmentTable } from './segment-table.ts'

/** Descriptors that one thread keeps open of one shard, besides those in use. */
const IDLE_DESCRIPTORS_MAX = 256

interface OpenFile {
  readonly fd: Promise<number>
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

  /** Calls `use` with a descriptor of the segment's file as it is now; the caller has the segment pinned. */
  async using<T>(segment: number, use: (fd: number) => Promise<T>): Promise<T> {
    const open = this.#take(segment)
    try {
      return await use(await open.fd)
    } finally {
      open.users--
      if (this.#open.get(segment) !== open) this.#retire(open)
      else if (this.#open.size > IDLE_DESCRIPTORS_MAX) this.#closeIdle()
    }
  }

  /** Closes what nobody uses; the rest when it is given back. */
  closeAll(): void {
    for (const [segment, open] of this.#open) this.#forget(segment, open)
  }

  #take(segment: number): OpenFile {
    const file = this.#table.fileOf(segment)
    let open = this.#open.get(segment)
    if (open !== undefined && open.file !== file) {
      this.#forget(segment, open)
      open = undefined
    }
    if (open === undefined) {
      const made: OpenFile = { fd: this.#files.open(segmentPath(this.#directory, segment), 'read'), file, users: 0 }
      // A failure is the user's; the next one tries again.
      made.fd.catch(() => {
        if (this.#open.get(segment) === made) this.#forget(segment, made)
      })
      open = made
    } else this.#open.delete(segment)
    this.#open.set(segment, open)
    open.users++
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
    void open.fd.then((fd) => this.#files.close(fd)).catch(() => undefined)
  }
}
