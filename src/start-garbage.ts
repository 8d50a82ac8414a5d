import { v8Gc } from './v8-gc.ts'

/** By then everything is loaded. */
const AFTER_MS = 1_500
/** So few requests in that time will not mind a pause. */
const QUIET_REQUESTS_MAX = 20

/**
 * Gives back what loading took: the heap of each thread has grown for text that was compiled and options that were read, and V8
 * keeps that room until the heap is busy. One full collection of some 20 ms, put off for as long as the thread has more to do. `requests` counts
 * what the thread has done so far.
 */
export function collectStartGarbage(requests: () => number): void {
  let before = 0
  const timer = setInterval(() => {
    const now = requests()
    const isQuiet = now - before <= QUIET_REQUESTS_MAX
    before = now
    if (!isQuiet) return
    clearInterval(timer)
    v8Gc()({ type: 'major', flavor: 'last-resort' })
  }, AFTER_MS).unref()
}
