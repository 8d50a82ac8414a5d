// hot path
import type { HttpExchange } from './http-exchange.ts'
import type { WriteScratch } from './write-scratch.ts'

/** Exchanges that go through a step together; more would keep the first client waiting for work done for others. */
const STEP_EXCHANGES_MAX = 64

/**
 * The small exchanges of one turn of the event loop. What sockets have read is handled together once all of them were read, the responses
 * are written together, and then all are completed. Each step runs in the processor's caches again and again instead of
 * alternating with all others and with the kernel; and a client on the same machine, and the kernel's network threads, are
 * woken by the first response and find the others without falling asleep in between.
 */
export class Turn {
  readonly #scratch: WriteScratch
  #requests: HttpExchange[] = []
  #responses: HttpExchange[] = []
  #scheduled = false
  readonly #run = (): void => {
    this.#scheduled = false
    this.#handleAll()
    this.writeAll()
  }

  constructor(scratch: WriteScratch) {
    this.#scratch = scratch
  }

  /** Calls the exchange's handler before this turn ends. */
  addRequest(exchange: HttpExchange): void {
    this.#requests.push(exchange)
    this.#schedule()
  }

  /** Writes its response, which is rendered, before this turn ends. */
  addResponse(exchange: HttpExchange): void {
    this.#responses.push(exchange)
    this.#schedule()
  }

  /** Writes all responses that are ready. Completing one may begin the next request of a pipeline: that waits for the next turn. */
  writeAll(): void {
    const ready = this.#responses
    if (ready.length === 0) return
    this.#responses = []
    for (const exchange of ready) exchange.writeRendered()
    this.#scratch.reuse()
    for (const exchange of ready) exchange.completeRendered()
  }

  #handleAll(): void {
    const requests = this.#requests
    this.#requests = []
    for (let at = 0; at < requests.length; at += 1) {
      requests[at]?.handle()
      if (this.#responses.length >= STEP_EXCHANGES_MAX) this.writeAll()
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#run)
  }
}
