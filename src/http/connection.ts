// hot path
import type { Socket } from 'node:net'
import { type BodyDecoder, LengthDecoder } from './body-decoder.ts'
import { ChunkedDecoder } from './chunked-decoder.ts'
import { ClientWatch } from './client-watch.ts'
import type { Engine } from './engine.ts'
import type { CutReason, Exchange } from './exchange.ts'
import { type ExchangeHost, HttpExchange } from './http-exchange.ts'
import { type BodyHost, IncomingBody, NO_BODY } from './incoming-body.ts'
import { NOBODY, Outbox } from './outbox.ts'
import type { RequestParser } from './parser.ts'
import { PipelineBytes } from './pipeline-bytes.ts'
import type { Stall } from './pressure-relief.ts'
import { REFUSALS, type RefusalReason } from './refusal.ts'
import { CONTINUE, renderHeadEnd, type HeadStarts } from './response-head.ts'
import type { Turn } from './turn.ts'

/**
 * One client connection: reads request heads and bodies, runs one exchange at a time in the order of the requests, and ends well.
 *
 *   reading ──► (head, body, handler, response)* ──► lingering ──► closed
 *
 * While lingering the last response is out and our side is closed; input is swallowed so that the client can read the answer
 * before it meets a reset (RFC 9112 section 9.6).
 */
export class Connection implements ExchangeHost, BodyHost {
  readonly outbox: Outbox
  readonly peer: Exchange['peer']
  readonly writeBufferBytes: number
  readonly #socket: Socket
  readonly #engine: Engine
  readonly #watch: ClientWatch
  #phase: 'reading' | 'lingering' | 'closed' = 'reading'
  /** Coarse time of the last change: connected, first byte of a head, response complete, lingering. */
  #sinceMs: number
  #parser: RequestParser | undefined = undefined
  #exchange: HttpExchange | undefined = undefined
  /** The response of #exchange is out; what is left is a small rest of its body. */
  #answered = false
  #decoder: BodyDecoder | undefined = undefined
  #body: IncomingBody | undefined = undefined
  readonly #pipeline: PipelineBytes
  /** Input bytes are overwritten by the next read: what stays is copied. */
  readonly #sharesInput: boolean
  #consuming = false
  #paused = false
  #lingeredBytes = 0

