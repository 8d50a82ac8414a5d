/**
 * A load generator with fixed arrivals: the n-th request is due at start + n / rate, and its latency counts from then, so that a server that
 * stalls cannot make the generator ask less meanwhile (no coordinated omission). It never sleeps: it needs a core of its own. Run as a
 * process (`node open-loop.ts plan.json`, an OpenLoopPlan); prints one OpenLoopResult as JSON.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

import { LatencyHistogram } from './latency-histogram.ts'
import type { OpenLoopPlan, OpenLoopResult } from './open-loop-plan.ts'
import { readPlan } from './plan-file.ts'
import { ResponseScanner } from './response-scanner.ts'

const READ_BYTES = 64 * 1024
/** After the last arrival, answers are awaited this long; what is missing then is an error. */
const LAST_ANSWERS_MS_MAX = 5000
/** Between the start of the clock and the first arrival. */
const LEAD_MS = 50

/** One connection and the request that it is waiting for. */
class Lane {
  readonly socket: Socket
  dueMs = 0
  freeSinceMs = 0

  constructor(plan: OpenLoopPlan, buffer: Buffer, events: { readonly answered: (lane: Lane) => void; readonly failed: () => void }) {
    const scanner = new ResponseScanner(plan.bodyBytes)
    const onBytes = (count: number): boolean => {
      const ended = scanner.feed(buffer, count)
      if (ended === 1) events.answered(this)
      if (scanner.failed || ended > 1) events.failed()
      return true
    }
    this.socket = connect({ host: plan.host, port: plan.port, noDelay: true, onread: { buffer, callback: onBytes } })
  }
}

/** The run: due times come from the number of a request alone. */
class OpenLoop {
  readonly #plan: OpenLoopPlan
  readonly #requests: readonly Buffer[]
  readonly #lanes: readonly Lane[]
  readonly #free: Lane[]
  readonly #latency = new LatencyHistogram()
  readonly #lateness = new LatencyHistogram()
  readonly #total: number
  readonly #warmUp: number
  readonly #done = Promise.withResolvers<void>()
  #startMs = 0
  #sent = 0
  #answered = 0
  #errors = 0
  #waited = 0
  #lastCountedMs = 0

  constructor(plan: OpenLoopPlan) {
    this.#plan = plan
    this.#requests = plan.requests.map((request) => Buffer.from(request, 'latin1'))
    this.#warmUp = Math.round(plan.requestsPerSecond * plan.warmUpSeconds)
    this.#total = this.#warmUp + Math.round(plan.requestsPerSecond * plan.seconds)
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const events = { answered: (lane: Lane) => this.#onAnswer(lane), failed: () => this.#fail() }
    this.#lanes = Array.from({ length: plan.connections }, () => new Lane(plan, buffer, events))
    this.#free = [...this.#lanes]
  }

  async run(): Promise<OpenLoopResult> {
    await Promise.all(this.#lanes.map((lane) => once(lane.socket, 'connect')))
    for (const { socket } of this.#lanes) socket.on('error', () => this.#fail()).on('end', () => this.#fail())
    this.#startMs = performance.now() + LEAD_MS
    this.#turn()
    await this.#done.promise
    for (const { socket } of this.#lanes) socket.removeAllListeners().destroy()
    return this.#result()
  }

  /** Sends what is due, then lets answers in, and again. Bound, so that no turn makes a closure. */
  readonly #turn = (): void => {
    const nowMs = performance.now()
    while (this.#sent < this.#total && this.#dueMs(this.#sent) <= nowMs) {
      const lane = this.#free.shift()
      if (lane === undefined) break
      this.#send(lane)
    }
    const lastDueMs = this.#dueMs(this.#total)
    if (this.#errors > 0 || this.#answered === this.#total) this.#done.resolve()
    else if (nowMs > lastDueMs + LAST_ANSWERS_MS_MAX) {
      this.#errors += this.#total - this.#answered
      this.#done.resolve()
    } else setImmediate(this.#turn)
  }

  #dueMs(number: number): number {
    return this.#startMs + (number * 1000) / this.#plan.requestsPerSecond
  }

  #send(lane: Lane): void {
    const number = this.#sent++
    lane.dueMs = this.#dueMs(number)
    const nowMs = performance.now()
    if (number >= this.#warmUp) {
      this.#lateness.record((nowMs - Math.max(lane.dueMs, lane.freeSinceMs)) * 1000)
      if (lane.freeSinceMs > lane.dueMs) this.#waited++
    }
    lane.socket.write(this.#requests[number % this.#requests.length]!)
  }

  #onAnswer(lane: Lane): void {
    const nowMs = performance.now()
    if (this.#answered >= this.#warmUp) {
      this.#latency.record((nowMs - lane.dueMs) * 1000)
      this.#lastCountedMs = nowMs
    }
    this.#answered++
    lane.freeSinceMs = nowMs
    this.#free.push(lane)
  }

  #fail(): void {
    this.#errors++
  }

  #result(): OpenLoopResult {
    return {
      requests: this.#latency.count,
      errors: this.#errors,
      answeredPerSecond: this.#latency.count / Math.max(0.001, (this.#lastCountedMs - this.#dueMs(this.#warmUp)) / 1000),
      p50Us: this.#latency.quantileUs(0.5),
      p99Us: this.#latency.quantileUs(0.99),
      p999Us: this.#latency.quantileUs(0.999),
      maxUs: this.#latency.maxUs,
      lateP50Us: this.#lateness.quantileUs(0.5),
      lateP99Us: this.#lateness.quantileUs(0.99),
      lateMaxUs: this.#lateness.maxUs,
      waited: this.#waited,
    }
  }
}

process.stdout.write(`${JSON.stringify(await new OpenLoop(readPlan<OpenLoopPlan>()).run())}\n`)
