/** Reads that the thread can have at once. */
export const RING_SLOTS = 256

/**
 * The words that an owner and its reader thread share; those that the two write lie on cache lines of their own:
 *
 * | word | content | written by |
 * |---|---|---|
 * | 0 | reads asked for, or `RING_CLOSED` | owner |
 * | 16 | reads done with | thread |
 * | 17 | how often reads were slow | thread |
 * | 32 | 1: the owner was told, and has not looked yet | both |
 * | 48 + 16 n | slot n | see below |
 */
export const ASKED = 0
export const DONE = 16
export const SLOW = 17
export const TOLD = 32
const FIRST_SLOT = 48
const SLOT_WORDS = 16

/** Of a slot: who has it. Whoever takes it from `WAITING`, by compare-and-exchange, answers it. */
export const STATE = 0
export const FD = 1
/** Bytes from the file's begin. */
export const POSITION = 2
/** Where the bytes go: a window of the records, and bytes from its begin. */
export const WINDOW = 3
export const OFFSET = 4
export const LENGTH = 5
/** Bytes read, or the system's error, which is negative. */
export const RESULT = 6

export const WAITING = 1
export const TAKEN = 2
/** Not read by the thread: it is to be read another way. */
export const DECLINED = 3

/** Counts of reads are taken modulo this. */
export const RING_COUNT_MASK = 0x3fff_ffff
export const RING_CLOSED = -1

/** What the thread is given. */
export interface RingShare {
  readonly words: SharedArrayBuffer
  /** The memory that reads go to, as windows of so many bytes: no read crosses from one into the next. */
  readonly records: SharedArrayBuffer
  readonly windowBytes: number
}

export function ringShare(records: SharedArrayBuffer, windowBytes: number): RingShare {
  return { words: new SharedArrayBuffer((FIRST_SLOT + RING_SLOTS * SLOT_WORDS) * 4), records, windowBytes }
}

/** The first word of the slot of the read with this count. */
export function slotOf(count: number): number {
  return FIRST_SLOT + (count % RING_SLOTS) * SLOT_WORDS
}
