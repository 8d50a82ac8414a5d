import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { emptySource } from '../../base/byte-source.ts'
import { headerValues, type HeaderList } from '../../base/header-list.ts'
import { OriginFailure, type OriginResponse } from '../origin.ts'
import type { RequestBytes } from './request-bytes.ts'
import { UpstreamBody } from './upstream-body.ts'
import type { Upstream } from './upstream-pools.ts'
import { upstreamFailure } from './upstream-failure.ts'

/** One HTTP request, ready to go. */
export interface UpstreamRequest {
  readonly method: string
  /** Raw path and query. */
  readonly path: string
  /** Host and, for a body of known length, Content-Length are among them. */
  readonly headers: HeaderList
  readonly body: RequestBytes | undefined
  /** The name that the server's certificate must hold; undefined for an address. */
  readonly servername: string | undefined
  readonly signal: AbortSignal | undefined
  /** How long to wait for a connection of the pool. */
  readonly queueTimeoutMs: number
  /** Counts the requests that wait for one. */
  readonly queue: { waiting: number }
  /** Completes "Cannot …" in messages. */
  readonly task: string
}

/** One request on a pool, from its place in the queue to the last byte of the answer. */
export class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly response: Promise<OriginResponse>
  /** True once any byte of an answer was here: from then on the request must not be sent again. */
  answered = false
  readonly #request: UpstreamRequest
  readonly #head = Promise.withResolvers<OriginResponse>()
  #controller: Dispatcher.DispatchController | undefined
  #body: UpstreamBody | undefined
  #queueTimer: NodeJS.Timeout | undefined
  #finished = false

  constructor(pool: Upstream, request: UpstreamRequest) {
    this.#request = request
    this.response = this.#head.promise
    if (request.signal?.aborted === true) {
      this.#aborted()
      return
    }
    request.signal?.addEventListener('abort', this.#aborted, { once: true })
    pool.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: [...request.headers],
        // undici takes any async iterable; its types only know streams.
        body: (request.body as unknown as Readable | undefined) ?? null,
        // undici takes it from Host otherwise, which may be the client's own name for the service; its types do not know it here.
        ...(request.servername === undefined ? {} : { servername: request.servername }),
        // undici closes the connection after every HEAD unless told not to.
        ...(request.method === 'HEAD' ? { reset: false } : {}),
      },
      this,
    )
    if (this.#controller === undefined && !this.#finished) this.#waitForConnection()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#leaveQueue()
    // Thrown, because aborting would destroy a connection that this request has not touched yet.
    if (this.#finished) throw new OriginFailure('aborted', 'nobody waits for this request any more')
    this.#controller = controller
  }

  onResponseStarted(): void {
    this.answered = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.answered = true
    if (status < 200 || this.#finished) return
    const headers = headerList(controller.rawHeaders)
    const bodiless = this.#request.method === 'HEAD' || status === 204 || status === 304
    if (!bodiless) this.#body = new UpstreamBody(contentLength(headers), this.#flow(controller))
    this.#head.resolve({ status, headers, body: this.#body ?? emptySource })
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#body?.push(chunk)
  }

  onResponseEnd(): void {
    this.#finish()
    this.#body?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(upstreamFailure(error, this.#request.task, this.#controller !== undefined))
  }

  #flow(controller: Dispatcher.DispatchController): { pause: () => void; resume: () => void; abandon: (reason: Error) => void } {
    return {
      pause: () => controller.pause(),
      resume: () => controller.resume(),
      abandon: (reason) => this.#abort(reason),
    }
  }

  readonly #aborted = (): void => {
    this.#abort(this.#request.signal?.reason)
  }

  #abort(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : 'nobody wants the answer'
    const failure = new OriginFailure('aborted', `Gave up ${this.#request.task}: ${reason}`, { cause })
    this.#fail(failure)
    this.#controller?.abort(failure)
  }

  /** The pool queues without limit in time; a request that finds no connection fails as one that finds no answer. */
  #waitForConnection(): void {
    const { queueTimeoutMs, task } = this.#request
    const message = `Cannot ${task}: no connection was free or could be made within ${queueTimeoutMs} ms`
    this.#request.queue.waiting += 1
    this.#queueTimer = setTimeout(() => this.#fail(new OriginFailure('timeout', message)), queueTimeoutMs)
    this.#queueTimer.unref()
  }

  #leaveQueue(): void {
    if (this.#queueTimer === undefined) return
    clearTimeout(this.#queueTimer)
    this.#queueTimer = undefined
    this.#request.queue.waiting -= 1
  }

  #fail(failure: OriginFailure): void {
    if (this.#finished) return
    this.#finish()
    this.#head.reject(failure)
    this.#body?.fail(failure)
  }

  #finish(): void {
    this.#finished = true
    this.#leaveQueue()
    this.#request.signal?.removeEventListener('abort', this.#aborted)
    this.#request.body?.stop(new Error('the exchange with the origin is over'))
  }
}

/** undici gives the raw fields as buffers, name and value in turn. */
function headerList(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  const headers: string[] = []
  if (!Array.isArray(raw)) return headers
  for (let i = 0; i + 1 < raw.length; i += 2) headers.push(latin1(raw[i]).toLowerCase(), latin1(raw[i + 1]))
  return headers
}

function latin1(field: Buffer | string | undefined): string {
  return typeof field === 'string' ? field : (field?.toString('latin1') ?? '')
}

function contentLength(headers: HeaderList): number | undefined {
  const values = headerValues(headers, 'content-length')
  // The parser has refused lengths that differ or are no numbers, and both framings at once.
  return values[0] === undefined ? undefined : Number(values[0])
}
