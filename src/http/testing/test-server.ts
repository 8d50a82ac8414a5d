import type { TestContext } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import type { ExchangeHandler } from '../exchange.ts'
import type { RefusalReason } from '../refusal.ts'
import { HttpServer, type HttpServerOptions } from '../server.ts'
import { RawClient } from './raw-client.ts'

/** A server on a free port with a clock that the test moves; stopped, with all its clients, when the test ends. */
export interface TestServer {
  readonly server: HttpServer
  readonly port: number
  readonly clock: ManualClock
  readonly refused: RefusalReason[]
  readonly errors: unknown[]
  readonly connect: (options?: { readonly allowHalfOpen?: boolean }) => Promise<RawClient>
  /** Moves the clock and lets the server look at its deadlines. */
  readonly advance: (deltaMs: number) => void
}

export async function startServer(
  context: TestContext,
  handler: ExchangeHandler,
  options: Partial<HttpServerOptions> = {},
): Promise<TestServer> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const refused: RefusalReason[] = []
  const errors: unknown[] = []
  const server = new HttpServer(
    {
      clock,
      onRefused: (reason) => refused.push(reason),
      onHandlerError: (error) => errors.push(error),
      ...options,
    },
    handler,
  )
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const clients: RawClient[] = []
  context.after(async () => {
    for (const client of clients) client.destroy()
    await server.drain(0)
  })
  return {
    server,
    port,
    clock,
    refused,
    errors,
    connect: async (options) => {
      const client = await RawClient.connect(port, options)
      clients.push(client)
      return client
    },
    advance: (deltaMs) => {
      clock.advance(deltaMs)
      server.sweep()
    },
  }
}
