import { Worker } from 'node:worker_threads'

import { NO_PROGRESS, type LoadOrder, type LoadProgress, type LoadReport, type LoadSettings } from './load-protocol.ts'

const STOP_MS_MAX = 5000

/** The demo's load from outside: a worker thread that reads sample objects until it is told to stop. */
export class ZipfLoad {
  readonly #thread: Worker
  readonly #ended = Promise.withResolvers<void>()
  readonly #died = Promise.withResolvers<Error>()
  #progress: LoadProgress = NO_PROGRESS
  #stopping = false
  #paused = false

  constructor(settings: LoadSettings) {
    this.#thread = new Worker(new URL('./load-worker.ts', import.meta.url), { workerData: settings, name: 'demo-load' })
    this.#thread.on('message', (report: LoadReport) => {
      this.#progress = report.progress
    })
    this.#thread.on('error', (error: Error) => this.#died.resolve(error))
    this.#thread.on('exit', () => {
      if (!this.#stopping) this.#died.resolve(new Error('The load ended by itself'))
      this.#ended.resolve()
    })
  }

  /** What it has done so far; at most a quarter of a second old. */
  get progress(): LoadProgress {
    return this.#progress
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Resolves with what happened if the load ends without being told to. */
  get died(): Promise<Error> {
    return this.#died.promise
  }

  pause(paused: boolean): void {
    this.#paused = paused
    this.#order({ kind: 'pause', paused })
  }

  /** Ends the load; resolves with the final count. */
  async stop(): Promise<LoadProgress> {
    this.#stopping = true
    this.#order({ kind: 'stop' })
    const killer = setTimeout(() => void this.#thread.terminate(), STOP_MS_MAX)
    await this.#ended.promise
    clearTimeout(killer)
    return this.#progress
  }

  #order(order: LoadOrder): void {
    this.#thread.postMessage(order)
  }
}
