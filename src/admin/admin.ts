import { createServer, type Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { formatHostPort, isLoopback } from '../config/option-text.ts'
import { createAdminApp } from './admin-app.ts'
import type { AdminOptions } from './admin-options.ts'

/** A running admin listener. */
export interface AdminServer {
  readonly host: string
  /** The real port, where 0 was asked for. */
  readonly port: number
  /** Stops listening; answers under way get CLOSE_GRACE_MS. */
  close(): Promise<void>
}

const CLOSE_GRACE_MS = 500

/** Scrapers, probes and a person; more is a mistake or an attack. */
const CONNECTIONS_MAX = 64

const HEAD_TIMEOUT_MS = 5000
const HEAD_BYTES_MAX = 16 * 1024

/** Starts the admin listener. Rejects where the address cannot be bound, and where it is not loopback and there is no token. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const address = formatHostPort(options)
  if (options.token === '') throw new Error('Cannot use an empty admin token: wanted a long random text')
  if (options.token === undefined && !isLoopback(options.host)) {
    throw new Error(`Cannot start the admin listener on "${address}": wanted a loopback address, or a token with any other`)
  }
  const app = createAdminApp(options)
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    // The library would replace the process's global Request and Response otherwise.
    overrideGlobalObjects: false,
    serverOptions: { headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: HEAD_TIMEOUT_MS, maxHeaderSize: HEAD_BYTES_MAX },
  }) as Server
  server.maxConnections = CONNECTIONS_MAX
  await listen(server, options)
  const bound = server.address()
  return {
    host: options.host,
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    close: () => close(server),
  }
}

async function listen(server: Server, options: AdminOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error) => {
    const address = formatHostPort(options)
    reject(new Error(`Cannot start the admin listener on "${address}": ${error.message}`, { cause: error }))
  })
  server.listen({ host: options.host, port: options.port }, resolve)
  await promise
}

async function close(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
  await closed.promise
  clearTimeout(timer)
}
