import { BLOCK_BYTES } from './block.ts'

/** Neighbouring missing blocks are asked for in one origin request of at most this many bytes. */
export const FETCH_RUN_BYTES = 8 * 1024 * 1024

/** Below this much unwanted prefix one request from the block's start is cheaper than two that put the wanted bytes first. */
export const PREFIX_BYTES_MAX = 64 * 1024

/** Bytes [start, end) of an object, end exclusive. */
export interface ByteRun {
  readonly start: number
  readonly end: number
}

/**
 * The bytes to ask the origin for so that [start, end) is in them and whole blocks come of it: ends on a block boundary (the
 * object may end earlier) and begins with the block, or exactly at `start` where the prefix would delay the wanted bytes. At
 * most `fetchRunBytes`, rounded down to blocks, counted from the block's start. `end` undefined: as far as one run goes.
 */
export function alignRun(start: number, end: number | undefined, fetchRunBytes: number = FETCH_RUN_BYTES): ByteRun {
  const blockStart = start - (start % BLOCK_BYTES)
  const runBytes = Math.max(BLOCK_BYTES, fetchRunBytes - (fetchRunBytes % BLOCK_BYTES))
  const wanted = end === undefined ? runBytes : Math.ceil((end - blockStart) / BLOCK_BYTES) * BLOCK_BYTES
  return {
    start: start - blockStart > PREFIX_BYTES_MAX ? start : blockStart,
    end: blockStart + Math.max(BLOCK_BYTES, Math.min(wanted, runBytes)),
  }
}
