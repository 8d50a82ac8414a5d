import type { Clock } from './base/clock.ts'
import { Cache } from './cache/cache.ts'
import type { Config, HostPort, LinkConfig } from './config/config.ts'
import { createGateway } from './gateway/create-gateway.ts'
import { renderEngineError } from './gateway/failure.ts'
import { createHandler } from './gateway/handle.ts'
import type { RefusalReason } from './http/refusal.ts'
import { HttpServer } from './http/server.ts'
import { createOrigin } from './origin/create-origin.ts'
import type { Origin, OriginRequest } from './origin/origin.ts'
import { SlowOrigin } from './origin/slow-origin.ts'
import { observeSend } from './signals/observe-origin.ts'
import type { RequestRecord } from './signals/record.ts'
import type { RegistryWriter } from './signals/registry-writer.ts'

/** One worker's share of a running hotbucket: listener, gateway, cache, origins. */
export interface DataPlane {
  readonly at: HostPort
  readonly cache: Cache
  readonly server: HttpServer
  /** Changes the simulated link in front of the named origin. */
  setLink(origin: string, link: LinkConfig): void
  /** Lets requests in flight finish, then frees everything; afterwards the cache holds no pins, fills or flights. */
  close(): Promise<void>
}

/** What the data plane needs besides the configuration. */
export interface DataPlaneParts {
  readonly clock: Clock
  readonly settle: (record: RequestRecord) => void
  /** Called for what was refused before it was a request. */
  readonly onRefused: (reason: RefusalReason) => void
  /** Told of a fault of our own; the request was answered or cut. */
  readonly onFault: (what: string, error: unknown) => void
  readonly writer: RegistryWriter
}

/** Builds and starts the data plane. Start order: origins, cache, gateway, listener; stop order: the reverse. */
export async function startDataPlane(config: Config, parts: DataPlaneParts): Promise<DataPlane> {
  const { clock } = parts
  const origins = config.origins.map((one) => ({ buckets: one.buckets, origin: createOrigin(one, { clock }) }))
  const observed = origins.map(({ buckets, origin }) => ({ buckets, origin: observe(origin, parts) }))
  const cache = new Cache({ memoryBytes: config.memoryBytes })
  const gateway = createGateway({
    cache,
    clock,
    origins: observed,
    rules: config.rules,
    mode: config.mode,
    clients: config.clients,
    anonymous: config.anonymous,
    domains: config.domains,
    clockSkewMs: config.limits.clockSkewMs,
    settle: parts.settle,
  })
  const server = new HttpServer(
    {
      host: config.listen.host,
      port: config.listen.port,
      tls: config.tls,
      limits: config.limits,
      clock,
      renderError: (status, reason) => renderEngineError(status, reason, gateway.requestIds.next()),
      onRefused: parts.onRefused,
      onHandlerError: (error) => parts.onFault('a request handler failed', error),
      onTlsReload: (error) => {
        if (error !== undefined) parts.onFault('the TLS certificate could not be reloaded', error)
      },
    },
    createHandler(gateway),
  )
  const at = await server.listen()
  return {
    at,
    cache,
    server,
    setLink: (name, link) => setLink(origins, name, link),
    close: async () => {
      await server.drain(config.limits.drainTimeoutMs)
      await cache.close()
      for (const { origin } of origins) await origin.close()
    },
  }
}

/** The origin with every request to it counted. */
function observe(origin: Origin, parts: DataPlaneParts): Origin {
  const send = observeSend(async (request: OriginRequest) => origin.send(request), {
    origin: origin.name,
    writer: parts.writer,
    clock: parts.clock,
  })
  return { name: origin.name, send, close: async () => origin.close() }
}

function setLink(origins: readonly { readonly origin: Origin }[], name: string, link: LinkConfig): void {
  for (const { origin } of origins) if (origin.name === name && origin instanceof SlowOrigin) origin.setLink(link)
}
