import { Worker } from 'node:worker_threads'
import type { DiskFiles } from './cache/disk/disk-files.ts'
import { ReadRing } from './cache/disk/read-ring.ts'
import { ringShare } from './cache/disk/ring-layout.ts'

/** It makes next to no garbage. */
const YOUNG_GENERATION_MIB = 1

const STACK_MIB = 1

export interface DiskReaderParts {
  readonly files: DiskFiles
  /** The memory that small reads go to, and the windows that none of them leaves. */
  readonly records: SharedArrayBuffer
  readonly windowBytes: number
  /** The number of its data worker. */
  readonly worker: number
  /** Told when the thread ended though nobody ordered it: reads go on without it. */
  readonly onFault: (what: string, error: unknown) => void
}

/** A data worker's reader thread, and the file system as it is with that: small reads into the memory of records go to the thread. */
export class DiskReaderThread {
  readonly files: DiskFiles
  readonly #ring: ReadRing
  readonly #thread: Worker
  readonly #exited: Promise<void>
  #isClosing = false

  constructor({ files, records, windowBytes, worker, onFault }: DiskReaderParts) {
    const share = ringShare(records, windowBytes)
    const ring = new ReadRing(share, files)
    this.#ring = ring
    this.files = { ...files, readThen: (fd, targets, position, done) => ring.readThen(fd, targets, position, done) }
    const thread = new Worker(new URL('../bin/disk-reader.js', import.meta.url), {
      name: `disk-${worker}`,
      workerData: share,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB, stackSizeMb: STACK_MIB },
    })
    this.#thread = thread
    thread.unref()
    thread.on('message', ring.drain)
    thread.on('error', (error) => onFault('the disk reader failed; reads go on without it', error))
    this.#exited = new Promise((resolve) => {
      thread.on('exit', (code) => {
        ring.abandon()
        if (!this.#isClosing) onFault('the disk reader ended; reads go on without it', new Error(`the thread ended with code ${code}`))
        resolve()
      })
    })
  }

  /** The thread takes reads. */
  get isReady(): boolean {
    return this.#ring.isReady
  }

  /** Ends the thread; to be called when nobody reads any more. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#ring.close()
    this.#thread.ref()
    await this.#exited
  }
}
