import type { FetchRange, ObjectVersion, Piece, VersionReader } from './api.ts'
import { BLOCK_BYTES, blockAt, blockEndAfter } from './block.ts'
import type { FillContext } from './fill-context.ts'
import type { BlocksOnDisk } from './disk-tier.ts'
import { FillRun } from './fill-run.ts'
import { alignRun, type ByteRun } from './run.ts'
import type { RunReader } from './run-readers.ts'
import { READ_AHEAD_BYTES_MAX, READ_AHEAD_BYTES_MIN } from './sequential-reads.ts'
import { VersionBlocks } from './version-blocks.ts'

/**
 * How far ahead of a reader bytes are brought: as far as it has come, within these limits. What comes early is evicted early, and most of those who
 * never read on have not begun to.
 */
const AHEAD_BYTES_MIN = 2 * BLOCK_BYTES
const AHEAD_RUNS_MAX = 2

/** Runs of one reader that are in flight at once: the one it reads and the one after it. */
const RUNS_PER_READER_MAX = 2

export interface ReaderSpec {
  readonly version: ObjectVersion
  readonly start: number
  readonly end: number
  readonly fetch: FetchRange
  readonly generation: number
  /** The caller asked the origin for the first run itself: its pieces are "origin", not "coalesced". */
  readonly own: boolean
  /** Called when something has to be read from disk. */
  readonly onDiskRead?: () => void
}

/** What a reader started or caused itself. */
interface OwnRun extends ByteRun {
  readonly run: FillRun | undefined
}

