import type { MessagePort, Worker } from 'node:worker_threads'
import type { Config, HostPort } from './config/config.ts'
import type { SharedState } from './shared-state.ts'
import type { ProfileKind, ThreadProfile } from './signals/profile.ts'
import { allocateRegistry } from './signals/registry.ts'
import type { WorkerDiskStart } from './worker-disk.ts'
import type { WorkerMessage, WorkerOrder, WorkerReport, WorkerStart } from './worker-protocol.ts'
import { startWorkerThread, workerName } from './worker-thread.ts'

/** What one data worker needs besides what it makes itself. */
export interface DataWorkerParts {
  readonly config: Config
  readonly worker: number
  readonly workers: number
  readonly peers: readonly (MessagePort | undefined)[]
  readonly shared: SharedState
  readonly disk: WorkerDiskStart | undefined
  /** Called when an invalidation is not on disk. */
  readonly onDiskUnwritten: () => void
  /** A thread that waits for its worker; absent: one is started. */
  readonly thread?: Worker | undefined
}

/** The supervisor's handle of one data worker thread. */
export class DataWorker {
  readonly name: string
  readonly metrics: SharedArrayBuffer
  /** Resolves with what happened if the thread ends before it is told to. */
  readonly died: Promise<Error>
  readonly #thread: Worker
  readonly #exited = Promise.withResolvers<void>()
  readonly #drained = Promise.withResolvers<void>()
  readonly #profiles = new Map<number, PromiseWithResolvers<ThreadProfile>>()
  #listening: PromiseWithResolvers<HostPort> | undefined = undefined
  #failure: Error | undefined = undefined
  #nextProfile = 1
  #stopping = false
  #diskIsSound = false
  readonly #onDiskUnwritten: () => void

  constructor(parts: DataWorkerParts) {
    this.name = workerName(parts.worker)
    this.metrics = allocateRegistry()
    const { onDiskUnwritten, thread, ...common } = parts
    this.#onDiskUnwritten = onDiskUnwritten
    this.#thread = thread ?? startWorkerThread(this.name)
    const start: WorkerStart = { ...common, name: this.name, metrics: this.metrics }
    const message: WorkerMessage = { kind: 'start', start }
    this.#thread.postMessage(
      message,
      parts.peers.filter((port) => port !== undefined),
    )
    const died = Promise.withResolvers<Error>()
    this.died = died.promise
    this.#thread.on('message', (report: WorkerReport) => this.#take(report))
    const fail = (error: Error): void => {
      this.#failure ??= error
      this.#listening?.reject(error)
      for (const profile of this.#profiles.values()) profile.reject(error)
      if (!this.#stopping) died.resolve(error)
    }
    this.#thread.on('error', (error) =>
      fail(new Error(`${this.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })),
    )
    this.#thread.on('exit', (code) => {
      fail(new Error(`${this.name}: the thread ended with code ${code}`))
      this.#drained.resolve()
      this.#exited.resolve()
    })
  }

  /** Accepts connections from now on; gives the real port where 0 was asked for. */
  async listen(at: HostPort): Promise<HostPort> {
    if (this.#failure !== undefined) throw this.#failure
    this.#listening = Promise.withResolvers<HostPort>()
    this.order({ kind: 'listen', at })
    return this.#listening.promise
  }

  order(order: WorkerOrder): void {
    this.#thread.postMessage(order)
  }

  async profile(what: ProfileKind, seconds: number): Promise<ThreadProfile> {
    if (this.#failure !== undefined) throw this.#failure
    const id = this.#nextProfile++
    const answer = Promise.withResolvers<ThreadProfile>()
    this.#profiles.set(id, answer)
    this.order({ kind: 'profile', id, what, seconds })
    return answer.promise.finally(() => this.#profiles.delete(id))
  }

  /** Resolves when no connection is open; what others ask of this worker is still answered. */
  async drain(timeoutMs: number): Promise<void> {
    this.#stopping = true
    this.order({ kind: 'drain', timeoutMs })
    await this.#drained.promise
  }

  /** Ends the thread after everything was freed. True: its part of the disk cache was closed, and all of it would survive a power cut. */
  async close(): Promise<boolean> {
    this.#stopping = true
    this.order({ kind: 'close' })
    await this.#exited.promise
    return this.#diskIsSound
  }

  async terminate(): Promise<void> {
    this.#stopping = true
    await this.#thread.terminate()
  }

  #take(report: WorkerReport): void {
    switch (report.kind) {
      case 'listening':
        this.#listening?.resolve(report.at)
        return
      case 'cannot-listen':
        this.#listening?.reject(new Error(report.message))
        return
      case 'drained':
        this.#drained.resolve()
        return
      case 'disk-unwritten':
        this.#onDiskUnwritten()
        return
      case 'disk-closed':
        this.#diskIsSound = report.sound
        return
      case 'profile':
        this.#profiles.get(report.id)?.resolve(report.profile)
        return
      case 'profile-failed':
        this.#profiles.get(report.id)?.reject(new Error(report.message))
        return
    }
  }
}
