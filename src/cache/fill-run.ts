import { VersionGone, type FetchRange, type HeadInfo, type ObjectVersion } from './api.ts'
import { BlockFill } from './block-fill.ts'
import { BLOCK_BYTES, blockAt, blockEndAfter } from './block.ts'
import type { BlocksOnDisk } from './disk-tier.ts'
import type { FillContext } from './fill-context.ts'
import type { FillMemory } from './fill-room.ts'
import { pumpRange } from './range-pump.ts'
import { LiveBlocks } from './live-blocks.ts'
import { draftBytes, type RecordDraft } from './record.ts'
import { RunReaders, type RunReader } from './run-readers.ts'
import type { RunSpec } from './run-spec.ts'
import { commitWholeObject, isOneBlock, knownHead, wholeObjectDraft } from './whole-object.ts'

/** Who joins a block farther ahead than this would wait longer than for a fetch of its own. */
const JOIN_AHEAD_BLOCKS = 16

/** Blocks that could not be committed and wait for their readers, per run. */
const RETAINED_BLOCKS_MAX = 8

/**
 * One origin request for neighbouring blocks, and what follows from it: blocks are written into the arena as the body
 * arrives, read by followers at the same time, and committed when complete. Where it begins inside a block, the bytes before
 * that are fetched as soon as the block's main part is there, or somebody waits for them.
 */
export class FillRun {
  readonly version: ObjectVersion
  readonly start: number
  readonly end: number
  readonly generation: number
  /** Fulfilled when nothing is in flight any more. Never rejects. */
  readonly settled: Promise<void>
  readonly #context: FillContext
  readonly #fetch: FetchRange
  readonly #readers = new RunReaders()
  readonly #live: LiveBlocks
  readonly #firstBlock: number
  readonly #lastBlock: number
  readonly #abort = new AbortController()
  #next: number
  /** Blocks before this position came from disk. */
  #onDiskTo: number
  #filling: BlockFill | undefined
  #mainEnded = false
  #prefix: 'none' | 'due' | 'running' | 'done' | 'failed'
  #info: HeadInfo | undefined
  #active = true
  #keeps = true
  #attended = false
  #chargedBytes = 0
  #settle: () => void = () => undefined
  #turn: (() => void) | undefined

  constructor(context: FillContext, spec: RunSpec) {
    this.version = { key: spec.version.key, etag: spec.version.etag, sizeBytes: spec.version.sizeBytes }
    this.start = spec.start
    this.end = spec.end
    this.generation = spec.generation
    this.#context = context
    this.#live = new LiveBlocks(context.store)
    this.#fetch = spec.fetch
    this.#info = spec.adopted?.info
    this.#firstBlock = blockAt(spec.start)
    this.#lastBlock = spec.end === spec.start ? this.#firstBlock : blockAt(spec.end - 1)
    this.#next = this.#firstBlock
    this.#onDiskTo = spec.start
    this.#prefix = spec.start % BLOCK_BYTES === 0 ? 'none' : 'due'
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    context.runs.add(this)
    void this.#fill(spec)
  }

  get active(): boolean {
    return this.#active
  }

  get blocksInFlight(): number {
    return this.#lastBlock - this.#next + 1 + (this.#filling === undefined ? 0 : 1)
  }

  /** The head that the run brings along with the whole object: known to everyone at once, findable in memory at the end. */
  get pendingInfo(): HeadInfo | undefined {
    return this.#info !== undefined && isOneBlock(this.version) && this.#active && this.#mayKeep() ? this.#info : undefined
  }

