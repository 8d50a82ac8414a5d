import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { ByteRelay } from '../clients/byte-relay.ts'
import { HotbucketProcess } from '../clients/hotbucket-process.ts'
import type { TestOrigin } from '../clients/origins/test-origin.ts'
import { ReferenceClient } from '../clients/reference-client.ts'
import { Gate } from './gate.ts'
import type { ConformMode } from './modes.ts'
import { type SweepResult, type TouchedObject, Sweeper } from './sweep.ts'

interface FrontOptions {
  readonly origin: TestOrigin
  readonly mode: ConformMode
  readonly program: string
  readonly identity: string
  readonly home: string
}

const IDLE_TIMEOUT_MS = 5_000
/** The SDK for C++ sends a request again after 3 s. */
const DELETE_TIMEOUT_MS = 1_500
/** How often `between` is called for one sweep and, in the mode that restarts, one restart. */
const CALLS_PER_STOP = 25
/** The same for suites that do not call `between`. */
const STOP_INTERVAL_MS = 500
/** A start takes half a second to two; a suite should spend most of its time running. */
const RESTART_INTERVAL_MS = 3_000
const CHURN_OBJECTS = 24
const CHURN_OBJECT_BYTES = 1024 * 1024
const CHURN_INTERVAL_MS = 100

/** hotbucket as one mode wants it, between the counting relay at the origin and the gate that clients connect to. */
export class Front {
  readonly endpoint: string
  restarts = 0
  readonly #options: FrontOptions
  readonly #relay: ByteRelay | undefined
  readonly #gate: Gate
  #process: HotbucketProcess
  #calls = 0
  #churner: Churner | undefined
  #quiet = false
  /** How far the log of the running process was swept. */
  #sweptBytes = 0
  readonly #sweeper: Sweeper
  #steps: Promise<unknown> = Promise.resolve()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #busy = new Set<Promise<unknown>>()

  private constructor(options: FrontOptions, parts: { relay: ByteRelay | undefined; gate: Gate; process: HotbucketProcess }) {
    this.#options = options
    this.#relay = parts.relay
    this.#gate = parts.gate
    this.#process = parts.process
    this.endpoint = `http://127.0.0.1:${parts.gate.port}`
    this.#sweeper = new Sweeper(options.origin, options.mode.name === 'strict')
  }

  static async start(options: FrontOptions): Promise<Front> {
    const relay = options.origin.port === undefined ? undefined : await ByteRelay.listen(options.origin.port)
    const process = await HotbucketProcess.start(processOptions(options, relay, 1))
    const front = new Front(options, { relay, gate: await Gate.listen(process.port), process })
    if (options.mode.churn) front.#churner = await Churner.prepare(options.origin, process.endpoint)
    return front
  }