  constructor(socket: Socket, engine: Engine, secure: boolean) {
    this.#socket = socket
    this.#engine = engine
    this.#sinceMs = engine.nowMs
    this.writeBufferBytes = engine.limits.writeBufferBytes
    this.peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, secure }
    this.#pipeline = new PipelineBytes(engine.budget)
    this.outbox = new Outbox(socket, engine, { secure, onProgress: () => this.#exchange?.progressed() })
    this.#watch = new ClientWatch(socket, this.outbox, engine.limits)
    this.#sharesInput = engine.input.listen(socket, (bytes) => this.#input(bytes))
    socket.on('end', () => this.#inputEnded())
    // What went wrong is of no use to anyone: 'close' follows, and that is when a client is gone.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#closed())
    engine.connections.add(this)
  }

  get turn(): Turn {
    return this.#engine.turn
  }

  get headStarts(): HeadStarts {
    return this.#engine.headStarts
  }

  /** True between requests. */
  get idle(): boolean {
    return this.#phase === 'reading' && this.#exchange === undefined && this.#parser?.begun !== true
  }

  /** Ends an idle connection; one that serves a request ends after it, because the engine is draining. */
  drain(): void {
    if (this.idle) this.#linger()
  }

  destroy(reason: string): void {
    this.cut(reason, false)
    this.#socket.destroy()
  }

  cut(reason: string, reset: boolean, why?: CutReason): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    // A body that ends with the connection must not look complete; TLS tells a cut from an end by itself.
    if (reset && !this.peer.secure) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
    this.#dropExchange(reason, why)
  }

  listenerFailed(error: unknown): void {
    this.#engine.handlerFailed(error)
  }

  mustClose(): boolean {
    const framingCloses = this.#exchange === undefined || this.#exchange.closes
    return framingCloses || this.#engine.draining || this.#bodyRestIsLong()
  }

  responseComplete(): void {
    const exchange = this.#exchange
    if (exchange === undefined || this.#phase !== 'reading') return
    this.#answered = true
    this.#sinceMs = this.#engine.nowMs
    if (exchange.closes || this.#engine.draining || this.#bodyRestIsLong()) this.#linger()
    else if (this.#decoder === undefined) this.#settle()
    else {
      this.#body?.discard(new Error('Cannot read a request body: the response is complete'))
      this.#resume()
    }
  }

  sendContinue(): void {
    if (this.#phase === 'reading' && this.#exchange?.started === false) this.#socket.write(CONTINUE)
  }

  bodyRead(): void {
    if (this.#paused && (this.#body?.bufferedBytes ?? 0) <= this.#engine.bodyBufferBytes / 2) this.#resumeIfRoom()
  }

  /** Looks at the deadlines; called about twice a second. */
  sweep(nowMs: number): void {
    const { limits } = this.#engine
    const waitedMs = nowMs - this.#sinceMs
    if (this.#phase === 'lingering') {
      if (waitedMs >= limits.lingerTimeoutMs) this.destroy('client did not close')
    } else if (this.#phase === 'reading') {
      if (this.#exchange !== undefined) this.#sweepExchange(nowMs, this.#exchange)
      else if (this.#parser === undefined) {
        if (waitedMs >= limits.idleTimeoutMs) this.#linger()
      } else if (waitedMs >= limits.headTimeoutMs) {
        if (this.#parser.begun) this.#refuse('head-timeout')
        else this.#linger()
      }
    }
  }

  #sweepExchange(nowMs: number, exchange: HttpExchange): void {
    const { limits } = this.#engine
    if (this.#answered) {
      if (nowMs - this.#sinceMs >= limits.headTimeoutMs) this.#linger()
      return
    }
    const body = this.#decoder === undefined || this.#paused || this.#body?.awaitsContinue === true ? undefined : this.#body
    const verdict = this.#watch.judge(nowMs, body?.receivedBytes)
    if (this.#watch.isSlow(nowMs)) this.outbox.copyLoans()
    if (verdict === 'slow-request-body') this.#refuseBody(verdict)
    else if (verdict === 'gone') exchange.cut('client closed the connection')
    else if (verdict === 'slow-reader') this.cutReader(verdict)
  }

  /** How it stands with a client that holds memory which others could use; undefined where it holds none. */
  stalled(): Stall | undefined {
    if (this.#exchange === undefined || this.#answered || this.outbox.unsentBytes === 0) return undefined
    return { connection: this, holdsLoans: this.outbox.holdsLoans, ...this.#watch.stall(this.#engine.nowMs) }
  }

  cutReader(why: CutReason): void {
    this.#engine.refused(why)
    this.#exchange?.cut(REFUSALS[why].text, why)
  }

  #input(bytes: Buffer): void {
    if (this.#phase === 'lingering') {
      this.#lingeredBytes += bytes.length
      if (this.#lingeredBytes > this.#engine.limits.lingerBytes) this.destroy('client sends on after the last response')
      return
    }
    if (this.#phase === 'closed') return
    const at = this.#consuming || this.#pipeline.bytes > 0 ? 0 : this.#consume(bytes)
    if (at === bytes.length || this.#phase !== 'reading') return
    const rest = at === 0 ? bytes : bytes.subarray(at)
    this.#pipeline.push(this.#sharesInput ? Buffer.from(rest) : rest)
    if (this.#pipeline.isFull(this.#engine.limits.pipelineBytes)) this.#pause()
  }

  /** Reads as many requests as can be served now; gives the position of the first byte that has to wait. */
  #consume(bytes: Buffer): number {
    this.#consuming = true
    let at = 0
    while (at < bytes.length && this.#phase === 'reading') {
      if (this.#decoder !== undefined) at = this.#feedBody(bytes, at, this.#decoder)
      else if (this.#exchange === undefined) at = this.#feedHead(bytes, at)
      else break
    }
    this.#consuming = false
    return at
  }

  #feedHead(bytes: Buffer, at: number): number {
    if (this.#parser === undefined) {
      this.#parser = this.#engine.takeParser()
      this.#sinceMs = this.#engine.nowMs
    }
    const parser = this.#parser
    const next = parser.feed(bytes, at)
    if (parser.refusal !== undefined) {
      this.#refuse(parser.refusal)
      return bytes.length
    }
    if (parser.head === undefined) return next
    return this.#begin(parser, bytes, next)
  }

  /** Starts the exchange of a head that is complete; what is here of its body goes first, so that the handler finds it. */
  #begin(parser: RequestParser, bytes: Buffer, at: number): number {
    const { head, framing } = parser
    if (head === undefined) return at
    let next = at
    if (framing.chunked || (framing.contentLength ?? 0) > 0) {
      this.#body = new IncomingBody(this, framing.contentLength, {
        awaitsContinue: framing.expectContinue,
        copies: this.#sharesInput,
        budget: this.#engine.budget,
      })
      this.#decoder = framing.chunked
        ? new ChunkedDecoder(this.#engine.limits, this.#engine.names)
        : new LengthDecoder(framing.contentLength ?? 0)
    }
    const exchange = new HttpExchange(this, head, this.#body ?? NO_BODY)
    exchange.closes = !framing.keepAlive
    this.#engine.returnParser(parser)
    this.#parser = undefined
    this.#exchange = exchange
    this.#answered = false
    this.#engine.requestsInFlight += 1
    this.#engine.requestsTotal += 1
    if (this.#decoder !== undefined && next < bytes.length) next = this.#feedBody(bytes, next, this.#decoder)
    if (exchange.gone) return next
    if (this.#decoder === undefined) this.#engine.turn.addRequest(exchange)
    else this.handle(exchange)
    return next
  }

  handle(exchange: HttpExchange): void {
    try {
      const result = this.#engine.handler(exchange)
      if (result === undefined) return
      result.then(
        () => {
          if (!exchange.started) exchange.cut('the handler ended without a response')
        },
        (error: unknown) => this.#handlerFailed(exchange, error),
      )
    } catch (error) {
      this.#handlerFailed(exchange, error)
    }
  }

  #handlerFailed(exchange: HttpExchange, error: unknown): void {
    this.#engine.handlerFailed(error)
    exchange.cut('the handler failed')
  }

  #feedBody(bytes: Buffer, at: number, decoder: BodyDecoder): number {
    const body = this.#body
    if (body === undefined) return at
    const next = decoder.feed(bytes, at, body)
    if (decoder.refusal !== undefined) {
      this.#refuseBody(decoder.refusal)
      return bytes.length
    }
    if (decoder.complete) {
      this.#decoder = undefined
      body.end(decoder.trailers)
      if (this.#answered) this.#settle()
    } else {
      const discardsTooMuch = !this.#answered && body.discardedBytes > this.#engine.limits.drainBytes
      if (discardsTooMuch || body.bufferedBytes > this.#engine.bodyBufferBytes) this.#pause()
    }
    return next
  }

  /** True where so much of the body is still to come that reading it for nothing costs more than a new connection. */
  #bodyRestIsLong(): boolean {
    if (this.#decoder === undefined) return false
    const { remaining } = this.#decoder
    return remaining === undefined || remaining > this.#engine.limits.drainBytes || this.#body?.awaitsContinue === true
  }

  /** Request and response are both through. */
  #settle(): void {
    this.#leaveExchange()
    this.#sinceMs = this.#engine.nowMs
    if (!this.#consuming) this.#advance()
  }

  /** Serves what came in the meantime. */
  #advance(): void {
    for (let bytes = this.#pipeline.shift(); bytes !== undefined; bytes = this.#pipeline.shift()) {
      const at = this.#consume(bytes)
      if (this.#phase !== 'reading') return
      if (at < bytes.length) {
        this.#pipeline.unshift(bytes.subarray(at))
        break
      }
    }
    this.#resumeIfRoom()
    if (this.#watch.halfClosed && this.#exchange === undefined) this.#linger()
  }

  #inputEnded(): void {
    if (this.#phase !== 'reading') return
    if (this.#exchange === undefined) this.#linger()
    else if (this.#decoder !== undefined) this.cut('client closed in the middle of a request body', false)
    else this.#watch.noteHalfClosed(this.#engine.nowMs)
  }

  /** Refuses what is no request; there is no exchange. */
  #refuse(reason: RefusalReason): void {
    this.#engine.refused(reason)
    this.#sendRefusal(reason)
    this.#linger()
  }

  /** Refuses a request whose body is bad. Where a response has begun, only an end of the connection says the truth. */
  #refuseBody(reason: RefusalReason): void {
    this.#engine.refused(reason)
    const exchange = this.#exchange
    if (exchange?.started === true) {
      exchange.cut(`request body refused: ${reason}`)
      return
    }
    this.#sendRefusal(reason)
    this.#linger(`request body refused: ${reason}`)
  }

  #sendRefusal(reason: RefusalReason): void {
    const answer = this.#engine.renderRefusal(reason)
    if (answer === undefined) return
    const end = renderHeadEnd({ ...answer, length: answer.body.length }, { chunked: false, close: true, minorVersion: 1 })
    const head = { start: this.headStarts.of(answer.status), stored: undefined, end }
    this.outbox.send(this.outbox.render(head, answer.body), NOBODY)
  }

  #linger(reason = 'connection is closing'): void {
    if (this.#phase !== 'reading') return
    this.#phase = 'lingering'
    this.#sinceMs = this.#engine.nowMs
    this.#dropExchange(reason)
    this.#pipeline.clear()
    this.#socket.end()
    this.#resume()
  }

  #closed(): void {
    this.#phase = 'closed'
    this.#dropExchange('client closed the connection')
    this.outbox.releaseAll()
    this.#pipeline.clear()
    this.#engine.closed(this)
  }

  /** Forgets parser and exchange; an exchange that has no complete response learns that its client is gone. */
  #dropExchange(reason: string, why?: CutReason): void {
    if (this.#parser !== undefined) this.#engine.returnParser(this.#parser)
    this.#parser = undefined
    const exchange = this.#exchange
    const body = this.#body
    if (exchange === undefined) return
    this.#leaveExchange()
    body?.fail(reason)
    exchange.lost(reason, why)
  }

  #leaveExchange(): void {
    this.#exchange = undefined
    this.#decoder = undefined
    this.#body?.uncount()
    this.#body = undefined
    this.#watch.reset()
    this.outbox.keepLoans()
    this.#engine.requestsInFlight -= 1
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#socket.pause()
  }

  #resumeIfRoom(): void {
    if (!this.#pipeline.isFull(this.#engine.limits.pipelineBytes)) this.#resume()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }
}
