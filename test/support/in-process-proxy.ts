import { ManualClock } from '../../src/base/clock.ts'
import { Cache } from '../../src/cache/cache.ts'
import type { Consistency } from '../../src/config/config.ts'
import { createGateway } from '../../src/gateway/create-gateway.ts'
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
  /** Gauges of held things. */
  held(): { pins: number; flights: number; fillsInProgress: number }
  close(): Promise<void>
}

export async function startInProcess(options: { origin: Origin; mode: Consistency; memoryBytes: number }): Promise<InProcessProxy> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const cache = new Cache({ memoryBytes: options.memoryBytes, clock })
  const records: RequestRecord[] = []
  const gateway = createGateway({
    cache,
    clock,
    origins: [{ buckets: ['*'], origin: options.origin }],
    rules: [],
    mode: options.mode,
    clients: [],
    anonymous: true,
    domains: [],
    clockSkewMs: 900_000,
    settle: (record) => records.push(record),
  })
  const server = new HttpServer({ host: '127.0.0.1', port: 0 }, createHandler(gateway))
  const at = await server.listen()
  return {
    endpoint: `http://${at.host}:${at.port}`,
    clock,
    records,
    held: () => {
      const { pins, flights, fillsInProgress } = cache.stats()
      return { pins, flights, fillsInProgress }
    },
    close: async () => {
      await server.drain(1000)
      await cache.close()
    },
  }
}
