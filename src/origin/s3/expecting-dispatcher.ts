import http from 'node:http'
import https from 'node:https'
import type { Dispatcher } from 'undici'
import type { UpstreamOptions } from './upstream-pools.ts'

/** How long an origin may take to ask for a body; then it is sent unasked (RFC 9110 section 10.1.1). Clients wait that long, too. */
const CONTINUE_TIMEOUT_MS = 1_000
const IDLE_SOCKETS_MAX = 64
/** Shorter than services keep theirs: a request must not meet their close. */
const IDLE_TIMEOUT_MS = 15_000

/**
 * Sends requests with `Expect: 100-continue`, which undici refuses to send: the body is read only once the origin wants it, so an upload
 * that the origin refuses costs its client nothing. Speaks to the handlers that undici has.
 */
export class ExpectingDispatcher {
  readonly #options: UpstreamOptions & { readonly authorities: string[] | undefined }
  readonly #plain: http.Agent
  readonly #secure: https.Agent

  constructor(options: UpstreamOptions & { readonly authorities: string[] | undefined }) {
    this.#options = options
    const agent = { keepAlive: true, maxSockets: options.connections, maxFreeSockets: IDLE_SOCKETS_MAX, timeout: IDLE_TIMEOUT_MS }
    this.#plain = new http.Agent(agent)
    this.#secure = new https.Agent(agent)
  }

