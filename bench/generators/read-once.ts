/**
 * Reads a list of objects, each once, over some keep-alive connections that take the next one when they are done: cold reads, and
 * filling a cache. Run as a process (`node read-once.ts plan.json`, a ReadOncePlan); prints one ReadOnceResult as JSON.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

import { LatencyHistogram } from './latency-histogram.ts'
import { readPlan } from './plan-file.ts'
import type { ReadOncePlan, ReadOnceResult } from './read-once-plan.ts'
import { ResponseScanner } from './response-scanner.ts'

const READ_BYTES = 256 * 1024

class ReadOnce {
  readonly #plan: ReadOncePlan
  readonly #firstBytes = new LatencyHistogram()
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES)
  #next = 0
  #answered = 0
  #errors = 0

  constructor(plan: ReadOncePlan) {
    this.#plan = plan
  }

  async run(): Promise<ReadOnceResult> {
    const startedMs = performance.now()
    await Promise.all(Array.from({ length: this.#plan.connections }, () => this.#lane()))
    return {
      requests: this.#answered,
      seconds: (performance.now() - startedMs) / 1000,
      bytes: this.#answered * this.#plan.bodyBytes,
      errors: this.#errors,
      firstByteP50Us: this.#firstBytes.quantileUs(0.5),
      firstByteP99Us: this.#firstBytes.quantileUs(0.99),
    }
  }

  #take(): string | undefined {
    const { requests } = this.#plan
    const number = this.#next++
    if (!('count' in requests)) return requests[number]
    return number < requests.count ? `${requests.before}${number}${requests.after}` : undefined
  }

  #lane(): Promise<void> {
    return new Promise((resolve) => {
      const scanner = new ResponseScanner(this.#plan.bodyBytes)
      let askedMs: number | undefined
      const ask = (): void => {
        const request = this.#take()
        askedMs = performance.now()
        if (request === undefined) socket.removeAllListeners('end').destroy()
        else socket.write(request, 'latin1')
      }
      const onBytes = (count: number): boolean => {
        if (askedMs !== undefined) this.#firstBytes.record((performance.now() - askedMs) * 1000)
        askedMs = undefined
        const ended = scanner.feed(this.#buffer, count)
        if (scanner.failed || ended > 1) {
          this.#errors++
          socket.destroy()
        } else if (ended === 1) {
          this.#answered++
          ask()
        }
        return true
      }
      const { host, port } = this.#plan
      const socket: Socket = connect({ host, port, noDelay: true, onread: { buffer: this.#buffer, callback: onBytes } })
      socket.on('connect', ask)
      socket.on('error', () => this.#errors++)
      socket.on('end', () => this.#errors++)
      socket.on('close', () => resolve())
    })
  }
}

process.stdout.write(`${JSON.stringify(await new ReadOnce(readPlan<ReadOncePlan>()).run())}\n`)