  /**
   * Sweeps, restarts and churns by itself, for suites that are programs of others and cannot be told to call `between`. Such tests
   * delete what they made as soon as they are done with it: so every deletion waits for a sweep.
   */
  startTimer(): void {
    this.#gate.beforeDelete = async () => this.#atGate(async () => this.sweep(), DELETE_TIMEOUT_MS)
    this.#every(this.#options.mode.restarts ? RESTART_INTERVAL_MS : STOP_INTERVAL_MS, async () => this.#stopAtGate())
    if (this.#options.mode.churn) this.#every(CHURN_INTERVAL_MS, async () => this.#churner?.read())
  }

  /** Between two checks of a suite that runs in this process. */
  async between(): Promise<void> {
    this.#calls++
    await this.#churner?.read()
    if (this.#calls % CALLS_PER_STOP === 0) await this.#stopAtGate()
  }

  /** Bodies and heads that the origin has sent so far; undefined where nobody counts. */
  get bytesFromOrigin(): number | undefined {
    return this.#relay?.bytesFromOrigin
  }

  /** What all sweeps so far have found. */
  get swept(): SweepResult {
    return this.#sweeper.result
  }

  async stop(): Promise<void> {
    await this.quiet()
    this.#gate.close()
    try {
      await this.#process.stop()
    } finally {
      this.#relay?.close()
      await this.#churner?.close()
    }
  }

  /** Ends what the timers do, and sweeps for the last time; hotbucket runs on. */
  async quiet(): Promise<void> {
    this.#quiet = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#busy)
    await this.sweep()
  }

  async logTail(): Promise<string> {
    return this.#process.logTail()
  }

  #every(intervalMs: number, step: () => Promise<unknown>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      const running = step().finally(() => {
        this.#busy.delete(running)
        if (!this.#quiet) this.#every(intervalMs, step)
      })
      this.#busy.add(running)
    }, intervalMs)
    this.#timers.add(timer)
  }

  async #stopAtGate(): Promise<void> {
    await this.#atGate(async () => {
      await this.sweep()
      if (this.#options.mode.restarts) await this.#restart()
    })
  }

  /** While no request of the suite is under way, and none is let through; one such step after the other. */
  async #atGate(step: () => Promise<void>, timeoutMs = IDLE_TIMEOUT_MS): Promise<void> {
    const inFlight = async (): Promise<number> => this.#process.metric('hotbucket_http_requests_in_flight')
    const turn = this.#steps.then(async () => this.#gate.between(step, inFlight, timeoutMs))
    this.#steps = turn.catch(() => undefined)
    await turn
  }

  async #restart(): Promise<void> {
    this.#gate.leaveServer()
    await this.#process.kill()
    this.restarts++
    this.#process = await HotbucketProcess.start({
      ...processOptions(this.#options, this.#relay, this.restarts + 1),
      port: this.#process.port,
    })
    this.#sweptBytes = 0
  }

  /** Everything that was asked for since the last sweep. What was not touched since has not changed since. */
  async sweep(): Promise<void> {
    const { objects } = await this.#readLog()
    await this.#sweeper.sweep(objects, this.#process.endpoint)
    this.#sweptBytes = (await this.#readLog()).endBytes
  }

  async #readLog(): Promise<{ objects: TouchedObject[]; endBytes: number }> {
    await using file = await open(logFileOf(this.#options, this.restarts + 1), 'r')
    const { size } = await file.stat()
    const bytes = Buffer.alloc(Math.max(0, size - this.#sweptBytes))
    await file.read(bytes, 0, bytes.length, this.#sweptBytes)
    const found = new Map<string, TouchedObject>()
    for (const line of bytes.toString('utf8').split('\n')) {
      const touched = parseLine(line)
      if (touched !== undefined) found.set(`${touched.bucket}/${touched.key}`, touched)
    }
    return { objects: [...found.values()], endBytes: size }
  }
}

type ProcessOptions = Parameters<typeof HotbucketProcess.start>[0]

function processOptions(
  { origin, mode, program, identity, home }: FrontOptions,
  relay: ByteRelay | undefined,
  run: number,
): ProcessOptions {
  return {
    program,
    origin: relay?.endpoint ?? origin.endpoint,
    credentials: origin.credentials,
    home,
    logFile: logFileOf({ home }, run),
    flags: [...mode.flags, '--identity', identity],
  }
}

function logFileOf({ home }: Pick<FrontOptions, 'home'>, run: number): string {
  return join(home, `hotbucket-${String(run).padStart(4, '0')}.log`)
}

/** The object that a line of hotbucket's log is about; the last line may be half there. */
function parseLine(line: string): TouchedObject | undefined {
  if (!line.startsWith('{') || !line.endsWith('}')) return undefined
  const { bucket, key } = JSON.parse(line) as Partial<TouchedObject>
  return bucket === undefined || key === undefined ? undefined : { bucket, key }
}

/** Reads other objects through hotbucket, more of them than the smallest cache holds, so that nothing stays there for long. */
class Churner {
  readonly #direct: ReferenceClient
  readonly #through: ReferenceClient
  readonly #bucket = `hotbucket-churn-${process.pid}-${Date.now().toString(36)}`
  #next = 0

  private constructor(origin: TestOrigin, endpoint: string) {
    this.#direct = new ReferenceClient(origin.endpoint, origin.credentials)
    this.#through = new ReferenceClient(endpoint, origin.credentials)
  }

  static async prepare(origin: TestOrigin, endpoint: string): Promise<Churner> {
    const churner = new Churner(origin, endpoint)
    await churner.#direct.createBucket(churner.#bucket)
    for (let i = 0; i < CHURN_OBJECTS; i++) await churner.#direct.put(churner.#bucket, `churn-${i}`, Buffer.alloc(CHURN_OBJECT_BYTES, i))
    return churner
  }

  async read(): Promise<void> {
    const key = `churn-${this.#next++ % CHURN_OBJECTS}`
    const reply = await this.#through.get(this.#bucket, key)
    if (reply.status !== 200 || reply.body.length !== CHURN_OBJECT_BYTES)
      throw new Error(`Cannot churn: "${key}" came with ${reply.status}`)
  }

  async close(): Promise<void> {
    await this.#direct.destroyBucket(this.#bucket).catch(() => undefined)
    this.#direct.close()
    this.#through.close()
  }
}
