import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

import { Pool } from 'undici'

import type { Clock } from '../../base/clock.ts'
import { seededRandom } from '../../base/random.ts'
import { formatHostPort } from '../../config/option-text.ts'
import { percentEncodePath } from '../../s3/percent.ts'
import { EMPTY_SHA256 } from '../../s3/sigv4/canonical.ts'
import { signRequest } from '../../s3/sigv4/sign.ts'
import { BodyCheck, headProblem, isCompared } from './content-check.ts'
import type { LoadProgress, LoadSettings } from './load-protocol.ts'
import { Pacer } from './pacer.ts'
import { readMix, type PlannedRead } from './read-mix.ts'
import { samplePlan } from './sample-plan.ts'

/** How long a response head may take, and how long a body may pause. */
const ANSWER_MS_MAX = 60_000
/** After a failed read a connection rests this long, so that a server that is gone is not asked a thousand times a second. */
const REST_AFTER_FAILURE_MS = 200

/**
 * The load itself: signed reads over kept-alive connections, each answer checked. Runs in a worker thread of its own
 * (`load-worker.ts`), so that its work does not delay the proxy's event loop.
 */
export class LoadRunner {
  readonly #settings: LoadSettings
  readonly #clock: Clock
  readonly #pool: Pool
  readonly #pacer: Pacer
  readonly #random: () => number
  readonly #nextRead: () => PlannedRead
  readonly #stopped = new AbortController()
  #resumed: PromiseWithResolvers<void> | undefined
  #reads = 0
  #bodyBytes = 0
  #verifiedBytes = 0
  #wrong = 0
  #failed = 0
  #lastProblem: string | undefined

  constructor(settings: LoadSettings, clock: Clock) {
    const { endpoint, connections, readsPerSecond, bytesPerSecondMax } = settings
    this.#settings = settings
    this.#clock = clock
    const timeouts = { headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX }
    this.#pool = new Pool(`http://${formatHostPort(endpoint)}`, { connections, pipelining: 1, ...timeouts })
    // Each connection listens once for its read and once for its pause.
    setMaxListeners(2 * connections, this.#stopped.signal)
    this.#pacer = new Pacer({ readsPerSecond, bytesPerSecond: bytesPerSecondMax }, clock)
    this.#random = seededRandom(settings.seed)
    this.#nextRead = readMix(samplePlan(settings.seed, settings.objectCount), this.#random)
  }

  /** Reads until `stop`; resolves when every connection is closed. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#settings.connections }, () => this.#readInTurn()))
    await this.#pool.destroy()
  }

  /** Breaks off the reads in flight, which count as neither right nor wrong, and begins no more. */
  stop(): void {
    this.#stopped.abort()
    this.pause(false)
  }

  /** Begins no more reads until told otherwise. */
  pause(paused: boolean): void {
    if (paused) this.#resumed ??= Promise.withResolvers()
    else {
      this.#resumed?.resolve()
      this.#resumed = undefined
    }
  }

  progress(): LoadProgress {
    return {
      reads: this.#reads,
      bodyBytes: this.#bodyBytes,
      verifiedBytes: this.#verifiedBytes,
      wrong: this.#wrong,
      failed: this.#failed,
      lastProblem: this.#lastProblem,
    }
  }

  async #readInTurn(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        await delay(this.#pacer.claim(), undefined, { signal })
        await this.#resumed?.promise
        if (!signal.aborted) await this.#readOnce(this.#nextRead())
      } catch (error) {
        if (!signal.aborted) throw error
      }
    }
  }

  async #readOnce(read: PlannedRead): Promise<void> {
    const compared = isCompared(read, this.#random)
    try {
      const problem = await this.#fetchAndCheck(read, compared)
      this.#reads++
      if (problem !== undefined) {
        this.#wrong++
        this.#note(read, problem)
      }
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      this.#failed++
      this.#note(read, error instanceof Error ? error.message : String(error))
      await delay(REST_AFTER_FAILURE_MS, undefined, { signal: this.#stopped.signal })
    }
  }

  /** What was wrong with the answer, or undefined. Rejects where it did not arrive whole. */
  async #fetchAndCheck(read: PlannedRead, compared: boolean): Promise<string | undefined> {
    const path = `/${read.object.bucket}/${percentEncodePath(read.object.key)}`
    const headers = this.#signedHeaders(read, path)
    const answer = await this.#pool.request({ method: read.method, path, headers, signal: this.#stopped.signal })
    const wrongHead = headProblem(read, answer.statusCode, answer.headers)
    if (wrongHead !== undefined) {
      await answer.body.dump()
      return wrongHead
    }
    const check = new BodyCheck(this.#settings.seed, read, compared)
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      check.take(chunk)
      this.#bodyBytes += chunk.length
      this.#pacer.received(chunk.length)
    }
    if (compared) this.#verifiedBytes += check.receivedBytes
    return check.problem()
  }

  #signedHeaders(read: PlannedRead, path: string): string[] {
    const { endpoint, region, credentials } = this.#settings
    const headers = ['host', formatHostPort(endpoint)]
    if (read.range !== undefined) headers.push('range', read.range)
    const signing = { rawPath: path, rawQuery: '', nowMs: this.#clock.nowMs(), credentials, region }
    return [...headers, ...signRequest({ ...signing, method: read.method, headers, payloadHash: EMPTY_SHA256 })]
  }

  #note(read: PlannedRead, problem: string): void {
    const range = read.range === undefined ? '' : ` ${read.range}`
    this.#lastProblem = `${read.method} ${read.object.bucket}/${read.object.key}${range}: ${problem}`
  }
}