interface Waiting {
  readonly resolve: (piece: Piece | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Reads a range in order: from memory, from runs in flight, and by starting runs for what is missing, one ahead of itself. */
export class RangeReader implements VersionReader, RunReader {
  readonly #context: FillContext
  readonly #spec: ReaderSpec
  readonly #blocks: VersionBlocks
  #position: number
  /** The block that was last begun, so that each is counted as one use. */
  #blockNo: number | undefined
  /** Runs that this reader follows: what it reads now and what comes next. */
  #runs: FillRun[] = []
  /** Started or caused by this reader and not passed yet. */
  #own: OwnRun[] = []
  /** Blocks before this one were in memory or in flight when last looked at. */
  #lookedAhead = 0
  #fetches = false
  /** Asked for when something is not in memory. */
  #disk: BlocksOnDisk | 'unknown' | undefined = 'unknown'
  #diskRunBytes = READ_AHEAD_BYTES_MIN
  #waiting: Waiting | undefined
  #closed = false

  constructor(context: FillContext, spec: ReaderSpec) {
    this.#context = context
    this.#spec = spec
    this.#position = spec.start
    this.#blocks = new VersionBlocks(context.store.finder, spec.version)
    if (spec.own && spec.start < spec.end) this.#adoptOwn()
  }

  get position(): number {
    return this.#position
  }

  get aheadBytes(): number {
    return Math.min(AHEAD_RUNS_MAX * this.#context.fetchRunBytes, Math.max(AHEAD_BYTES_MIN, this.#position - this.#spec.start))
  }

  nextNow(): Piece | undefined {
    if (this.#closed || this.#position >= this.#spec.end) return undefined
    const piece = this.#fromRuns(this.#runs) ?? this.#fromMemory() ?? this.#fromOthers()
    if (piece === undefined) return undefined
    const blockNo = blockAt(this.#position)
    const begins = this.#blockNo !== blockNo
    this.#blockNo = blockNo
    this.#position += piece.bytes.length
    if (begins || this.#position >= this.#spec.end) this.#moveOn(blockNo)
    return piece
  }

  // Not an async function: a piece that is there costs no more than its promise.
  next(): Promise<Piece | undefined> {
    const piece = this.nextNow()
    if (piece !== undefined || this.#closed || this.#position >= this.#spec.end) return Promise.resolve(piece)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#await()
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const runs = this.#runs
    this.#runs = []
    for (const run of runs) run.detach(this)
    if (this.#fetches) this.#context.runs.readerFetches(-1)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(undefined)
  }

  wake(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    const piece = this.nextNow()
    if (piece !== undefined) {
      this.#stopWaiting()
      waiting.resolve(piece)
      return
    }
    if (this.#runs.some((run) => run.serves(this.#position))) return
    for (const run of this.#runs) run.leave(this)
    this.#await()
  }

  fail(error: unknown): void {
    const waiting = this.#waiting
    this.#stopWaiting()
    waiting?.reject(error)
  }

  #stopWaiting(): void {
    this.#waiting = undefined
    for (const run of this.#runs) run.leave(this)
  }

  /** Waits with the run that brings the next byte; starts one where there is none. */
  #await(): void {
    const { version, generation } = this.#spec
    const position = this.#position
    const run =
      this.#runs.find((own) => own.serves(position)) ?? this.#context.runs.find(version, position, generation) ?? this.#startRun(position)
    this.#follow(run)
    run.await(this)
  }

  #follow(run: FillRun): void {
    if (this.#runs.includes(run)) return
    this.#runs.push(run)
    run.attach(this)
  }

  #fromRuns(runs: readonly FillRun[]): Piece | undefined {
    if (runs.length === 0) return undefined
    const position = this.#position
    const blockNo = blockAt(position)
    const from = position - blockNo * BLOCK_BYTES
    for (const run of runs) {
      const fill = run.fillOf(blockNo)
      const to = fill?.availableTo(from)
      if (fill === undefined || to === undefined) continue
      const source = fill.isFromDisk ? 'disk' : this.#ownAt(position) === undefined ? 'coalesced' : 'origin'
      return fill.piece(from, Math.min(to, this.#spec.end - blockNo * BLOCK_BYTES), source)
    }
    return undefined
  }

  #fromMemory(): Piece | undefined {
    const position = this.#position
    const own = this.#ownAt(position)
    const counts = own === undefined && this.#blockNo !== blockAt(position)
    const source = own === undefined ? 'memory' : own.run?.isFromDisk(position) === true ? 'disk' : 'origin'
    return this.#blocks.piece(position, this.#spec.end, { source, counts })
  }

  #fromOthers(): Piece | undefined {
    const { version, generation } = this.#spec
    const run = this.#context.runs.find(version, this.#position, generation)
    const blockNo = blockAt(this.#position)
    if (run?.fillOf(blockNo)?.availableTo(this.#position % BLOCK_BYTES) === undefined) return undefined
    this.#follow(run)
    return this.#fromRuns([run])
  }

  /** A new block was begun, or the end reached: leaves runs that are behind, and looks ahead. */
  #moveOn(blockNo: number): void {
    const position = this.#position
    this.#own = this.#own.filter((run) => run.end > position)
    const behind = this.#runs.filter((run) => position >= run.end || (!run.active && !run.serves(position)))
    if (behind.length > 0) this.#runs = this.#runs.filter((run) => !behind.includes(run))
    for (const run of behind) run.detach(this)
    for (const run of this.#runs) run.poke()
    if (position < this.#spec.end) this.#lookAhead(blockNo)
  }

  /**
   * Starts the next run before this one is read, so that the reader need not wait a round trip between them; when half of what may be ahead of
   * it is still missing, so that the run brings more than a block at a time.
   */
  #lookAhead(blockNo: number): void {
    const { runBytes, ahead } = this.#plan(this.#context.fetchRunBytes)
    const { end } = this.#spec
    const limit = Math.min(blockAt(end - 1), blockNo + Math.min(runBytes, this.aheadBytes / 2) / BLOCK_BYTES)
    let next = Math.max(this.#lookedAhead, blockNo + 1)
    while (next <= limit) {
      if (!this.#isHere(next)) {
        if (!ahead || this.#runs.filter((run) => run.active).length >= RUNS_PER_READER_MAX) break
        const run = this.#startRun(next * BLOCK_BYTES)
        this.#follow(run)
        next = blockAt(run.end - 1)
      }
      next++
    }
    this.#lookedAhead = next
  }

  /** Brings what is missing from `position` on, from disk where it begins there. */
  #startRun(position: number): FillRun {
    if (!this.#fetches) this.#context.runs.readerFetches(1)
    this.#fetches = true
    const { version, end, fetch, generation } = this.#spec
    const disk = this.#blocksOnDisk()
    if (disk?.has(blockAt(position)) === true) return this.#startDiskRun(disk, position, Math.min(end, version.sizeBytes))
    const wanted = alignRun(position, Math.min(end, version.sizeBytes), this.#plan(this.#context.fetchRunBytes).runBytes)
    const gapEnd = this.#gapEnd(position, wanted.end, (blockNo) => disk?.has(blockNo) !== true)
    const run = new FillRun(this.#context, { version, start: wanted.start, end: gapEnd, generation, fetch })
    this.#own.push({ start: blockAt(position) * BLOCK_BYTES, end: gapEnd, run })
    return run
  }

  /** Twice as much with every run, because who reads on will read on. */
  #startDiskRun(disk: BlocksOnDisk, position: number, limit: number): FillRun {
    const { version, fetch, generation } = this.#spec
    const start = blockAt(position) * BLOCK_BYTES
    const { runBytes } = this.#plan(this.#diskRunBytes)
    this.#diskRunBytes = Math.min(READ_AHEAD_BYTES_MAX, this.#diskRunBytes * 2)
    const end = this.#gapEnd(position, Math.min(start + runBytes, limit), (blockNo) => disk.has(blockNo))
    const run = new FillRun(this.#context, { version, start, end, generation, fetch, disk })
    this.#own.push({ start, end, run })
    this.#spec.onDiskRead?.()
    return run
  }

  /** Brings what is on disk of a range into memory, for readers that will come: as much as follows each other. */
  readAhead(range: ByteRun): void {
    const { version, fetch, generation } = this.#spec
    const disk = this.#blocksOnDisk()
    const limit = Math.min(range.end, version.sizeBytes, range.start + this.#plan(READ_AHEAD_BYTES_MAX).runBytes)
    for (let start = blockAt(range.start) * BLOCK_BYTES; disk !== undefined && start < limit; start += BLOCK_BYTES) {
      if (this.#isHere(blockAt(start)) || !disk.has(blockAt(start))) continue
      void new FillRun(this.#context, {
        version,
        start,
        end: this.#gapEnd(start, limit, (blockNo) => disk.has(blockNo)),
        generation,
        fetch,
        disk,
      })
      return
    }
  }

  /** The end of the last block that is missing, and is as `fits` wants it, in a row from that of `position` on. */
  #gapEnd(position: number, limit: number, fits: (blockNo: number) => boolean): number {
    const { sizeBytes } = this.#spec.version
    let gapEnd = blockEndAfter(position, sizeBytes)
    while (gapEnd < Math.min(limit, sizeBytes) && !this.#isHere(blockAt(gapEnd)) && fits(blockAt(gapEnd))) {
      gapEnd = blockEndAfter(gapEnd, sizeBytes)
    }
    return gapEnd
  }

  /** In memory, or on its way there. */
  #isHere(blockNo: number): boolean {
    const { version, generation } = this.#spec
    return this.#blocks.isPresent(blockNo) || this.#context.runs.find(version, blockNo * BLOCK_BYTES, generation) !== undefined
  }

  #blocksOnDisk(): BlocksOnDisk | undefined {
    if (this.#disk === 'unknown') this.#disk = this.#context.disk.blocksOf(this.#spec.version)
    return this.#disk
  }

  /**
   * How much to bring at once, no more than `limitBytes`. All readers together should not bring more than passes through the small log before
   * it is reclaimed: what is evicted before it is read is paid for twice.
   */
  #plan(limitBytes: number): { readonly runBytes: number; readonly ahead: boolean } {
    const { store, runs } = this.#context
    const shareBytes = store.logs.passageBytes / Math.max(1, runs.fetchingReaders)
    const blocks = Math.floor(Math.min(limitBytes, shareBytes / RUNS_PER_READER_MAX) / BLOCK_BYTES)
    return { runBytes: Math.max(1, blocks) * BLOCK_BYTES, ahead: blocks >= 1 }
  }

  #ownAt(position: number): OwnRun | undefined {
    for (const own of this.#own) if (position >= own.start && position < own.end) return own
    return undefined
  }

  /** What the caller's own first request covers: the run in flight, or, if that is over already, what it must have asked for. */
  #adoptOwn(): void {
    const { version, start, end, generation } = this.#spec
    const asked = alignRun(start, end, this.#context.fetchRunBytes)
    const run = this.#context.runs.find(version, start, generation)
    this.#own.push({ start: start - (start % BLOCK_BYTES), end: Math.max(asked.end, run?.end ?? 0), run })
    if (run !== undefined) this.#follow(run)
  }
}
