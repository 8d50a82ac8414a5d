import { v8Gc } from './v8-gc.ts'

/** By then everything is loaded. */
const AFTER_MS = 1_500

/**
 * Gives back what loading the program took: the heap of each thread has grown for text that was compiled and options that were read, and V8
 * keeps that room until the heap is busy. One full collection of some 20 ms, left out where the thread has work by then.
 */
export function collectStartGarbage(isIdle: () => boolean): void {
  setTimeout(() => {
    if (isIdle()) v8Gc()({ type: 'major', flavor: 'last-resort' })
  }, AFTER_MS).unref()
}
