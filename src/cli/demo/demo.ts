import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { formatByteSize } from '../../base/byte-size.ts'
import type { Clock } from '../../base/clock.ts'
import type { HostPort, LinkConfig } from '../../config/config.ts'
import { formatHostPort } from '../../config/option-text.ts'
import { takeSnapshot } from '../../signals/summary.ts'
import { DEMO_ORIGIN, SCRATCH_BUCKET, type DemoOptions } from './demo-options.ts'
import { adjustLink, keyActions, type KeyAction } from './keys.ts'
import { renderLine, renderSummary, renderView, tryIt } from './live-view.ts'
import { COLOURED, PLAIN, type Paint } from './paint.ts'
import type { RunningServer, StartServer } from './ports.ts'
import { ensureSampleData } from './sample-data.ts'
import { samplePlan } from './sample-plan.ts'
import { Screen, type TerminalOutput } from './screen.ts'
import { ViewModel } from './view-model.ts'
import type { ViewState } from './view-state.ts'
import { ZipfLoad } from './zipf-load.ts'

/** The surroundings of a demo: a terminal or what stands for one, and the wish to stop. */
export interface DemoSurroundings {
  readonly output: TerminalOutput & { readonly isTTY?: boolean }
  readonly input: {
    readonly isTTY?: boolean
    setRawMode?(raw: boolean): unknown
    on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
    off(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
    resume(): unknown
    pause(): unknown
  }
  /** The value of NO_COLOR: any text but the empty one means no colours (no-color.org). */
  readonly noColor: string | undefined
  /** Fires when the process is told to stop (SIGINT, SIGTERM). */
  readonly stop: AbortSignal
  readonly clock: Clock
}

const CONNECTIONS = 16
/** Enough to show what memory can do, little enough that the machine stays usable. */
const LOAD_BYTES_PER_SECOND_MAX = 250e6
const REDRAW_MS = 500
const PLAIN_LINE_MS = 5000
/** The figures are sampled as often for a log as for a terminal, so that both show the same last ten seconds. */
const SAMPLES_PER_LINE = PLAIN_LINE_MS / REDRAW_MS

/**
 * Runs the demo: sample data, server, load and view, until the time is up or somebody stops it. Gives the exit code: 0, or 1 where a
 * read was wrong or failed, or nothing was read. Rejects where the server or the sample data cannot be had.
 */
export async function runDemo(options: DemoOptions, start: StartServer, around: DemoSurroundings): Promise<number> {
  await prepareData(options, around)
  const server = await start(options.config)
  try {
    return await new DemoRun(options, server, around).run()
  } finally {
    await server.close()
  }
}

async function prepareData(options: DemoOptions, around: DemoSurroundings): Promise<void> {
  const plan = samplePlan(options.seed, options.objectCount)
  const size = `${plan.objects.length} objects, ${formatByteSize(plan.totalBytes)}`
  const say = (text: string): unknown => around.output.write(`${text}\n`)
  say(`Sample data: ${size} in ${options.dataDirectory}`)
  const { written } = await ensureSampleData(options.dataDirectory, plan)
  if (written > 0) {
    say(`Sample data: wrote ${written} objects`)
    // The disk cache of an earlier run would give out the old ones for as long as its mode allows.
    if (options.config.disk !== undefined) await rm(options.config.disk.directory, { recursive: true, force: true })
  }
  await mkdir(join(options.dataDirectory, SCRATCH_BUCKET), { recursive: true })
}

/** Why a demo is over. */
type Ending = { readonly kind: 'done' } | { readonly kind: 'died'; readonly error: Error }

/** One demo from the started server to its summary. */
class DemoRun {
  readonly #options: DemoOptions
  readonly #server: RunningServer
  readonly #around: DemoSurroundings
  readonly #load: ZipfLoad
  readonly #model: ViewModel
  readonly #paint: Paint
  readonly #startedMs: number
  readonly #ended = Promise.withResolvers<Ending>()
  #over = false
  #link: LinkConfig

