import { hash } from 'node:crypto'
import type { MessagePort } from 'node:worker_threads'
import type { Clock } from './base/clock.ts'
import { MemoryBudget } from './base/memory-budget.ts'
import { ChunkGarbage, watchChunks } from './chunk-garbage.ts'
import type { Cache } from './cache/cache.ts'
import type { Config, HostPort, LinkConfig, OriginConfig } from './config/config.ts'
import { META_FORMAT } from './gateway/object-meta.ts'
import { OriginMedian, timed } from './origin-median.ts'
import type { WorkerDisk, WorkerDiskStart } from './worker-disk.ts'
import { renderEngineError } from './gateway/failure.ts'
import type { Gateway } from './gateway/gateway.ts'
import { createHandler } from './gateway/handle.ts'
import { ConnectionSlots } from './http/connection-slots.ts'
import type { RefusalReason } from './http/refusal.ts'
import { HttpServer } from './http/server.ts'
import { createOrigin } from './origin/create-origin.ts'
import type { Origin, OriginRequest } from './origin/origin.ts'
import { SlowOrigin } from './origin/slow-origin.ts'
import { createLinkedGateway } from './linked-gateway.ts'
import { observeSend } from './signals/observe-origin.ts'
import type { RequestRecord } from './signals/record.ts'
import type { RegistryWriter } from './signals/registry-writer.ts'
import type { SharedState } from './shared-state.ts'

/** One worker's share of a running hotbucket: listener, gateway, cache, origins. */
export interface DataPlane {
  readonly cache: Cache
  readonly budget: MemoryBudget
  readonly server: HttpServer
  /** This worker's part of the disk cache. */
  readonly disk: WorkerDisk | undefined
  /** Accepts connections; gives the real port where 0 was asked for. */
  listen(at: HostPort): Promise<HostPort>
  /** Changes the simulated link in front of the named origin. */
  setLink(origin: string, link: LinkConfig): void
  /** Accepts nothing more and lets requests in flight finish; the cache goes on. */
  drain(timeoutMs: number): Promise<void>
  /** Frees everything, after a drain; then the cache holds no pins, fills or flights. True: what it has on disk would survive a power cut. */
  close(): Promise<boolean>
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
  /** This worker's number, and how many share the configured limits. */
  readonly worker: number
  readonly workers: number
  /** Ports to the other workers, by their number. */
  readonly peers: readonly (MessagePort | undefined)[]
  readonly shared: SharedState
  /** Undefined: no disk cache. */
  readonly disk?: WorkerDiskStart | undefined
  /** Called when an invalidation is not on disk. */
  readonly onDiskUnwritten?: () => void
}

/** Builds the data plane. Start order: origins, cache, gateway, listener; stop order: the reverse. */
export async function createDataPlane(config: Config, parts: DataPlaneParts): Promise<DataPlane> {
  const { clock } = parts
  const origins = await Promise.all(
    config.origins.map(async (one) => ({
      buckets: one.buckets,
      cacheName: cacheNameOf(one),
      origin: await createOrigin(shareOf(one, parts.workers), { clock }),
    })),
  )
  const garbage = new ChunkGarbage()
  const median = new OriginMedian()
  const disk = parts.disk === undefined ? undefined : await openDisk(parts.disk, parts, median)
  const observed = origins.map(({ buckets, origin, cacheName }) => {
    const timedOrigin = disk === undefined ? origin : timed(origin, median, clock)
    return { buckets, origin: observe(watchChunks(timedOrigin, garbage), parts, disk === undefined ? origin.name : cacheName) }
  })
  const budget = new MemoryBudget(config.limits.bufferBytes / parts.workers)
  const linked = createLinkedGateway({
    worker: parts.worker,
    ports: parts.peers,
    shared: parts.shared,
    onFull: () => server.relieve(),
    keepEpoch: disk?.keepEpoch,
    clock,
    origins: observed,
    rules: config.rules,
    mode: config.mode,
    clients: config.clients,
    anonymous: config.anonymous,
    identity: config.identity,
    domains: config.domains,
    clockSkewMs: config.limits.clockSkewMs,
    budget,
    settle: parts.settle,
  })
  const { gateway } = linked
  const server: HttpServer = createServer(config, parts, { gateway, budget })
  return {
    cache: gateway.cache,
    budget,
    server,
    disk,
    listen: async (at) => {
      await disk?.attach(gateway.cache)
      return server.listen(at)
    },
    setLink: (name, link) => setLink(origins, name, link),
    drain: async (timeoutMs) => server.drain(timeoutMs),
    close: async () => {
      disk?.stop()
      const sound = await linked.close()
      await disk?.close()
      for (const { origin } of origins) await origin.close()
      return sound
    },
  }
}

