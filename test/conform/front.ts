import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ByteRelay } from '../clients/byte-relay.ts'
import { HotbucketProcess } from '../clients/hotbucket-process.ts'
import type { TestOrigin } from '../clients/origins/test-origin.ts'
import { ReferenceClient } from '../clients/reference-client.ts'
import { Gate } from './gate.ts'
import type { ConformMode } from './modes.ts'

interface FrontOptions {
  readonly origin: TestOrigin
  readonly mode: ConformMode
  readonly program: string
  readonly home: string
}

/** An object that hotbucket answered for, as its log names it. */
export interface TouchedObject {
  readonly bucket: string
  readonly key: string
}

const IDLE_TIMEOUT_MS = 5_000
/** In the mode that restarts: how often `between` is called for one restart. */
const CALLS_PER_RESTART = 25
/** The same for suites that do not call `between`. */
const RESTART_INTERVAL_MS = 4_000
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
  #timer: NodeJS.Timeout | undefined
  #busy: Promise<void> | undefined

  private constructor(options: FrontOptions, parts: { relay: ByteRelay | undefined; gate: Gate; process: HotbucketProcess }) {
    this.#options = options
    this.#relay = parts.relay
    this.#gate = parts.gate
    this.#process = parts.process
    this.endpoint = `http://127.0.0.1:${parts.gate.port}`
  }

  static async start(options: FrontOptions): Promise<Front> {
    const relay = options.origin.port === undefined ? undefined : await ByteRelay.listen(options.origin.port)
    const process = await HotbucketProcess.start(processOptions(options, relay, 1))
    const front = new Front(options, { relay, gate: await Gate.listen(process.port), process })
    if (options.mode.churn) front.#churner = await Churner.prepare(options.origin, process.endpoint)
    return front
  }

  /** Restarts or churns by itself, for suites that are programs of others and cannot be told to call `between`. */
  startTimer(): void {
    const { mode } = this.#options
    if (!mode.churn && !mode.restarts) return
    const step = mode.churn ? async (): Promise<void> => this.#churner?.read() : async (): Promise<void> => this.#restart()
    const again = (): void => {
      this.#busy = step().finally(() => (this.#timer = setTimeout(again, mode.churn ? CHURN_INTERVAL_MS : RESTART_INTERVAL_MS)))
    }
    this.#timer = setTimeout(again, RESTART_INTERVAL_MS)
  }

  /** Between two checks of a suite that runs in this process. */
  async between(): Promise<void> {
    this.#calls++
    const { mode } = this.#options
    if (mode.churn) await this.#churner?.read()
    if (mode.restarts && this.#calls % CALLS_PER_RESTART === 0) await this.#restart()
  }

  /** Bodies and heads that the origin has sent so far; undefined where nobody counts. */
  get bytesFromOrigin(): number | undefined {
    return this.#relay?.bytesFromOrigin
  }

  /** Every object that requests were about, from the log lines of all processes so far. */
  async touched(): Promise<TouchedObject[]> {
    const names = (await readdir(this.#options.home)).filter((name) => name.startsWith('hotbucket-') && name.endsWith('.log'))
    const found = new Map<string, TouchedObject>()
    for (const name of names) {
      for (const line of (await readFile(join(this.#options.home, name), 'utf8')).split('\n')) {
        const { bucket, key } = parseLine(line)
        if (bucket !== undefined && key !== undefined) found.set(`${bucket}/${key}`, { bucket, key })
      }
    }
    return [...found.values()]
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

  /** Ends the restarts and the churn; hotbucket runs on. */
  async quiet(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#busy
    clearTimeout(this.#timer)
  }

  async logTail(): Promise<string> {
    return this.#process.logTail()
  }

  async #restart(): Promise<void> {
    const inFlight = async (): Promise<number> => this.#process.metric('hotbucket_http_requests_in_flight')
    const restart = async (): Promise<void> => {
      await this.#process.kill()
      this.#process = await HotbucketProcess.start({
        ...processOptions(this.#options, this.#relay, this.restarts + 2),
        port: this.#process.port,
      })
    }
    if (await this.#gate.between(restart, inFlight, IDLE_TIMEOUT_MS)) this.restarts++
  }
}

type ProcessOptions = Parameters<typeof HotbucketProcess.start>[0]

function processOptions({ origin, mode, program, home }: FrontOptions, relay: ByteRelay | undefined, run: number): ProcessOptions {
  return {
    program,
    origin: relay?.endpoint ?? origin.endpoint,
    credentials: origin.credentials,
    home,
    logFile: join(home, `hotbucket-${String(run).padStart(4, '0')}.log`),
    flags: mode.flags,
  }
}

function parseLine(line: string): Partial<TouchedObject> {
  if (!line.startsWith('{')) return {}
  try {
    return JSON.parse(line) as Partial<TouchedObject>
  } catch {
    return {}
  }
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
    if (reply.status !== 200 || reply.body.length !== CHURN_OBJECT_BYTES) throw new Error(`Cannot churn: "${key}" came with ${reply.status}`)
  }

  async close(): Promise<void> {
    await this.#direct.destroyBucket(this.#bucket).catch(() => undefined)
    this.#direct.close()
    this.#through.close()
  }
}
