import { readFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { getCACertificates } from 'node:tls'
import type { Dispatcher } from 'undici'
import { ExpectingDispatcher } from './expecting-dispatcher.ts'
import { Pool } from './undici-pool.ts'

/** How connections to an origin are made and kept. */
export interface UpstreamOptions {
  readonly connectTimeoutMs: number
  readonly headTimeoutMs: number
  readonly bodyTimeoutMs: number
  /** Per host. */
  readonly connections: number
  /** PEM file with certificate authorities to trust besides the system's. */
  readonly ca: string | undefined
  /** Resolves host names; the system's resolver where absent. */
  readonly lookup?: LookupFunction | undefined
}

/** What carries requests to one host. */
export interface Upstream {
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): unknown
}

/** Idle connections are kept this long unless the origin says otherwise; S3 services close theirs after 20 to 120 s. */
const KEEP_ALIVE_MS = 60_000
const KEEP_ALIVE_MAX_MS = 10 * 60_000
/** An origin's `Keep-Alive: timeout` is taken to end this much earlier, so that its close and our request do not cross. */
const KEEP_ALIVE_MARGIN_MS = 1_000
const RESPONSE_HEAD_BYTES_MAX = 64 * 1024
/** Virtual-host style has one pool per bucket; the one used longest ago goes. */
const POOLS_MAX = 256

/** One pool of keep-alive connections per host. HTTP/1.1 only, one request at a time on each connection. */
export class UpstreamPools {
  readonly #options: UpstreamOptions
  readonly #ca: string[] | undefined
  readonly #pools = new Map<string, Pool>()
  readonly #expecting: ExpectingDispatcher

  /** Throws where the CA file cannot be read. */
  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#ca = options.ca === undefined ? undefined : [...getCACertificates('default'), readFileSync(options.ca, 'utf8')]
    this.#expecting = new ExpectingDispatcher({ ...options, authorities: this.#ca })
  }

  /** The pool for a `scheme://host:port`. */
  of(base: string): Pool {
    const known = this.#pools.get(base)
    const pool = known ?? this.#create(base)
    // The map's order is the order of use, where there is more than one.
    if (known === undefined || this.#pools.size > 1) {
      this.#pools.delete(base)
      this.#pools.set(base, pool)
    }
    if (this.#pools.size > POOLS_MAX) this.#retireOldest()
    return pool
  }

  /** The same for requests with a body that the origin is asked about first. */
  expecting(base: string): Upstream {
    return { dispatch: (request, handler) => this.#expecting.dispatch(base, request, handler) }
  }

  /** Ends every connection, requests in flight included. */
  async close(): Promise<void> {
    this.#expecting.close()
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  #create(base: string): Pool {
    const { connectTimeoutMs, headTimeoutMs, bodyTimeoutMs, connections, lookup } = this.#options
    return new Pool(base, {
      connections,
      pipelining: 1,
      allowH2: false,
      headersTimeout: headTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
      connect: {
        timeout: connectTimeoutMs,
        ...(this.#ca === undefined ? {} : { ca: this.#ca }),
        ...(lookup === undefined ? {} : { lookup }),
      },
    })
  }

  #retireOldest(): void {
    const [oldest] = this.#pools
    if (oldest === undefined) return
    this.#pools.delete(oldest[0])
    // Ends once its last request has; a failure of that request is told to whoever made it.
    oldest[1].close().catch(() => undefined)
  }
}
