import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { serveReads } from '../serve-reads.ts'
import { HELD, READ_MS, READS, type ScriptedReaderStart } from './scripted-reader.ts'

const { share, script } = workerData as ScriptedReaderStart
const words = new Int32Array(script)
let nowMs = 0
serveReads(share, {
  read: ((...read: [number, Buffer, number, number, number]) => {
    Atomics.add(words, READS, 1)
    Atomics.notify(words, READS)
    Atomics.wait(words, HELD, 1)
    nowMs += Atomics.load(words, READ_MS)
    return readSync(...read)
  }) as typeof readSync,
  monotonicMs: () => nowMs,
  tell: () => parentPort?.postMessage(undefined),
})