  /** True where the byte is here or on its way, soon enough to wait for. */
  serves(position: number): boolean {
    const blockNo = blockAt(position)
    const fill = this.#live.get(blockNo)
    if (fill?.availableTo(position % BLOCK_BYTES) !== undefined) return true
    if (!this.#active || position >= this.end || blockNo < this.#firstBlock) return false
    if (position < this.start) return this.#prefix !== 'failed' && (fill !== undefined || blockNo >= this.#next)
    return fill === undefined ? blockNo >= this.#next && blockNo - this.#next < JOIN_AHEAD_BLOCKS : true
  }

  /** The byte came from disk. */
  isFromDisk(position: number): boolean {
    return position >= this.start && position < this.#onDiskTo
  }

  fillOf(blockNo: number): BlockFill | undefined {
    return this.#live.get(blockNo)
  }

  attach(reader: RunReader): void {
    this.#readers.add(reader)
    this.#attended = true
    this.#uncharge()
    this.poke()
  }

  /** The reader has what it wanted, or wants no more. What the last one leaves behind goes on only within a budget. */
  detach(reader: RunReader): void {
    if (!this.#readers.remove(reader)) return
    if (this.#readers.count === 0) {
      this.#live.dropRetained(Infinity)
      if (this.#active) this.#goOnAlone()
    }
    this.poke()
  }

  /** Wakes the reader whenever something changes, until `leave` or `detach`. */
  await(reader: RunReader): void {
    this.#readers.await(reader)
    if (reader.position < this.start) this.#startPrefix()
    this.poke()
  }

  leave(reader: RunReader): void {
    this.#readers.leave(reader)
  }

  /** Somebody waits for bytes that are not here. */
  get isUrgent(): boolean {
    return this.#readers.waitingCount > 0
  }

  /** Lets the pump look again whether it may go on. */
  readonly poke = (): void => {
    const turn = this.#turn
    this.#turn = undefined
    turn?.()
  }

  keepNothing(): void {
    this.#keeps = false
    this.stopIfPointless()
  }

  stopIfPointless(): void {
    if (this.#attended && this.#readers.count === 0 && !this.#mayKeep()) this.abort(new Error('nobody reads it and it cannot be kept'))
  }

  abort(reason: Error): void {
    this.#end(reason)
  }

  async #fill({ adopted, disk }: RunSpec): Promise<void> {
    const { version, end } = this
    const { signal } = this.#abort
    try {
      if (disk !== undefined) await this.#fillFromDisk(disk)
      const start = disk === undefined ? this.start : this.#onDiskTo
      if (start < end || disk === undefined) {
        await pumpRange({ version, start, end, source: adopted?.body, fetch: this.#fetch, signal }, (chunk) => this.#writeMain(chunk))
      }
      this.#endMain()
    } catch (error) {
      this.#end(error)
    }
  }

  /** Reads blocks until one cannot be had. */
  async #fillFromDisk(disk: BlocksOnDisk): Promise<void> {
    while (this.#onDiskTo < this.end) {
      const fill = this.#begin() ?? (await this.#beginLater())
      const isRead = await fill.fillFromDisk(async (target) => disk.read(fill.blockNo, target))
      this.#abort.signal.throwIfAborted()
      if (!isRead) return
      this.#filling = undefined
      this.#onDiskTo = blockEndAfter(this.#onDiskTo, this.version.sizeBytes)
      this.#complete(fill)
      this.#readers.wake()
    }
  }

  #writeMain(chunk: Uint8Array): Promise<void> | undefined {
    let rest = chunk
    while (rest.length > 0) {
      const fill = this.#filling ?? this.#begin()
      if (fill === undefined) return this.#writeLater(rest)
      rest = rest.subarray(fill.appendMain(rest))
      if (fill.mainIsFull) this.#filling = undefined
      this.#readers.wake()
      if (!this.#active) return undefined
      if (!fill.mainIsFull) continue
      this.#tryComplete(fill)
      if (fill.mainFrom > 0) this.#startPrefix()
    }
    return undefined
  }

  async #writeLater(rest: Uint8Array): Promise<void> {
    await this.#beginLater()
    await this.#writeMain(rest)
  }

  /** Waits until the next block can be begun. Where it is readers that are slow, and not memory that is short, the origin's connection is not held for long. */
  async #beginLater(): Promise<BlockFill> {
    const { room, pauseMsMax } = this.#context
    const giveUp = (): void => this.abort(new Error('its readers take nothing'))
    let pause: NodeJS.Timeout | undefined
    let isNoted = false
    try {
      for (;;) {
        const fill = this.#filling ?? this.#begin()
        if (fill !== undefined) return fill
        this.#abort.signal.throwIfAborted()
        if (this.#readers.count > 0 && !this.#isInWindow(this.#next)) {
          room.leave(this)
          isNoted = false
          pause ??= setTimeout(giveUp, pauseMsMax)
        } else if (!isNoted) {
          clearTimeout(pause)
          pause = undefined
          // Room may have come before it was noted down that somebody waits for it.
          room.wait(this)
          isNoted = true
          continue
        }
        await new Promise<void>((resolve) => (this.#turn = resolve))
        this.#abort.signal.throwIfAborted()
      }
    } finally {
      clearTimeout(pause)
      room.leave(this)
    }
  }

  /** Begins the next block; undefined while it has to wait for its readers or for room. */
  #begin(): BlockFill | undefined {
    if (!this.#active) return undefined
    const blockNo = this.#next
    if (!this.#isInWindow(blockNo)) {
      if (this.#readers.count === 0 && this.#chargedBytes === 0) this.#goOnAlone()
      if (this.#readers.count > 0 || !this.#active) return undefined
    }
    const memory = this.#memoryFor(blockNo)
    if (memory === undefined) return undefined
    this.#next++
    const fill = new BlockFill(blockNo, memory, blockNo === this.#firstBlock ? this.start % BLOCK_BYTES : 0)
    this.#live.add(fill)
    this.#filling = fill
    if (this.#readers.waitsBefore(this.start)) this.#startPrefix()
    return fill
  }

  #isInWindow(blockNo: number): boolean {
    // Whoever asked for it follows it before a second block can arrive, or has left.
    if (this.#readers.count === 0) return blockNo === this.#firstBlock
    return this.#readers.wants(blockNo * BLOCK_BYTES)
  }

  #memoryFor(blockNo: number): FillMemory | undefined {
    const draft = this.#draft(blockNo)
    const storable = draftBytes(draft) !== undefined
    const { room } = this.#context
    const fastest = this.#readers.fastest(this.start)
    if (this.#live.retained >= RETAINED_BLOCKS_MAX) this.#live.dropRetained(blockAt(fastest))
    const full = this.#live.retained >= RETAINED_BLOCKS_MAX
    let memory = storable && !full ? room.fromArena(draft) : undefined
    if (memory === undefined && !full) {
      this.#live.dropRetained(blockAt(fastest))
      // Private memory only for bytes that a reader stands before: the origin waits for readers then, not readers for each other.
      const needed = this.#readers.count > 0 ? blockAt(fastest) >= blockNo : !this.#attended && !storable && blockNo === this.#firstBlock
      memory = needed ? room.ownMemory(draft) : undefined
    }
    if (memory === undefined && this.#readers.count === 0 && (this.#attended || full || !storable)) {
      this.abort(new Error('nobody reads it and there is no room for it'))
    }
    return memory
  }

  #draft(blockNo: number): RecordDraft {
    if (!isOneBlock(this.version)) return { kind: 'block', version: this.version, blockNo }
    this.#info ??= knownHead(this.#context.store, this.version)
    return wholeObjectDraft(this.version, this.#info)
  }

  #tryComplete(fill: BlockFill): void {
    // Complete only when each body was seen to end: one that goes on is not what was asked for.
    if (!fill.isComplete || (fill.blockNo === this.#lastBlock && !this.#mainEnded)) return
    if (fill.mainFrom > 0 && this.#prefix !== 'done') return
    this.#complete(fill)
  }

  #complete(fill: BlockFill): void {
    if (!this.#active) return
    const { reservation } = fill.memory
    if (reservation === undefined || !this.#mayKeep()) {
      this.#live.retain(fill)
      return
    }
    if (reservation.draft.kind === 'head') commitWholeObject(this.#context.store, reservation)
    else if (fill.isFromDisk) this.#context.store.commitBlockFromDisk(reservation)
    else this.#context.store.commit(reservation)
    this.#live.committed(fill)
  }

  #endMain(): void {
    if (!this.#active) return
    this.#mainEnded = true
    // An empty object has no chunk that would begin its one block.
    if (this.version.sizeBytes === 0) this.#begin()
    const last = this.#live.get(this.#lastBlock)
    if (last !== undefined) this.#tryComplete(last)
    if (this.#prefix === 'due') this.#startPrefix()
    if (this.#prefix !== 'running') this.#end(undefined)
  }

  #startPrefix(): void {
    const fill = this.#prefix === 'due' ? this.#live.get(this.#firstBlock) : undefined
    if (fill !== undefined) void this.#fillPrefix(fill)
  }

  async #fillPrefix(fill: BlockFill): Promise<void> {
    this.#prefix = 'running'
    const { version, start } = this
    const blockStart = this.#firstBlock * BLOCK_BYTES
    const spec = { version, start: blockStart, end: start, source: undefined, fetch: this.#fetch, signal: this.#abort.signal }
    try {
      await pumpRange(spec, (chunk) => {
        fill.appendPrefix(chunk)
        this.#readers.wake()
        return undefined
      })
      this.#prefix = 'done'
      if (this.#active) this.#tryComplete(fill)
    } catch (error) {
      if (!this.#active) return
      this.#prefix = 'failed'
      this.#noteGone(error)
      this.#readers.fail(error, start)
    }
    if (this.#mainEnded) this.#end(undefined)
  }

  /** Over: done where there is no error. Blocks that are not complete are given up. */
  #end(error: unknown): void {
    if (!this.#active) return
    this.#active = false
    this.#context.runs.remove(this)
    this.#uncharge()
    this.#live.end(error === undefined && this.#readers.count > 0)
    this.#filling = undefined
    if (error !== undefined) {
      this.#noteGone(error)
      this.#readers.fail(error)
    }
    // The memory is given up: neither body may write on. What ended well has nothing left to stop, and an abort costs as much as a small fill.
    if (error !== undefined) this.#abort.abort(error)
    this.#readers.wake()
    this.poke()
    this.#settle()
  }

  #noteGone(error: unknown): void {
    if (!(error instanceof VersionGone)) return
    this.#context.store.removeHead(this.version.key, this.version.etag)
    this.#context.runs.forget(this.version)
    this.#keeps = false
  }

  #goOnAlone(): void {
    this.#attended = true
    const written = this.#filling === undefined ? this.#next * BLOCK_BYTES : this.#filling.blockNo * BLOCK_BYTES
    const bytes = Math.max(0, this.end - Math.max(this.start, written)) + (this.start % BLOCK_BYTES)
    if (!this.#mayKeep()) this.abort(new Error('nobody reads it and it cannot be kept'))
    else if (this.#context.abandoned.tryTake(bytes)) this.#chargedBytes = bytes
    else this.abort(new Error('nobody reads it and too much else goes on without readers'))
  }

  #uncharge(): void {
    this.#context.abandoned.give(this.#chargedBytes)
    this.#chargedBytes = 0
  }

  #mayKeep(): boolean {
    return this.#keeps && this.#context.generations.of(this.version.key) === this.generation
  }
}
