import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { nodeDiskFiles, type DiskFiles } from '../disk-files.ts'
import { ReadRing } from '../read-ring.ts'
import { ringShare, type RingShare } from '../ring-layout.ts'

/** Words of the script: 1 while reads wait; how long each takes by the thread's clock; how many it has begun. */
export const HELD = 0
export const READ_MS = 1
export const READS = 2

export interface ScriptedReaderStart {
  readonly share: RingShare
  readonly script: SharedArrayBuffer
}

/** For tests: a real reader thread whose disk hangs or is slow when it is told to be. */
export class ScriptedReader {
  readonly ring: ReadRing
  /** Reads that went to the pool. */
  poolReads = 0
  readonly #script = new Int32Array(new SharedArrayBuffer(12))
  readonly #thread: Worker

  constructor(records: SharedArrayBuffer, windowBytes: number, watchMs: number) {
    const share = ringShare(records, windowBytes)
    const pool: Pick<DiskFiles, 'readThen'> = {
      readThen: (...read) => {
        this.poolReads++
        nodeDiskFiles.readThen(...read)
      },
    }
    this.ring = new ReadRing(share, pool, watchMs)
    const start: ScriptedReaderStart = { share, script: this.#script.buffer }
    this.#thread = new Worker(new URL('scripted-reader-thread.ts', import.meta.url), { workerData: start })
    this.#thread.on('message', this.ring.drain)
    this.#thread.on('exit', () => this.ring.abandon())
  }

  /** Reads that the thread has begun. */
  get threadReads(): number {
    return Atomics.load(this.#script, READS)
  }

  set held(held: boolean) {
    Atomics.store(this.#script, HELD, held ? 1 : 0)
    Atomics.notify(this.#script, HELD)
  }

  set readMs(readMs: number) {
    Atomics.store(this.#script, READ_MS, readMs)
  }

  async read(fd: number, targets: readonly Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.ring.readThen(fd, targets, position, (error, bytes) => (error === undefined ? resolve(bytes) : reject(error)))
    })
  }

  /** As a thread that dies. */
  async kill(): Promise<void> {
    await this.#thread.terminate()
  }

  /** Resolves to the exit code. */
  async close(): Promise<number> {
    const exited = once(this.#thread, 'exit') as Promise<[number]>
    this.ring.close()
    const [code] = await exited
    return code
  }
}
