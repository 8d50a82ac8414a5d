import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { RingShare } from './cache/disk/ring-layout.ts'
import { serveReads } from './cache/disk/serve-reads.ts'

// The thread that waits for the disk, so that its data worker's event loop does not. It does nothing else, so it loads nothing else.
if (parentPort === null) throw new Error('Cannot run a disk reader by itself: wanted a worker thread of hotbucket')
const port = parentPort
// Never again is there a moment for it: what loading took is given back, 3 of 12 MiB. The supervisor lets threads have the collector (v8-gc.ts).
const { gc } = globalThis as { readonly gc?: (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void }
gc?.({ type: 'major', flavor: 'last-resort' })
serveReads(workerData as RingShare, {
  read: readSync,
  monotonicMs: () => performance.now(),
  tell: () => port.postMessage(undefined),
})
