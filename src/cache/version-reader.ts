import type { FetchRange, ObjectVersion, Piece, VersionReader } from './api.ts'
import { BLOCK_BYTES, blockAt, blockEndAfter } from './block.ts'
import type { FillContext } from './fill-context.ts'
import { FillRun, type RunReader } from './fill-run.ts'
import { alignRun, type ByteRun } from './run.ts'
import { VersionBlocks } from './version-blocks.ts'

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
  #own: ByteRun[] = []
  /** Blocks before this one were in memory or in flight when last looked at. */
  #lookedAhead = 0
  #fetches = false
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
      return fill.piece(from, Math.min(to, this.#spec.end - blockNo * BLOCK_BYTES), this.#isOwn(position) ? 'origin' : 'coalesced')
    }
    return undefined
  }

  #fromMemory(): Piece | undefined {
    const position = this.#position
    const own = this.#isOwn(position)
    const counts = !own && this.#blockNo !== blockAt(position)
    return this.#blocks.piece(position, this.#spec.end, { source: own ? 'origin' : 'memory', counts })
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

  /** Starts the next run before this one is read, so that the reader need not wait a round trip between them. */
  #lookAhead(blockNo: number): void {
    const { runBytes, ahead } = this.#plan()
    const { version, end, generation } = this.#spec
    const limit = Math.min(blockAt(end - 1), blockNo + runBytes / BLOCK_BYTES)
    let next = Math.max(this.#lookedAhead, blockNo + 1)
    while (next <= limit) {
      if (!this.#blocks.isPresent(next) && this.#context.runs.find(version, next * BLOCK_BYTES, generation) === undefined) {
        if (!ahead || this.#runs.filter((run) => run.active).length >= RUNS_PER_READER_MAX) break
        const run = this.#startRun(next * BLOCK_BYTES)
        this.#follow(run)
        next = blockAt(run.end - 1)
      }
      next++
    }
    this.#lookedAhead = next
  }

  /** Fetches from `position` as far as blocks are missing, within the reader's own range and one run. */
  #startRun(position: number): FillRun {
    if (!this.#fetches) this.#context.runs.readerFetches(1)
    this.#fetches = true
    const { version, end, fetch, generation } = this.#spec
    const wanted = alignRun(position, Math.min(end, version.sizeBytes), this.#plan().runBytes)
    let gapEnd = blockEndAfter(position, version.sizeBytes)
    while (gapEnd < Math.min(wanted.end, version.sizeBytes)) {
      if (this.#blocks.isPresent(blockAt(gapEnd)) || this.#context.runs.find(version, gapEnd, generation) !== undefined) break
      gapEnd = blockEndAfter(gapEnd, version.sizeBytes)
    }
    this.#own.push({ start: blockAt(position) * BLOCK_BYTES, end: gapEnd })
    return new FillRun(this.#context, { version, start: wanted.start, end: gapEnd, generation, fetch })
  }

  /**
   * How much to fetch at once. All readers together should not bring more than passes through the small log before it is
   * reclaimed: what is evicted before it is read is paid for twice.
   */
  #plan(): { readonly runBytes: number; readonly ahead: boolean } {
    const { store, runs, fetchRunBytes } = this.#context
    const shareBytes = store.logs.passageBytes / Math.max(1, runs.fetchingReaders)
    const blocks = Math.floor(Math.min(fetchRunBytes, shareBytes / RUNS_PER_READER_MAX) / BLOCK_BYTES)
    return { runBytes: Math.max(1, blocks) * BLOCK_BYTES, ahead: blocks >= 1 }
  }

  #isOwn(position: number): boolean {
    for (const run of this.#own) if (position >= run.start && position < run.end) return true
    return false
  }

  /** What the caller's own first request covers: the run in flight, or, if that is over already, what it must have asked for. */
  #adoptOwn(): void {
    const { version, start, end, generation } = this.#spec
    const asked = alignRun(start, end, this.#context.fetchRunBytes)
    const run = this.#context.runs.find(version, start, generation)
    this.#own.push({ start: start - (start % BLOCK_BYTES), end: Math.max(asked.end, run?.end ?? 0) })
    if (run !== undefined) this.#follow(run)
  }
}