/** This worker's listener. */
function createServer(
  config: Config,
  parts: DataPlaneParts,
  inner: { readonly gateway: Gateway; readonly budget: MemoryBudget },
): HttpServer {
  const { gateway, budget } = inner
  return new HttpServer(
    {
      budget,
      loansAreShort: () => gateway.cache.isPinnedFull,
      reusePort: parts.workers > 1,
      slots: new ConnectionSlots(parts.shared.connections, config.limits.connections),
      tls: config.tls,
      limits: config.limits,
      clock: parts.clock,
      renderError: (status, reason) => renderEngineError(status, reason, gateway.requestIds.next()),
      onRefused: parts.onRefused,
      onHandlerError: (error) => parts.onFault('a request handler failed', error),
      onTlsReload: (error) => {
        if (error !== undefined) parts.onFault('the TLS certificate could not be reloaded', error)
      },
    },
    createHandler(gateway),
  )
}

/** One worker's part of an origin's connections: what is configured counts for all workers together, but none goes without one. */
function shareOf(origin: OriginConfig, workers: number): OriginConfig {
  return origin.kind === 's3' ? { ...origin, connections: Math.max(1, Math.floor(origin.connections / workers)) } : origin
}

/** The origin with every request to it counted. */
function observe(origin: Origin, parts: DataPlaneParts, cacheName: string): Origin {
  const send = observeSend(async (request: OriginRequest) => origin.send(request), {
    origin: origin.name,
    writer: parts.writer,
    clock: parts.clock,
  })
  return { name: origin.name, cacheName, send, close: async () => origin.close() }
}

/**
 * A disk cache outlives the configuration: another place under the same name has other objects. So has the same place for another
 * release that writes down other things of them.
 */
function cacheNameOf(origin: OriginConfig): string {
  const place = origin.kind === 's3' ? `s3 ${origin.url}` : `directory ${origin.path}`
  return `${origin.name}#${hash('sha256', `${META_FORMAT} ${place}`, 'hex').slice(0, CACHE_NAME_DIGITS)}`
}

const CACHE_NAME_DIGITS = 16

/** Its code is loaded where there is a disk cache only. */
async function openDisk(start: WorkerDiskStart, parts: DataPlaneParts, median: OriginMedian): Promise<WorkerDisk> {
  const [{ WorkerDisk }, { nodeDiskFiles }, { DiskReaderThread }] = await Promise.all([
    import('./worker-disk.ts'),
    import('./cache/disk/disk-files.ts'),
    import('./disk-reader-thread.ts'),
  ])
  const { clock, worker, shared, onFault, onDiskUnwritten = () => undefined } = parts
  const { records, layout } = shared.cache
  // Who owns nothing reads nothing.
  const reader =
    worker >= layout.owners
      ? undefined
      : new DiskReaderThread({ files: nodeDiskFiles, records, windowBytes: layout.segmentBytes, worker, onFault })
  const reads = parts.writer.histogram('diskReadSeconds', {})
  return new WorkerDisk(start, {
    files: reader?.files ?? nodeDiskFiles,
    reader,
    clock,
    random: Math.random,
    worker,
    owners: shared.cache.layout.owners,
    onUnwritten: onDiskUnwritten,
    onFault,
    readTook: (tookMs) => reads.observe(tookMs / 1000),
    originMedianMs: () => median.medianMs,
  })
}

function setLink(origins: readonly { readonly origin: Origin }[], name: string, link: LinkConfig): void {
  for (const { origin } of origins) if (origin.name === name && origin instanceof SlowOrigin) origin.setLink(link)
}
