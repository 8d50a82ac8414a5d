import net from 'node:net'
import type tls from 'node:tls'
import { type Clock, systemClock } from '../base/clock.ts'
import { MemoryBudget } from '../base/memory-budget.ts'
import { Connection } from './connection.ts'
import { ConnectionSlots } from './connection-slots.ts'
import { Engine, type RenderError } from './engine.ts'
import type { ExchangeHandler } from './exchange.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from './limits.ts'
import type { RefusalReason } from './refusal.ts'
import { readTlsIdentity, type TlsFiles, tlsFilesStamp } from './tls-identity.ts'

/** How often deadlines are looked at. */
const SWEEP_INTERVAL_MS = 500
/** How often the certificate files are looked at. */
const TLS_POLL_INTERVAL_MS = 10_000
/** Connections that the kernel holds until we take them. */
const BACKLOG = 2048

/** Memory for bytes on their way, where the caller gives no budget. */
const BUDGET_BYTES = 256 * 1024 * 1024

export interface HttpServerOptions {
  readonly tls?: TlsFiles | undefined
  readonly limits?: Partial<HttpLimits> | undefined
  /** SO_REUSEPORT: several threads listen on the same port and the kernel shares connections out. */
  readonly reusePort?: boolean | undefined
  /** Connections of several servers count against one limit; absent: `limits.connections` of this one's own. */
  readonly slots?: ConnectionSlots | undefined
  /** What is held of requests and responses counts against it. */
  readonly budget?: MemoryBudget | undefined
  /** Whoever lends response bytes is short of memory: clients that have some and take nothing are to be cut. Asked at every sweep. */
  readonly loansAreShort?: (() => boolean) | undefined
  readonly clock?: Clock | undefined
  /** Body and field lines of the engine's own error answers; `text` is a sentence for people. */
  readonly renderError?: RenderError | undefined
  /** Called for every request and connection that the engine refuses by itself. */
  readonly onRefused?: ((reason: RefusalReason) => void) | undefined
  /** Called with what a handler (the connection is cut), a listener of `onGone` or `renderError` threw. */
  readonly onHandlerError?: ((error: unknown) => void) | undefined
  /** Called after each reload of the certificate; with the error where the old one stays in use. */
  readonly onTlsReload?: ((error: Error | undefined) => void) | undefined
}

/** Gauges and counters since the start. */
export interface HttpServerStats {
  readonly connections: number
  readonly connectionsIdle: number
  readonly connectionsTotal: number
  readonly requestsInFlight: number
  readonly requestsTotal: number
  readonly refusalsTotal: number
}

