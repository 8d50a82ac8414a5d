// hot path
import type { readSync } from 'node:fs'
import {
  ASKED,
  DECLINED,
  DONE,
  FD,
  LENGTH,
  OFFSET,
  POSITION,
  RESULT,
  RING_CLOSED,
  RING_COUNT_MASK,
  SLOW,
  slotOf,
  STATE,
  TAKEN,
  TOLD,
  WAITING,
  WINDOW,
  type RingShare,
} from './ring-layout.ts'

/** 64 KiB out of the page cache take 15 us: what takes longer than this came from a device, or the thread had to wait for a processor. */
const SLOW_MS = 0.1

/** Of so many reads, as bits, two that were slow came from a device: waiting for a processor is rarer. */
const RECENT_MASK = 0xff

/** Who waits is told after this long, though more is waiting to be read. */
const TELL_AFTER_MS = 0.2

/** EIO (Linux and macOS). */
const IO_ERROR = -5

export interface ServeParts {
  /** `fs.readSync`: waits. */
  readonly read: typeof readSync
  readonly monotonicMs: () => number
  /** Makes the owner look. Called once when all is ready. */
  readonly tell: () => void
}

/**
 * The reader thread's work: reads what its owner asks for, one after another, each as one plain system call, and tells the owner when nothing
 * is left. A read out of the page cache takes a few microseconds, less than handing it to another thread of libuv's pool does. What waits
 * behind a slow one is given back, for the pool to read in parallel. Returns when the ring is closed.
 */
export function serveReads(share: RingShare, parts: ServeParts): void {
  const words = new Int32Array(share.words)
  const server = new ReadServer(share, words, parts)
  parts.tell()
  for (;;) {
    const asked = Atomics.load(words, ASKED)
    if (asked === RING_CLOSED) return
    if (server.serveTo(asked)) Atomics.wait(words, ASKED, asked)
  }
}

class ReadServer {
  readonly #share: RingShare
  readonly #words: Int32Array
  readonly #parts: ServeParts
  readonly #windows: Buffer[] = []
  #done = 0
  /** Which of the last reads were slow. */
  #recent = 0
  #toldMs = 0

  constructor(share: RingShare, words: Int32Array, parts: ServeParts) {
    this.#share = share
    this.#words = words
    this.#parts = parts
  }

  /** True: there was nothing to do. */
  serveTo(asked: number): boolean {
    if (this.#done === asked) return true
    let nowMs = this.#parts.monotonicMs()
    this.#toldMs = nowMs
    while (this.#done !== asked) {
      const beganMs = nowMs
      this.#serve(slotOf(this.#done))
      nowMs = this.#parts.monotonicMs()
      this.#end()
      if (this.#isSlow(nowMs - beganMs)) this.#decline(asked)
      if (nowMs - this.#toldMs > TELL_AFTER_MS) this.#tell(nowMs)
    }
    this.#tell(nowMs)
    return false
  }

  #serve(slot: number): void {
    const words = this.#words
    if (Atomics.compareExchange(words, slot + STATE, WAITING, TAKEN) !== WAITING) return
    const target = this.#window(words[slot + WINDOW] ?? 0)
    const [fd = -1, position = 0, offset = 0, length = 0] = [
      words[slot + FD],
      words[slot + POSITION],
      words[slot + OFFSET],
      words[slot + LENGTH],
    ]
    let got = 0
    try {
      while (got < length) {
        const bytes = this.#parts.read(fd, target, offset + got, length - got, position + got)
        if (bytes === 0) break
        got += bytes
      }
      words[slot + RESULT] = got
    } catch (error) {
      words[slot + RESULT] = errnoOf(error)
    }
  }

  #end(): void {
    this.#done = (this.#done + 1) & RING_COUNT_MASK
    Atomics.store(this.#words, DONE, this.#done)
  }

  #isSlow(tookMs: number): boolean {
    this.#recent = ((this.#recent << 1) | (tookMs > SLOW_MS ? 1 : 0)) & RECENT_MASK
    const areTwo = (this.#recent & (this.#recent - 1)) !== 0
    if (areTwo) this.#recent = 0
    return areTwo
  }

  #decline(asked: number): void {
    Atomics.add(this.#words, SLOW, 1)
    while (this.#done !== asked) {
      Atomics.compareExchange(this.#words, slotOf(this.#done) + STATE, WAITING, DECLINED)
      this.#end()
    }
  }

  #tell(nowMs: number): void {
    this.#toldMs = nowMs
    if (Atomics.compareExchange(this.#words, TOLD, 0, 1) === 0) this.#parts.tell()
  }

  #window(window: number): Buffer {
    const { records, windowBytes } = this.#share
    return (this.#windows[window] ??= Buffer.from(records, window * windowBytes, windowBytes))
  }
}

function errnoOf(error: unknown): number {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' && error.errno < 0 ? error.errno : IO_ERROR
}
