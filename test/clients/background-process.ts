import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

interface BackgroundOptions {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
  readonly cwd?: string
}

const TAIL_LINES = 40
const running = new Set<ChildProcess>()

/** For an interrupted run: ends at once what was started here and still runs. */
export function killBackgroundProcesses(): void {
  for (const child of running) child.kill('SIGKILL')
}
const POLL_MS = 50

/** A server that runs while the tests do, with its output in a file, and that is stopped by its own process id. */
export class BackgroundProcess {
  readonly logFile: string
  readonly #name: string
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  #spawnError = ''

  constructor(command: readonly string[], options: BackgroundOptions) {
    const [program = '', ...args] = command
    this.#name = options.name
    this.logFile = options.logFile
    const log = createWriteStream(options.logFile)
    this.#child = spawn(program, args, { env: options.env, cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(this.#child)
    this.#child.stdout?.pipe(log, { end: false })
    this.#child.stderr?.pipe(log, { end: false })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#exited = promise
    this.#child.once('error', (error) => {
      this.#spawnError = error.message
      resolve()
    })
    this.#child.once('close', () => {
      running.delete(this.#child)
      log.end(resolve)
    })
  }

  get running(): boolean {
    return this.#spawnError === '' && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** How it ended, in words. */
  get ending(): string {
    return this.#spawnError || `exit code ${this.#child.exitCode}, signal ${this.#child.signalCode}`
  }

  /** Resolves when `url` answers 200; rejects with the log's tail where that does not happen in time. */
  async waitFor(url: string, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (Date.now() < deadline && this.running) {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
      await response?.body?.cancel()
      if (response?.status === 200) return
      await delay(POLL_MS)
    }
    const state = this.running ? `"${url}" did not answer 200 within ${timeoutMs} ms` : this.ending
    throw new Error(`Cannot start ${this.#name}: ${state}\n${await this.logTail()}`)
  }

  /** The end of what it wrote; `leaveOut` says which lines are of no interest. */
  async logTail(leaveOut?: RegExp): Promise<string> {
    const text = await readFile(this.logFile, 'utf8').catch(() => '')
    const lines = text
      .trimEnd()
      .split('\n')
      .filter((line) => leaveOut?.test(line) !== true)
    return lines.slice(-TAIL_LINES).join('\n')
  }

  /** Ends it without warning, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Ends it, by force after `graceMs`. True where it went with exit code 0. */
  async stop(graceMs: number): Promise<boolean> {
    if (!this.running) return false
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs)
    await this.#exited
    clearTimeout(timer)
    return this.#child.exitCode === 0
  }
}
