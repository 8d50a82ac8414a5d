import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { RingShare } from './cache/disk/ring-layout.ts'
import { serveReads } from './cache/disk/serve-reads.ts'

// The thread that waits for the disk, so that its data worker's event loop does not. It does nothing else, so it loads nothing else.
if (parentPort === null) throw new Error('Cannot run a disk reader by itself: wanted a worker thread of hotbucket')
const port = parentPort
serveReads(workerData as RingShare, {
  read: readSync,
  monotonicMs: () => performance.now(),
  tell: () => port.postMessage(undefined),
})
