// hot path
import { ClientGone, type Loan, type ResponseStream } from './exchange.ts'
import type { ExchangeHost, HttpExchange } from './http-exchange.ts'

/** The body of a response while it is written. */
export class BodyStream implements ResponseStream {
  readonly #exchange: HttpExchange
  readonly #host: ExchangeHost
  /** Announced bytes; undefined: chunked, or until close. */
  readonly #length: number | undefined
  readonly #chunked: boolean
  /** HEAD, 204, 304: whatever is written is dropped. */
  readonly #bodyless: boolean
  #failure: ClientGone | undefined = undefined
  #writable: PromiseWithResolvers<void> | undefined = undefined
  #ended: PromiseWithResolvers<void> | undefined = undefined

  constructor(
    exchange: HttpExchange,
    host: ExchangeHost,
    body: { readonly length: number | undefined; readonly chunked: boolean; readonly bodyless: boolean },
  ) {
    this.#exchange = exchange
    this.#host = host
    this.#length = body.length
    this.#chunked = body.chunked
    this.#bodyless = body.bodyless
  }

  write(bytes: Uint8Array, loan?: Loan): Promise<void> | undefined {
    if (this.#failure !== undefined || this.#ended !== undefined) {
      loan?.release()
      return rejection(this.#failure ?? new Error('Cannot write to a response: it has ended'))
    }
    if (this.#bodyless || bytes.length === 0) {
      loan?.release()
      return undefined
    }
    const exchange = this.#exchange
    if (this.#length !== undefined && exchange.bodyBytesSent + bytes.length > this.#length) {
      loan?.release()
      exchange.cut(`response body is longer than the ${this.#length} bytes that were announced`)
      return rejection(this.#failure ?? new ClientGone('cut'))
    }
    const first = exchange.bodyBytesSent === 0
    exchange.bodyBytesSent += bytes.length
    const { outbox } = this.#host
    const pending = { loan, done: undefined }
    if (this.#chunked) outbox.writeFramed(`${first ? '' : '\r\n'}${bytes.length.toString(16)}\r\n`, bytes, pending)
    else outbox.write(bytes, pending)
    return outbox.unsentBytes > this.#host.writeBufferBytes ? this.#whenWritable() : undefined
  }

  end(): Promise<void> {
    if (this.#failure !== undefined) return rejection(this.#failure)
    if (this.#ended !== undefined) return this.#ended.promise
    const exchange = this.#exchange
    if (this.#length !== undefined && exchange.bodyBytesSent < this.#length && !this.#bodyless) {
      exchange.cut(`response body ended after ${exchange.bodyBytesSent} of ${this.#length} bytes`)
      return rejection(this.#failure ?? new ClientGone('cut'))
    }
    this.#ended = deferred()
    const { promise } = this.#ended
    const { outbox } = this.#host
    if (this.#chunked) outbox.write(exchange.bodyBytesSent === 0 ? LAST_CHUNK : LAST_CHUNK_AFTER_DATA, { loan: undefined, done: exchange })
    else {
      outbox.uncork()
      outbox.whenEmpty(exchange)
    }
    return promise
  }

  progressed(): void {
    if (this.#writable === undefined || this.#host.outbox.unsentBytes > this.#host.writeBufferBytes) return
    this.#writable.resolve()
    this.#writable = undefined
  }

  completed(): void {
    this.#ended?.resolve()
  }

  lost(failure: ClientGone): void {
    this.#failure = failure
    this.#writable?.reject(failure)
    this.#ended?.reject(failure)
  }

  #whenWritable(): Promise<void> {
    this.#writable ??= deferred()
    return this.#writable.promise
  }
}

/** A response to a client that has left before it began. */
export class GoneStream implements ResponseStream {
  readonly #failure: ClientGone

  constructor(failure: ClientGone) {
    this.#failure = failure
  }

  write(_bytes: Uint8Array, loan?: Loan): Promise<void> {
    loan?.release()
    return rejection(this.#failure)
  }

  end(): Promise<void> {
    return rejection(this.#failure)
  }
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1')
const LAST_CHUNK_AFTER_DATA = Buffer.from('\r\n0\r\n\r\n', 'latin1')

/** A promise whose rejection nobody has to see: writers may stop listening once they know that the client is gone. */
function deferred(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>()
  made.promise.catch(() => undefined)
  return made
}

function rejection(failure: Error): Promise<never> {
  const rejected = Promise.reject(failure)
  rejected.catch(() => undefined)
  return rejected
}
