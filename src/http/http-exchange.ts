// hot path
import { assert } from '../base/assert.ts'
import {
  ClientGone,
  type CutReason,
  type EndListener,
  type Exchange,
  type Loan,
  type RequestBody,
  type RequestHead,
  type ResponseHead,
  type ResponseStream,
  type StoredBody,
} from './exchange.ts'
import { SMALL_BODY_BYTES, type HeadParts, type Outbox, type WriteDone } from './outbox.ts'
import { isBodyless, renderHeadEnd, type HeadStarts } from './response-head.ts'
import { BodyStream, GoneStream } from './response-stream.ts'
import type { Turn } from './turn.ts'

/** What an exchange asks of its connection. */
export interface ExchangeHost {
  readonly outbox: Outbox
  readonly peer: Exchange['peer']
  readonly headStarts: HeadStarts
  readonly turn: Turn
  readonly writeBufferBytes: number
  /** Calls the handler. */
  handle(exchange: HttpExchange): void
  /** True where the connection cannot serve another request after this response. */
  mustClose(): boolean
  /** The kernel has the whole response. */
  responseComplete(): void
  /** A listener of the handler's threw. */
  listenerFailed(error: unknown): void
  /** Ends the connection; `reset` where a plain end would look like the end of the body. */
  cut(reason: string, reset: boolean, why?: CutReason): void
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
  complete = false
  readonly #host: ExchangeHost
  #responded = false
  #untilClose = false
  #failure: ClientGone | undefined = undefined
  #stream: BodyStream | undefined = undefined
  #finished: PromiseWithResolvers<void> | undefined = undefined
  #listeners: (() => void)[] | undefined = undefined
  #endListener: EndListener | undefined = undefined
  /** The response as it goes on the wire, while it waits for its turn. */
  #rendered: Buffer | undefined = undefined
  /** Its body, where that is not rendered with the head. */
  #body: { readonly bytes: Uint8Array; readonly loan: Loan | undefined } | undefined = undefined
  #sent = false

  constructor(host: ExchangeHost, head: RequestHead, body: RequestBody) {
    this.#host = host
    this.head = head
    this.body = body
  }

  get peer(): Exchange['peer'] {
    return this.#host.peer
  }

  onGone(listener: () => void): () => void {
    if (this.complete) return () => undefined
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

  respond(head: ResponseHead, body?: Uint8Array | StoredBody, loan?: Loan): void {
    if (this.gone || this.#responded) {
      loan?.release()
      assert(this.gone, 'an exchange has one response')
      return
    }
    if (isBodyless(this.head.method, head.status)) {
      this.#respondWith(this.#begin(head, false), undefined, loan)
      return
    }
    const length = body?.length ?? 0
    const announced = head.length ?? length
    if (announced !== length) {
      loan?.release()
      throw new Error(`Cannot respond with a body of ${length} bytes: the head announces ${announced}`)
    }
    const parts = this.#begin(head.length === undefined ? { ...head, length } : head, false)
    this.bodyBytesSent = length
    this.#respondWith(parts, body, loan)
  }

  #respondWith(head: HeadParts, body: Uint8Array | StoredBody | undefined, loan: Loan | undefined): void {
    if (body === undefined || body.length <= SMALL_BODY_BYTES) {
      this.#render(head, body)
      loan?.release()
    } else {
      this.#body = { bytes: body instanceof Uint8Array ? body : body.bytes(), loan }
      this.#render(head, undefined)
    }
  }

  #render(head: HeadParts, body: Uint8Array | StoredBody | undefined): void {
    this.#rendered = this.#host.outbox.render(head, body)
    this.#host.turn.addResponse(this)
  }

  /** Calls the handler, unless the client has gone meanwhile. */
  handle(): void {
    if (!this.gone) this.#host.handle(this)
  }

  /** Writes the response that was rendered. */
  writeRendered(): void {
    const rendered = this.#rendered
    const body = this.#body
    this.#rendered = undefined
    this.#body = undefined
    if (rendered === undefined || this.gone) body?.loan?.release()
    else if (body === undefined) this.#sent = this.#host.outbox.send(rendered, this)
    else this.#sent = this.#host.outbox.sendWith(rendered, body.bytes, { loan: body.loan, done: this })
  }

  completeRendered(): void {
    if (this.#sent) this.written()
  }

  whenEnded(listener: EndListener): void {
    if (this.complete || this.gone) listener.ended(this, this.#failure)
    else this.#endListener = listener
  }

  stream(head: ResponseHead): ResponseStream {
    if (this.#failure !== undefined) return new GoneStream(this.#failure)
    const bodyless = isBodyless(this.head.method, head.status)
    const chunked = !bodyless && head.length === undefined && this.head.minorVersion === 1
    this.#untilClose = !bodyless && head.length === undefined && !chunked
    this.#host.outbox.hold(this.#begin(head, chunked))
    this.#stream = new BodyStream(this, this.#host, { length: bodyless ? 0 : head.length, chunked, bodyless })
    return this.#stream
  }

  finished(): Promise<void> {
    if (this.complete) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#finished === undefined) {
      this.#finished = Promise.withResolvers()
      // Whoever asked and then looked away must not take the process down.
      this.#finished.promise.catch(() => undefined)
    }
    return this.#finished.promise
  }

  cut(reason: string, why?: CutReason): void {
    if (this.#rendered !== undefined) this.#host.turn.writeAll()
    if (!this.complete && !this.gone) this.#host.cut(reason, this.#untilClose && this.started, why)
  }

  /** The connection is lost; called by it at most once, never after the response is complete. */
  lost(reason: string, why?: CutReason): void {
    if (this.gone || this.complete) return
    this.gone = true
    const failure = new ClientGone(reason, { why })
    this.#failure = failure
    this.#stream?.lost(failure)
    this.#finished?.reject(failure)
    this.#endListener?.ended(this, failure)
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
    if (this.gone || this.complete) return
    this.complete = true
    this.#listeners = undefined
    this.#finished?.resolve()
    this.#stream?.completed()
    this.#endListener?.ended(this)
    this.#host.responseComplete()
  }

  /** The kernel took some of what was written. */
  progressed(): void {
    this.#stream?.progressed()
  }

  #begin(head: ResponseHead, chunked: boolean): HeadParts {
    assert(!this.#responded, 'an exchange has one response')
    assert(head.status >= 200 && head.status <= 599, 'a response has a final status')
    this.#responded = true
    this.started = true
    const { minorVersion } = this.head
    this.closes = this.#untilClose || this.#host.mustClose()
    return {
      start: this.#host.headStarts.of(head.status),
      stored: head.stored,
      end: renderHeadEnd(head, { chunked, close: this.closes, minorVersion }),
    }
  }
}