  constructor(options: DemoOptions, server: RunningServer, around: DemoSurroundings) {
    const { config, credentials, durationMs, link, seed, objectCount, readsPerSecond } = options
    this.#options = options
    this.#server = server
    this.#around = around
    this.#link = link
    this.#paint = around.output.isTTY === true && !around.noColor ? COLOURED : PLAIN
    this.#startedMs = around.clock.monotonicMs()
    this.#model = new ViewModel({
      durationMs,
      endpoint: `http://${formatHostPort(reachable(server.listen))}`,
      adminUrl: `http://${formatHostPort(reachable(server.admin))}`,
      region: config.region,
      credentials,
      prices: config.prices,
      memoryBudgetBytes: config.memoryBytes,
      keys: this.#interactive,
    })
    this.#load = new ZipfLoad({
      endpoint: reachable(server.listen),
      region: config.region,
      credentials,
      seed,
      objectCount,
      readsPerSecond,
      connections: CONNECTIONS,
      bytesPerSecondMax: LOAD_BYTES_PER_SECOND_MAX,
    })
  }

  async run(): Promise<number> {
    const { output, stop } = this.#around
    const end = (ending: Ending): void => {
      this.#over = true
      this.#ended.resolve(ending)
    }
    const onStop = (): void => end({ kind: 'done' })
    const died = (error: Error): void => end({ kind: 'died', error })
    stop.addEventListener('abort', onStop)
    if (stop.aborted) onStop()
    void this.#server.died.then(died)
    void this.#load.died.then(died)
    const timer = this.#options.durationMs === undefined ? undefined : setTimeout(onStop, this.#options.durationMs)
    const screen = output.isTTY === true ? new Screen(output) : undefined
    const releaseKeys = this.#interactive ? this.#listenToKeys(onStop) : undefined
    let ending: Ending
    try {
      screen?.open()
      await Promise.race([this.#show(screen), this.#ended.promise])
      ending = await this.#ended.promise
    } finally {
      clearTimeout(timer)
      stop.removeEventListener('abort', onStop)
      releaseKeys?.()
      screen?.close()
      await this.#load.stop()
    }
    return this.#summarise(ending)
  }

  get #interactive(): boolean {
    return this.#around.input.isTTY === true && this.#around.output.isTTY === true
  }

  /** Samples and shows until the demo is over. */
  async #show(screen: Screen | undefined): Promise<void> {
    const { output } = this.#around
    if (screen === undefined) for (const line of tryIt(this.#sample())) output.write(`${line}\n`)
    for (let samples = 1; !this.#over; samples++) {
      const state = this.#sample()
      if (screen !== undefined) screen.draw(renderView(state, screen.width, this.#paint))
      else if (samples % SAMPLES_PER_LINE === 0) output.write(`${renderLine(state)}\n`)
      await Promise.race([delay(REDRAW_MS, undefined, { ref: false }), this.#ended.promise])
    }
  }

  #sample(): ViewState {
    const elapsedMs = this.#around.clock.monotonicMs() - this.#startedMs
    return this.#model.take(takeSnapshot(this.#server.metrics, elapsedMs), {
      rssBytes: process.memoryUsage.rss(),
      link: this.#link,
      load: this.#load.progress,
      paused: this.#load.paused,
    })
  }

  /** Gives what stops listening and leaves the terminal as it was. */
  #listenToKeys(quit: () => void): () => void {
    const { input } = this.#around
    const onData = (chunk: Uint8Array | string): void => {
      for (const action of keyActions(chunk.toString())) this.#act(action, quit)
    }
    input.setRawMode?.(true)
    input.on('data', onData)
    input.resume()
    return () => {
      input.off('data', onData)
      input.pause()
      input.setRawMode?.(false)
    }
  }

  #act(action: KeyAction, quit: () => void): void {
    if (action === 'quit') quit()
    else if (action === 'pause') this.#load.pause(!this.#load.paused)
    else {
      this.#link = adjustLink(this.#link, action)
      this.#server.setLink(DEMO_ORIGIN, this.#link)
    }
  }

  #summarise(ending: Ending): number {
    const { output } = this.#around
    const state = this.#sample()
    const width = output.columns ?? Infinity
    for (const line of renderSummary(state, width, this.#paint)) output.write(`${line}\n`)
    if (ending.kind === 'died') {
      output.write(`${this.#paint.bad(`The demo ended early: ${ending.error.message}`)}\n`)
      return 1
    }
    const { reads, wrong, failed } = state.load
    return reads > 0 && wrong === 0 && failed === 0 ? 0 : 1
  }
}

/** Where a client on this machine connects: a listener on every address is reached through loopback. */
function reachable(address: HostPort): HostPort {
  if (address.host === '0.0.0.0') return { ...address, host: '127.0.0.1' }
  return address.host === '::' ? { ...address, host: '::1' } : address
}
