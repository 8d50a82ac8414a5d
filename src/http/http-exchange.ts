// hot path
import { assert } from '../base/assert.ts'
import { ClientGone, type Exchange, type RequestBody, type RequestHead, type ResponseHead, type ResponseStream } from './exchange.ts'
import type { Outbox, WriteDone } from './outbox.ts'
import { isBodyless, renderHead } from './response-head.ts'
import { BodyStream, GoneStream } from './response-stream.ts'

/** Bodies up to this are copied next to their head, so that both leave in one write. */
const COPIED_BODY_BYTES = 16 * 1024

/** What an exchange asks of its connection. */
export interface ExchangeHost {
  readonly outbox: Outbox
  readonly peer: Exchange['peer']
  /** The Date field line of this second. */
  readonly date: string
  readonly writeBufferBytes: number
  /** True where the connection cannot serve another request after this response. */
  mustClose(): boolean
  /** The kernel has the whole response. */
  responseComplete(): void
  /** A listener of the handler's threw. */
  listenerFailed(error: unknown): void
  /** Ends the connection; `reset` where a plain end would look like the end of the body. */
  cut(reason: string, reset: boolean): void
}

/** One request and its response; made by the connection, given to the handler. */
export class HttpExchange implements Exchange, WriteDone {
  readonly head: RequestHead
  readonly body: RequestBody
  bodyBytesSent = 0
  started = false
  gone = false
  /** The connection ends after this response. */
  closes = false
  readonly #host: ExchangeHost
  #complete = false
  #responded = false
  #untilClose = false
  #failure: ClientGone | undefined = undefined
  #stream: BodyStream | undefined = undefined
  #finished: PromiseWithResolvers<void> | undefined = undefined
  #listeners: (() => void)[] | undefined = undefined

  constructor(host: ExchangeHost, head: RequestHead, body: RequestBody) {
    this.#host = host
    this.head = head
    this.body = body
  }

  get peer(): Exchange['peer'] {
    return this.#host.peer
  }

  onGone(listener: () => void): () => void {
    if (this.#complete) return () => undefined
    if (this.gone) {
      queueMicrotask(() => this.#call(listener))
      return () => undefined
    }
    this.#listeners ??= []
    this.#listeners.push(listener)
    return () => {
      const at = this.#listeners?.indexOf(listener) ?? -1
      if (at >= 0) this.#listeners?.splice(at, 1)
    }
  }

  respond(head: ResponseHead, body?: Uint8Array, released?: () => void): void {
    if (this.gone || this.#responded) {
      released?.()
      assert(this.gone, 'an exchange has one response')
      return
    }
    if (isBodyless(this.head.method, head.status)) {
      this.#send(this.#begin(head, false), undefined, released)
      return
    }
    const length = body?.length ?? 0
    if (head.length !== undefined && head.length !== length) {
      released?.()
      throw new Error(`Cannot respond with a body of ${length} bytes: the head announces ${head.length}`)
    }
    const text = this.#begin(head.length === undefined ? { ...head, length } : head, false)
    this.bodyBytesSent = length
    if (body !== undefined && length > COPIED_BODY_BYTES) {
      this.#host.outbox.sendTogether(text, body, { released, done: this })
      return
    }
    this.#send(text, body, released)
  }

  stream(head: ResponseHead): ResponseStream {
    if (this.#failure !== undefined) return new GoneStream(this.#failure)
    const bodyless = isBodyless(this.head.method, head.status)
    const chunked = !bodyless && head.length === undefined && this.head.minorVersion === 1
    this.#untilClose = !bodyless && head.length === undefined && !chunked
    const text = this.#begin(head, chunked)
    this.#host.outbox.hold(text)
    this.#stream = new BodyStream(this, this.#host, { length: bodyless ? 0 : head.length, chunked, bodyless })
    return this.#stream
  }

  finished(): Promise<void> {
    if (this.#complete) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#finished === undefined) {
      this.#finished = Promise.withResolvers()
      // Whoever asked and then looked away must not take the process down.
      this.#finished.promise.catch(() => undefined)
    }
    return this.#finished.promise
  }

  cut(reason: string): void {
    if (!this.#complete && !this.gone) this.#host.cut(reason, this.#untilClose && this.started)
  }

  /** The connection is lost; called by it at most once, never after the response is complete. */
  lost(reason: string): void {
    if (this.gone || this.#complete) return
    this.gone = true
    const failure = new ClientGone(reason)
    this.#failure = failure
    this.#stream?.lost(failure)
    this.#finished?.reject(failure)
    const listeners = this.#listeners
    this.#listeners = undefined
    if (listeners !== undefined) for (const listener of listeners) this.#call(listener)
  }

  /** Called from the socket's events: what a listener throws must not reach them. */
  #call(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.#host.listenerFailed(error)
    }
  }

  /** The kernel has every byte of the response. */
  written(): void {
    if (this.gone || this.#complete) return
    this.#complete = true
    this.#listeners = undefined
    this.#finished?.resolve()
    this.#stream?.completed()
    this.#host.responseComplete()
  }

  /** The kernel took some of what was written. */
  progressed(): void {
    this.#stream?.progressed()
  }

  /** The body is copied, so it is given back at once. */
  #send(text: string, body: Uint8Array | undefined, released: (() => void) | undefined): void {
    const { outbox } = this.#host
    const taken = outbox.sendCopy(text, body)
    released?.()
    if (taken) this.written()
    else outbox.whenEmpty(this)
  }

  #begin(head: ResponseHead, chunked: boolean): string {
    assert(!this.#responded, 'an exchange has one response')
    assert(head.status >= 200 && head.status <= 599, 'a response has a final status')
    this.#responded = true
    this.started = true
    const { minorVersion } = this.head
    this.closes = this.#untilClose || this.#host.mustClose()
    return renderHead(head, this.#host.date, { chunked, close: this.closes, minorVersion })
  }
}
