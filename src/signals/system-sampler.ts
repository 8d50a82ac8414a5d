import type { Clock } from '../base/clock.ts'
import { ProcessSampler } from './process-sampler.ts'
import type { Counter, RegistryWriter } from './registry-writer.ts'
import { SystemFiles } from './system-files.ts'
import { ThreadSampler } from './thread-sampler.ts'

/** `thread`: the thread that it is made on. `process`: that, and everything that the process has only one of. */
export type SamplerScope = 'thread' | 'process'

export interface SamplerOptions {
  readonly writer: RegistryWriter
  readonly clock: Clock
  readonly scope: SamplerScope
  /** Where `proc` and `sys` are; default `/`. */
  readonly root?: string
}

const INTERVAL_MS = 1000

/** Writes gauges about runtime and system into the registry, once a second from `start` to `close`. */
export class SystemSampler {
  readonly #clock: Clock
  readonly #thread: ThreadSampler
  readonly #process: ProcessSampler | undefined
  readonly #cost: Counter
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(options: SamplerOptions) {
    const files = new SystemFiles(options.root ?? '/')
    this.#clock = options.clock
    this.#thread = new ThreadSampler(options.writer, options.clock, files)
    this.#process = options.scope === 'process' ? new ProcessSampler(options.writer, options.clock, files) : undefined
    this.#cost = options.writer.counter('samplerSeconds', {})
  }

  /** Samples now, and then each second; the timer does not keep the process alive. */
  start(): void {
    if (this.#timer !== undefined) return
    this.sample()
    this.#timer = setInterval(() => this.sample(), INTERVAL_MS)
    this.#timer.unref()
  }

  sample(): void {
    const startedMs = this.#clock.monotonicMs()
    this.#thread.sample()
    this.#process?.sample()
    this.#cost.add((this.#clock.monotonicMs() - startedMs) / 1000)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#thread.close()
  }
}
