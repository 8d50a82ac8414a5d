import { HELD_FOR } from './base/memory-budget.ts'
import type { DataPlane } from './data-plane.ts'
import type { RegistryWriter } from './signals/registry-writer.ts'

/** Publishes what the cache and the HTTP engine tell of themselves; to be called once a second, so that a scrape asks no worker. */
export function engineGauges(
  writer: RegistryWriter,
  { cache, server, budget }: Pick<DataPlane, 'cache' | 'server' | 'budget'>,
): () => void {
  const buffers = HELD_FOR.map((heldFor) => ({ heldFor, gauge: writer.gauge('buffersUsed', { held_for: heldFor }) }))
  writer.gauge('buffersLimit', {}).set(budget.limitBytes)
  const gauges = {
    connections: writer.gauge('httpConnections', {}),
    inFlight: writer.gauge('httpInFlight', {}),
    memory: writer.gauge('cacheMemoryBytes', {}),
    live: writer.gauge('cacheLiveBytes', {}),
    index: writer.gauge('cacheIndexBytes', {}),
    entries: writer.gauge('cacheEntries', {}),
    segments: writer.gauge('cacheSegments', {}),
    pins: writer.gauge('cachePins', {}),
    flights: writer.gauge('cacheFlights', {}),
    fills: writer.gauge('cacheFills', {}),
    inserted: writer.counter('cacheInsertedBytes', {}),
    evicted: writer.counter('cacheEvictedBytes', {}),
    evictedEntries: writer.counter('cacheEvictedEntries', {}),
    reinserted: writer.counter('cacheReinsertedBytes', {}),
    corrupt: writer.counter('cacheCorruptEntries', {}),
    reserveFailures: writer.counter('cacheReserveFailures', {}),
  } as const
  return () => {
    const http = server.stats()
    gauges.connections.set(http.connections)
    gauges.inFlight.set(http.requestsInFlight)
    for (const { heldFor, gauge } of buffers) gauge.set(budget.usedFor(heldFor))
    const stats = cache.stats()
    gauges.memory.set(stats.memoryBytes)
    gauges.live.set(stats.liveBytes)
    gauges.index.set(stats.indexBytes)
    gauges.entries.set(stats.entries)
    gauges.segments.set(stats.segments)
    gauges.pins.set(stats.pins)
    gauges.flights.set(stats.flights)
    gauges.fills.set(stats.fillsInProgress)
    gauges.inserted.set(stats.insertedBytes)
    gauges.evicted.set(stats.evictedBytes)
    gauges.evictedEntries.set(stats.evictedEntries)
    gauges.reinserted.set(stats.reinsertedBytes)
    gauges.corrupt.set(stats.corruptEntries)
    gauges.reserveFailures.set(stats.reserveFailures)
  }
}
