// hot path
import { getSystemErrorName } from 'node:util'
import type { DiskFiles, ReadDone } from './disk-files.ts'
import {
  ASKED,
  DONE,
  FD,
  LENGTH,
  OFFSET,
  POSITION,
  RESULT,
  RING_CLOSED,
  RING_COUNT_MASK,
  RING_SLOTS,
  SLOW,
  slotOf,
  STATE,
  DECLINED,
  TOLD,
  WAITING,
  WINDOW,
  type RingShare,
} from './ring-layout.ts'

/** Larger reads take so long that what handing them over costs is nothing, and are better done in parallel. */
export const RING_READ_BYTES_MAX = 64 * 1024

/** Positions are words. */
const POSITION_MAX = 0x7fff_ffff

/** How often it is looked whether the thread gets on, while it has something to do: one read that takes two of these is stuck. */
const WATCH_MS = 10

/** After reads were slow, all go to the pool for so many of these times. */
const REST_WATCHES = 2

/** Reads that the thread is given at once after that. */
const PROBES = 4

/** A read that the thread has. */
interface Asked {
  readonly fd: number
  readonly targets: readonly Uint8Array[]
  readonly position: number
  readonly done: ReadDone
}

/**
 * The owner's end of a reader thread: small reads into the memory of records are asked for in shared memory, all of one turn of the event loop
 * together, and what the thread has read is told together, too. While the thread is not prompt, because what it reads comes from a device or the
 * disk hangs, reads go to libuv's pool, and what waits for the thread is taken back from it. Where there is no thread any more, all goes to
 * the pool.
 */
export class ReadRing {
  readonly #words: Int32Array
  readonly #share: RingShare
  readonly #watchMs: number
  readonly #pool: Pick<DiskFiles, 'readThen'>
  readonly #asked: (Asked | undefined)[] = []
  #askedCount = 0
  #drained = 0
  /** Reads that the thread may have at once: 0 until it says that it is there, and while it is not prompt. */
  #depth = 0
  #isReady = false
  #restWatches = 0
  #slowSeen = 0
  /** What was done with at the last look; undefined where nothing waited then. */
  #doneAtWatch: number | undefined
  #watch: NodeJS.Timeout | undefined
  #isFlushing = false
  #isGone = false

  constructor(share: RingShare, pool: Pick<DiskFiles, 'readThen'>, watchMs = WATCH_MS) {
    this.#share = share
    this.#watchMs = watchMs
    this.#words = new Int32Array(share.words)
    this.#pool = pool
  }

  /** Reads that the thread has: a gauge. */
  get reading(): number {
    return (this.#askedCount - this.#drained) & RING_COUNT_MASK
  }

  /** The thread is there. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** As `DiskFiles.readThen`. */
  readThen(fd: number, targets: readonly Uint8Array[], position: number, done: ReadDone): void {
    const target = targets[0]
    if (target === undefined || targets.length > 1 || this.reading >= this.#depth || !this.#mayTake(target, position)) {
      this.#pool.readThen(fd, targets, position, done)
      return
    }
    const words = this.#words
    const slot = slotOf(this.#askedCount)
    const { windowBytes } = this.#share
    const window = Math.floor(target.byteOffset / windowBytes)
    words[slot + FD] = fd
    words[slot + POSITION] = position
    words[slot + WINDOW] = window
    words[slot + OFFSET] = target.byteOffset - window * windowBytes
    words[slot + LENGTH] = target.length
    words[slot + STATE] = WAITING
    this.#asked[this.#askedCount % RING_SLOTS] = { fd, targets, position, done }
    this.#askedCount = (this.#askedCount + 1) & RING_COUNT_MASK
    if (!this.#isFlushing) {
      this.#isFlushing = true
      queueMicrotask(this.#flush)
    }
  }

  /** Ends what the thread has read; called when it says that there is something, and once when it has begun. */
  readonly drain = (): void => {
    const words = this.#words
    Atomics.store(words, TOLD, 0)
    const until = Atomics.load(words, DONE)
    this.#judge()
    while (this.#drained !== until) this.#endOne()
  }

  /** The thread is no more: what it had is read by the pool. */
  abandon(): void {
    this.#isGone = true
    this.#depth = 0
    clearInterval(this.#watch)
    this.drain()
    this.#takeBack(() => true)
    this.#drained = this.#askedCount
  }

  /** Ends the thread, which has nothing to do any more. */
  close(): void {
    this.#isGone = true
    this.#depth = 0
    clearInterval(this.#watch)
    Atomics.store(this.#words, ASKED, RING_CLOSED)
    Atomics.notify(this.#words, ASKED)
  }

  readonly #flush = (): void => {
    this.#isFlushing = false
    if (this.#isGone) return
    Atomics.store(this.#words, ASKED, this.#askedCount)
    Atomics.notify(this.#words, ASKED, 1)
    this.#watch ??= setInterval(this.#look, this.#watchMs)
  }

  #mayTake(target: Uint8Array, position: number): boolean {
    return target.length <= RING_READ_BYTES_MAX && position <= POSITION_MAX && target.buffer === this.#share.records
  }

  #endOne(): void {
    const at = this.#drained % RING_SLOTS
    const slot = slotOf(this.#drained)
    const asked = this.#asked[at]
    this.#asked[at] = undefined
    this.#drained = (this.#drained + 1) & RING_COUNT_MASK
    // Taken back meanwhile.
    if (asked === undefined) return
    const words = this.#words
    const result = words[slot + RESULT] ?? 0
    if (words[slot + STATE] === DECLINED) this.#readByPool(asked)
    else if (result < 0) asked.done(systemError(result), 0)
    else asked.done(undefined, result)
  }

  #judge(): void {
    const slow = Atomics.load(this.#words, SLOW)
    if (slow !== this.#slowSeen) {
      this.#slowSeen = slow
      this.#rest()
    } else if (this.#depth > 0) this.#depth = Math.min(RING_SLOTS, this.#depth * 2)
    else if (!this.#isReady && !this.#isGone) this.#depth = PROBES
    this.#isReady = true
  }

  #rest(): void {
    this.#depth = 0
    this.#restWatches = REST_WATCHES
  }

  /** Looks whether the thread gets on. Ends by itself when there is nothing to watch. */
  readonly #look = (): void => {
    const waits = this.reading > 0
    if (!waits && this.#restWatches === 0) {
      clearInterval(this.#watch)
      this.#watch = undefined
      this.#doneAtWatch = undefined
      return
    }
    const done = Atomics.load(this.#words, DONE)
    const isStuck = waits && done === this.#doneAtWatch
    this.#doneAtWatch = waits && done !== this.#askedCount ? done : undefined
    if (isStuck) {
      this.#rest()
      this.#takeBack((slot) => Atomics.compareExchange(this.#words, slot + STATE, WAITING, DECLINED) === WAITING)
    } else if (this.#restWatches > 0) {
      this.#restWatches--
      if (this.#restWatches === 0) this.#depth = PROBES
    }
  }

  /** What the thread has not begun to read is read by the pool. */
  #takeBack(mayTake: (slot: number) => boolean): void {
    for (let count = this.#drained; count !== this.#askedCount; count = (count + 1) & RING_COUNT_MASK) {
      const asked = this.#asked[count % RING_SLOTS]
      if (asked === undefined || !mayTake(slotOf(count))) continue
      this.#asked[count % RING_SLOTS] = undefined
      this.#readByPool(asked)
    }
  }

  #readByPool({ fd, targets, position, done }: Asked): void {
    this.#pool.readThen(fd, targets, position, done)
  }
}

function systemError(errno: number): Error {
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`Cannot read: ${code}`), { code })
}