  /** `base`: scheme, host and port of the origin. The request's fields are names and values in turn, its body is an async iterable. */
  dispatch(base: string, request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const { protocol, hostname, port } = new URL(base)
    const { authorities, lookup } = this.#options
    const secure = protocol === 'https:'
    const options = {
      agent: secure ? this.#secure : this.#plain,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      method: request.method,
      path: request.path,
      headers: [...framed(request.headers as string[]), 'expect', '100-continue'],
      ...servernameOf(request),
      ...(authorities === undefined ? {} : { ca: authorities }),
      ...(lookup === undefined ? {} : { lookup }),
    }
    const send = (): http.ClientRequest => (secure ? https : http).request(options)
    new ExpectingExchange(send, { body: request.body as AsyncIterable<Uint8Array>, handler, options: this.#options }).begin()
  }

  /** Ends every connection. */
  close(): void {
    this.#plain.destroy()
    this.#secure.destroy()
  }
}

/** One request on its connection. */
class ExpectingExchange {
  readonly #send: () => http.ClientRequest
  #sent: http.ClientRequest
  readonly #body: AsyncIterable<Uint8Array>
  readonly #handler: Dispatcher.DispatchHandler
  readonly #options: UpstreamOptions
  #response: http.IncomingMessage | undefined
  #continueTimer: NodeJS.Timeout | undefined
  #connectTimer: NodeJS.Timeout | undefined
  #bodyBegun = false
  #sentAgain = false
  #over = false

  constructor(
    send: () => http.ClientRequest,
    parts: { readonly body: AsyncIterable<Uint8Array>; readonly handler: Dispatcher.DispatchHandler; readonly options: UpstreamOptions },
  ) {
    this.#send = send
    this.#sent = send()
    this.#body = parts.body
    this.#handler = parts.handler
    this.#options = parts.options
  }

  begin(): void {
    const sent = this.#sent
    sent.on('error', (error) => this.#lost(sent, error))
    sent.once('close', () => this.#lost(sent, withCode('The connection ended without an answer', 'UND_ERR_SOCKET')))
    sent.once('continue', () => this.#sendBody())
    sent.once('response', (response) => this.#receive(response))
    sent.once('socket', (socket) => {
      if (!socket.connecting) {
        this.#connected()
        return
      }
      this.#connectTimer = setTimeout(
        () => sent.destroy(withCode('Connect timeout', 'UND_ERR_CONNECT_TIMEOUT')),
        this.#options.connectTimeoutMs,
      )
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => this.#connected())
    })
    sent.flushHeaders()
  }

  #connected(): void {
    clearTimeout(this.#connectTimer)
    if (this.#over) return
    try {
      this.#handler.onRequestStart?.(this.#controller(), undefined)
    } catch (error) {
      this.#over = true
      this.#sent.destroy(error instanceof Error ? error : undefined)
      return
    }
    // Idle time: while the body is sent its client's minimum rate keeps it moving.
    this.#sent.setTimeout(this.#options.headTimeoutMs, () => this.#sent.destroy(withCode('Headers timeout', 'UND_ERR_HEADERS_TIMEOUT')))
    this.#continueTimer = setTimeout(() => this.#sendBody(), CONTINUE_TIMEOUT_MS)
  }

  #sendBody(): void {
    clearTimeout(this.#continueTimer)
    if (this.#bodyBegun || this.#over || this.#response !== undefined) return
    this.#bodyBegun = true
    this.#pump().catch((error: unknown) => this.#sent.destroy(error instanceof Error ? error : new Error(String(error))))
  }

  async #pump(): Promise<void> {
    for await (const chunk of this.#body) {
      if (this.#sent.destroyed || this.#response !== undefined) return
      if (!this.#sent.write(chunk)) await drained(this.#sent)
    }
    this.#sent.end()
  }

  #receive(response: http.IncomingMessage): void {
    clearTimeout(this.#continueTimer)
    this.#response = response
    this.#setBodyTimeout()
    const rawHeaders = response.rawHeaders.map((text) => Buffer.from(text, 'latin1'))
    const controller = { ...this.#controller(), rawHeaders }
    this.#handler.onResponseStart?.(controller, response.statusCode ?? 0, response.headers, response.statusMessage)
    response.on('data', (chunk: Buffer) => this.#handler.onResponseData?.(controller, chunk))
    response.on('error', (error) => this.#fail(error))
    response.once('end', () => this.#end(response))
  }

  #end(response: http.IncomingMessage): void {
    if (this.#over) return
    if (!response.complete) {
      this.#fail(withCode('The connection ended within the answer', 'UND_ERR_SOCKET'))
      return
    }
    this.#over = true
    // What of the body was not sent would be read as the next request.
    if (!this.#sent.writableFinished) this.#sent.destroy()
    this.#handler.onResponseEnd?.(this.#controller(), {})
  }

  /**
   * A kept connection that the origin closed at this moment: as long as nothing of the body was read, the request can be sent again, and
   * without its body the origin has done nothing.
   */
  #lost(sent: http.ClientRequest, error: Error): void {
    if (sent !== this.#sent) return
    const isLate = sent.reusedSocket && !this.#bodyBegun && this.#response === undefined && !this.#over && !this.#sentAgain
    if (!isLate || !LATE.has(codeOf(error))) {
      this.#fail(error)
      return
    }
    clearTimeout(this.#continueTimer)
    this.#sentAgain = true
    this.#sent = this.#send()
    this.begin()
  }

  #fail(error: Error): void {
    clearTimeout(this.#continueTimer)
    clearTimeout(this.#connectTimer)
    if (this.#over) return
    this.#over = true
    this.#handler.onResponseError?.(this.#controller(), error)
  }

  #setBodyTimeout(): void {
    this.#sent.setTimeout(this.#options.bodyTimeoutMs, () => this.#sent.destroy(withCode('Body timeout', 'UND_ERR_BODY_TIMEOUT')))
  }

  #controller(): Dispatcher.DispatchController {
    return {
      aborted: false,
      paused: false,
      reason: null,
      rawHeaders: [],
      rawTrailers: [],
      abort: (reason) => void this.#sent.destroy(reason),
      pause: () => {
        this.#sent.setTimeout(0)
        this.#response?.pause()
      },
      resume: () => {
        this.#setBodyTimeout()
        this.#response?.resume()
      },
    }
  }
}

/** Left to itself, Node sends the body of a DELETE without a length as it is, and the origin would read it as the next request. */
function framed(headers: readonly string[]): readonly string[] {
  return headers.some((text, i) => i % 2 === 0 && text === 'content-length') ? headers : [...headers, 'transfer-encoding', 'chunked']
}

/** undici's types do not know it in a request. */
function servernameOf(request: object): { servername?: string } {
  return 'servername' in request && typeof request.servername === 'string' ? { servername: request.servername } : {}
}

/** What a connection that is closed under a request ends with. */
const LATE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}

async function drained(sent: http.ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => {
    sent.off('drain', done).off('close', done)
    resolve()
  }
  sent.on('drain', done).on('close', done)
  return promise
}
