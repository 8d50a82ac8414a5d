import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ManualClock } from '../../src/base/clock.ts'
import { MemoryBudget } from '../../src/base/memory-budget.ts'
import type { CachedHead } from '../../src/cache/api.ts'
import { Cache, type CacheOptions } from '../../src/cache/cache.ts'
import type { ClientConfig, Consistency, Identity, RuleConfig } from '../../src/config/config.ts'
import { renderEngineError } from '../../src/gateway/failure.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createHandler } from '../../src/gateway/handle.ts'
import type { HttpLimits } from '../../src/http/limits.ts'
import { HttpServer } from '../../src/http/server.ts'
import { createLinkedGateway } from '../../src/linked-gateway.ts'
import type { Origin } from '../../src/origin/origin.ts'
import { connectPairs } from '../../src/peer-link.ts'
import { allocateShared } from '../../src/shared-state.ts'
import type { RequestRecord } from '../../src/signals/record.ts'
import { openInProcessDisk, type DiskOptions } from './in-process-disk.ts'

/** The whole data plane in this process, with a clock that the test moves and an origin of the test's. */
export interface InProcessProxy {
  readonly endpoint: string
  /** Where each worker listens; `endpoint` is the first one's. */
  readonly endpoints: readonly string[]
  readonly clock: ManualClock
  /** Every request's record, in the order in which they ended. */
  readonly records: RequestRecord[]
  /** The next record that was not taken yet, as soon as it is there. */
  takeRecord(): Promise<RequestRecord>
  /** How often the cache was asked for an object. */
  lookups(): number
  /** Gauges of held things. */
  held(): { pins: number; flights: number; fillsInProgress: number }
  /** What is on its way to the disk is there when this resolves. */
  diskTick(): Promise<void>
  /** Ends it as far as its disk can tell: nothing more gets there. */
  kill(): Promise<void>
  readonly workers: readonly { readonly server: HttpServer; readonly gateway: Gateway }[]
  close(): Promise<void>
}

export interface InProcessOptions {
  /** Serves every bucket. Either this or `origins`. */
  readonly origin?: Origin
  readonly origins?: readonly { readonly buckets: readonly string[]; readonly origin: Origin }[]
  readonly mode: Consistency
  readonly memoryBytes: number
  readonly clients?: readonly ClientConfig[]
  readonly rules?: readonly RuleConfig[]
  readonly anonymous?: boolean
  readonly identity?: Identity
  readonly domains?: readonly string[]
  /** How many gateways and caches there are, each with a port of its own, connected as workers are. Default 1. */
  readonly workers?: number
  /** What its clock shows at first. */
  readonly startMs?: number
  /** For bytes outside the cache, of every worker. */
  readonly bufferBytes?: number
  readonly limits?: Partial<HttpLimits>
  /** Where its disk cache is; whoever held the directory before counts as killed. Absent: none. */
  readonly disk?: DiskOptions
}

