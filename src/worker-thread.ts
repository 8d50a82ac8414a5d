import { Worker } from 'node:worker_threads'
import { exposeGcToThreads } from './v8-gc.ts'

/** New space of a data worker. Small hits take 3 % less time than with half of it; more is memory in every worker for little (chunks of bodies are chunk-garbage.ts's). */
const YOUNG_GENERATION_MIB = 12

/** Starts a thread that loads what a data worker is made of, and waits for its `WorkerStart`. */
export function startWorkerThread(name: string): Worker {
  exposeGcToThreads()
  return new Worker(new URL('../bin/data-worker.js', import.meta.url), {
    name,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
  })
}

/** How the threads of data workers are named in logs, metrics and profiles. */
export function workerName(worker: number): string {
  return `data-${worker}`
}

/**
 * The first data worker's thread, started before anything else is loaded: it boots and loads on another core while the command line and the
 * configuration are read. Until it is taken it keeps no process from ending.
 */
export class ThreadAhead {
  #thread: Worker | undefined

  constructor() {
    this.#thread = startWorkerThread(workerName(0))
    this.#thread.unref()
  }

  take(): Worker | undefined {
    const thread = this.#thread
    this.#thread = undefined
    thread?.ref()
    return thread
  }
}