/** An HTTP/1.1 server on one port, plain or over TLS. */
export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #engine: Engine
  readonly #limits: HttpLimits
  readonly #slots: ConnectionSlots
  /** Accepted TCP connections; over TLS also those that are still shaking hands. */
  readonly #sockets = new Set<net.Socket>()
  #server: net.Server | undefined = undefined
  #tlsServer: tls.Server | undefined = undefined
  #tlsStamp = ''
  #tlsPolledMs: number
  #sweepTimer: NodeJS.Timeout | undefined = undefined
  #connectionsTotal = 0
  #whenEmpty: (() => void) | undefined = undefined

  constructor(options: HttpServerOptions, handler: ExchangeHandler) {
    this.#options = options
    this.#limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits }
    this.#slots = options.slots ?? new ConnectionSlots(ConnectionSlots.allocate(), this.#limits.connections)
    this.#engine = new Engine({
      limits: this.#limits,
      handler,
      clock: options.clock ?? systemClock,
      budget: options.budget ?? new MemoryBudget(BUDGET_BYTES),
      loansAreShort: options.loansAreShort ?? (() => false),
      renderError: options.renderError,
      onRefused: options.onRefused,
      onHandlerError: options.onHandlerError,
    })
    this.#tlsPolledMs = this.#engine.nowMs
  }

  /** Resolves with the address when connections are accepted (port 0: any free one); rejects where port or certificate cannot be used. */
  async listen(at: { readonly host: string; readonly port: number }): Promise<{ host: string; port: number }> {
    const { host, port } = at
    const { reusePort } = this.#options
    const server = await this.#createServer()
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: BACKLOG, reusePort: reusePort === true }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // Errors of accept (out of descriptors) end one connection, not the server.
    server.on('error', () => undefined)
    this.#sweepTimer = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref()
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error(`Cannot listen on "${host}:${port}": no address given`)
    return { host: address.address, port: address.port }
  }

  /**
   * Stops accepting, closes idle connections, lets requests in flight finish, and after `timeoutMs` cuts what is left. Resolves when no
   * connection is open.
   */
  async drain(timeoutMs: number): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#engine.draining = true
    if (server.listening) server.close()
    for (const connection of this.#engine.connections) connection.drain()
    const empty = this.#emptied()
    const deadline = setTimeout(() => this.#destroyAll(), timeoutMs)
    await empty
    clearTimeout(deadline)
    clearInterval(this.#sweepTimer)
  }

  stats(): HttpServerStats {
    const { connections, requestsInFlight, requestsTotal, refusalsTotal } = this.#engine
    let connectionsIdle = 0
    for (const connection of connections) if (connection.idle) connectionsIdle += 1
    const connectionsTotal = this.#connectionsTotal
    return { connections: connections.size, connectionsIdle, connectionsTotal, requestsInFlight, requestsTotal, refusalsTotal }
  }

  /** Looks at all deadlines now. The server does it by itself twice a second; tests do it after they moved the clock. */
  sweep(): void {
    this.#engine.sweep()
    if (this.#tlsServer === undefined || this.#engine.nowMs - this.#tlsPolledMs < TLS_POLL_INTERVAL_MS) return
    this.#tlsPolledMs = this.#engine.nowMs
    void this.#pollTls()
  }

  /** Lent memory is short now: looks for clients that hold some and take nothing. */
  relieve(): void {
    this.#engine.relief.relieveSoon()
  }

  /** Reads the certificate files again and uses them for new connections; the old ones stay in use where the new are no good. */
  async reloadTls(): Promise<void> {
    const files = this.#options.tls
    if (files === undefined || this.#tlsServer === undefined) return
    try {
      this.#tlsServer.setSecureContext({ ...(await readTlsIdentity(files)), ...TLS_CONTEXT })
      this.#options.onTlsReload?.(undefined)
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      this.#options.onTlsReload?.(failure)
      throw failure
    }
  }

  async #createServer(): Promise<net.Server> {
    const secure = await this.#createTls()
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
    return net.createServer(options, (socket) => {
      if (!this.#slots.take()) {
        socket.destroy()
        this.#engine.refused('connection-limit')
        return
      }
      this.#track(socket)
      if (secure === undefined) this.#accept(socket, false)
      else secure.emit('connection', socket)
    })
  }

  /** What shakes hands on accepted connections; it does not listen itself. */
  async #createTls(): Promise<tls.Server | undefined> {
    const files = this.#options.tls
    if (files === undefined) return undefined
    // Before the files are read, so that a change in between is seen later; a file that is missing is told by the reading.
    this.#tlsStamp = await tlsFilesStamp(files).catch(() => '')
    const identity = await readTlsIdentity(files)
    const handshakeTimeout = this.#limits.headTimeoutMs
    const { createServer } = await import('node:tls')
    const server = createServer({ ...identity, ...TLS_CONTEXT, ALPNProtocols: ['http/1.1'], handshakeTimeout })
    server.on('secureConnection', (socket) => this.#accept(socket, true))
    server.on('tlsClientError', () => this.#engine.refused('tls-handshake'))
    this.#tlsServer = server
    return server
  }

  #track(socket: net.Socket): void {
    this.#sockets.add(socket)
    this.#connectionsTotal += 1
    socket.once('close', () => {
      this.#slots.give()
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#whenEmpty?.()
    })
  }

  #accept(socket: net.Socket, secure: boolean): void {
    const connection = new Connection(socket, this.#engine, secure)
    if (this.#engine.draining) connection.drain()
  }

  #emptied(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#whenEmpty
      this.#whenEmpty = () => {
        before?.()
        resolve()
      }
    })
  }

  #destroyAll(): void {
    for (const connection of this.#engine.connections) connection.destroy('server is shutting down')
    for (const socket of this.#sockets) socket.destroy()
  }

  async #pollTls(): Promise<void> {
    const files = this.#options.tls
    if (files === undefined) return
    try {
      const stamp = await tlsFilesStamp(files)
      if (stamp === this.#tlsStamp) return
      this.#tlsStamp = stamp
      await this.reloadTls()
    } catch {
      // Files in the middle of being replaced; told through onTlsReload where they could be read, and looked at again.
    }
  }
}

const TLS_CONTEXT = { minVersion: 'TLSv1.2' } as const