export async function startInProcess(options: InProcessOptions): Promise<InProcessProxy> {
  const { memoryBytes, workers = 1 } = options
  const clock = new ManualClock(options.startMs ?? Date.UTC(2026, 0, 1))
  const disk = options.disk === undefined ? undefined : await openInProcessDisk(options.disk, workers, clock)
  const shared = allocateShared({ memoryBytes, workers, disk: disk?.shared })
  let lookups = 0
  const records = new Records()
  const links = connectPairs(workers).map((ports, worker) =>
    createLinkedGateway({
      worker,
      ports,
      shared,
      openCache: (parts) => new ObservedCache(parts, () => (lookups += 1)),
      onFull: () => servers[worker]?.relieve(),
      keepEpoch: disk?.keepEpoch,
      budget: new MemoryBudget(options.bufferBytes ?? 64 * 1024 * 1024),
      clock,
      origins: options.origins ?? (options.origin === undefined ? [] : [{ buckets: ['*'], origin: options.origin }]),
      rules: options.rules ?? [],
      mode: options.mode,
      clients: options.clients ?? [],
      anonymous: options.anonymous ?? true,
      identity: options.identity ?? 'verified',
      domains: options.domains ?? [],
      clockSkewMs: 900_000,
      settle: (record) => records.add(record),
    }),
  )
  const gateways = links.map(({ gateway }) => gateway)
  await disk?.attach(
    gateways.map(({ cache }) => cache),
    shared,
  )
  const servers: HttpServer[] = gateways.map((gateway) => {
    const renderError = (status: number, reason: string) => renderEngineError(status, reason, gateway.requestIds.next())
    const loansAreShort = (): boolean => gateway.cache.isPinnedFull
    return new HttpServer({ renderError, budget: gateway.budget, loansAreShort, limits: options.limits }, createHandler(gateway))
  })
  const places = await Promise.all(servers.map(async (server) => server.listen({ host: '127.0.0.1', port: 0 })))
  const endpoints = places.map(({ host, port }) => `http://${host}:${port}`)
  return {
    endpoint: endpoints[0] ?? '',
    endpoints,
    clock,
    records: records.all,
    takeRecord: async () => records.take(),
    lookups: () => lookups,
    held: () => heldBy(gateways),
    workers: servers.map((server, worker) => ({ server, gateway: itemAt(gateways, worker) })),
    close: async () => {
      await Promise.all(servers.map(async (server) => server.drain(1000)))
      assert.deepEqual(
        links.map((link) => ({ waiting: link.waiting(), meters: link.gateway.meters.open })),
        links.map(() => ({ waiting: 0, meters: 0 })),
      )
      const sound = await Promise.all(links.map(async (link) => link.close()))
      await disk?.close(sound.every((one) => one))
    },
    diskTick: async () => disk?.tick(),
    kill: async () => {
      await disk?.kill()
      for (const server of servers) await server.drain(0)
      await Promise.all(links.map(async (link) => link.close()))
    },
  }
}

function itemAt<Item>(items: readonly Item[], at: number): Item {
  const item = items[at]
  assert.ok(item !== undefined)
  return item
}

function heldBy(gateways: readonly Gateway[]): { pins: number; flights: number; fillsInProgress: number } {
  const held = { pins: 0, flights: 0, fillsInProgress: 0 }
  for (const { cache } of gateways) {
    const { pins, flights, fillsInProgress, foreignReaders } = cache.stats()
    held.pins += pins
    held.flights += flights + foreignReaders
    held.fillsInProgress += fillsInProgress
  }
  return held
}

/** A proxy that ends with the test, which fails if anything is still held then. */
export async function proxyFor(context: TestContext, options: Partial<InProcessOptions>): Promise<InProcessProxy> {
  const proxy = await startInProcess({ mode: { kind: 'immutable' }, memoryBytes: 64 * 1024 * 1024, ...options })
  context.after(async () => {
    await proxy.close()
    assert.deepEqual(proxy.held(), { pins: 0, flights: 0, fillsInProgress: 0 })
    for (const { gateway } of proxy.workers) assert.equal(gateway.budget.usedBytes, 0)
  })
  return proxy
}

/** `ttl` mode; no stale windows unless given. */
export function ttlMode(ttlMs: number, windows: { staleWhileRevalidateMs?: number; staleIfErrorMs?: number } = {}): Consistency {
  return { kind: 'ttl', ttlMs, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, ...windows }
}

class ObservedCache extends Cache {
  readonly #onLookup: () => void

  constructor(options: CacheOptions, onLookup: () => void) {
    super(options)
    this.#onLookup = onLookup
  }

  override lookupHead(key: string): CachedHead | undefined {
    this.#onLookup()
    return super.lookupHead(key)
  }
}

/** Records with a reading position, because a response is with its client before its record is settled. */
class Records {
  readonly all: RequestRecord[] = []
  #taken = 0
  #waiting: ((record: RequestRecord) => void)[] = []

  add(record: RequestRecord): void {
    this.all.push(record)
    const waiter = this.#waiting.shift()
    if (waiter === undefined) return
    this.#taken += 1
    waiter(record)
  }

  take(): Promise<RequestRecord> {
    const record = this.all[this.#taken]
    if (record === undefined) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#taken += 1
    return Promise.resolve(record)
  }
}
