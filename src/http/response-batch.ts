// hot path
import type { Loan } from './exchange.ts'
import type { HttpExchange } from './http-exchange.ts'
import type { HeadParts } from './outbox.ts'

/** A longer batch would keep its first client waiting for work done for others. */
const RESPONSES_MAX = 32

/** A response that is ready to be written. */
interface Ready {
  readonly exchange: HttpExchange
  readonly head: HeadParts
  readonly body: Uint8Array | undefined
  readonly loan: Loan | undefined
}

/**
 * Small responses that became ready in one turn of the event loop, written one after another at its end. A client on the same machine,
 * and the kernel's network threads, are woken by the first and find the others without falling asleep in between: a wake-up costs as much
 * as half a response.
 */
export class ResponseBatch {
  #ready: Ready[] = []
  #scheduled = false
  readonly #flush = (): void => {
    this.#scheduled = false
    this.flush()
  }

  add(response: Ready): void {
    this.#ready.push(response)
    if (this.#ready.length >= RESPONSES_MAX) this.flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#flush)
    }
  }

  /** Writing one may make others ready: the next requests of a pipeline. */
  flush(): void {
    const ready = this.#ready
    this.#ready = []
    for (const { exchange, head, body, loan } of ready) exchange.send(head, body, loan)
  }
}
