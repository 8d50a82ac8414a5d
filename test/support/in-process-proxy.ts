import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ManualClock } from '../../src/base/clock.ts'
import type { CachedHead } from '../../src/cache/api.ts'
import { Cache, type CacheOptions } from '../../src/cache/cache.ts'
import { createCacheShare } from '../../src/cache/share.ts'
import type { ClientConfig, Consistency, RuleConfig } from '../../src/config/config.ts'
import { BucketEpochs } from '../../src/gateway/bucket-epochs.ts'
import { createGateway } from '../../src/gateway/create-gateway.ts'
import { renderEngineError } from '../../src/gateway/failure.ts'
import { createHandler } from '../../src/gateway/handle.ts'
import { HttpServer } from '../../src/http/server.ts'
import type { Origin } from '../../src/origin/origin.ts'
import type { RequestRecord } from '../../src/signals/record.ts'

/** The whole data plane in this process, with a clock that the test moves and an origin of the test's. */
export interface InProcessProxy {
  readonly endpoint: string
  readonly clock: ManualClock
  /** Every request's record, in the order in which they ended. */
  readonly records: RequestRecord[]
  /** The next record that was not taken yet, as soon as it is there. */
  takeRecord(): Promise<RequestRecord>
  /** How often the cache was asked for an object. */
  lookups(): number
  /** Gauges of held things. */
  held(): { pins: number; flights: number; fillsInProgress: number }
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
  readonly passThrough?: boolean
  readonly domains?: readonly string[]
}

export async function startInProcess(options: InProcessOptions): Promise<InProcessProxy> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const share = createCacheShare({ memoryBytes: options.memoryBytes })
  let lookups = 0
  const records = new Records()
  const gateway = createGateway({
    openCache: (fetcher) =>
      new ObservedCache({ share, worker: 0, post: () => assert.fail('one worker has nobody to post to'), fetcher }, () => (lookups += 1)),
    clock,
    epochs: new BucketEpochs(BucketEpochs.allocate()),
    origins: options.origins ?? (options.origin === undefined ? [] : [{ buckets: ['*'], origin: options.origin }]),
    rules: options.rules ?? [],
    mode: options.mode,
    clients: options.clients ?? [],
    anonymous: options.anonymous ?? true,
    passThrough: options.passThrough ?? false,
    domains: options.domains ?? [],
    clockSkewMs: 900_000,
    settle: (record) => records.add(record),
  })
  const renderError = (status: number, reason: string) => renderEngineError(status, reason, gateway.requestIds.next())
  const server = new HttpServer({ renderError }, createHandler(gateway))
  const at = await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    endpoint: `http://${at.host}:${at.port}`,
    clock,
    records: records.all,
    takeRecord: async () => records.take(),
    lookups: () => lookups,
    held: () => {
      const { pins, flights, fillsInProgress } = gateway.cache.stats()
      return { pins, flights, fillsInProgress }
    },
    close: async () => {
      await server.drain(1000)
      await gateway.cache.close()
    },
  }
}

/** A proxy that ends with the test, which fails if anything is still held then. */
export async function proxyFor(context: TestContext, options: Partial<InProcessOptions>): Promise<InProcessProxy> {
  const proxy = await startInProcess({ mode: { kind: 'immutable' }, memoryBytes: 64 * 1024 * 1024, ...options })
  context.after(async () => {
    await proxy.close()
    assert.deepEqual(proxy.held(), { pins: 0, flights: 0, fillsInProgress: 0 })
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
