import { HTTP_REFUSALS, type HttpRefusalLabel } from './labels.ts'
import type { Counter, RegistryWriter } from './registry-writer.ts'

/** What a cache tells of itself: counts since its start, and gauges. */
export interface CacheFigures {
  readonly memoryBytes: number
  readonly liveBytes: number
  readonly entries: number
  readonly segments: number
  readonly evictedEntries: number
  readonly evictedBytes: number
  readonly reinsertedBytes: number
  readonly insertedBytes: number
  readonly corruptEntries: number
  readonly reserveFailures: number
  readonly pins: number
  readonly flights: number
  readonly fillsInProgress: number
  readonly indexBytes: number
}

/** Makes a function that writes a cache's figures into the registry. To be called about once a second, by one thread per cache. */
export function cachePublisher(writer: RegistryWriter): (figures: CacheFigures) => void {
  const series: Readonly<Record<keyof CacheFigures, { set(value: number): void }>> = {
    memoryBytes: writer.gauge('cacheMemoryBytes', {}),
    liveBytes: writer.gauge('cacheLiveBytes', {}),
    entries: writer.gauge('cacheEntries', {}),
    segments: writer.gauge('cacheSegments', {}),
    evictedEntries: writer.counter('cacheEvictedEntries', {}),
    evictedBytes: writer.counter('cacheEvictedBytes', {}),
    reinsertedBytes: writer.counter('cacheReinsertedBytes', {}),
    insertedBytes: writer.counter('cacheInsertedBytes', {}),
    corruptEntries: writer.counter('cacheCorruptEntries', {}),
    reserveFailures: writer.counter('cacheReserveFailures', {}),
    pins: writer.gauge('cachePins', {}),
    flights: writer.gauge('cacheFlights', {}),
    fillsInProgress: writer.gauge('cacheFills', {}),
    indexBytes: writer.gauge('cacheIndexBytes', {}),
  }
  const names = Object.keys(series) as (keyof CacheFigures)[]
  return (figures) => {
    for (const name of names) series[name].set(figures[name])
  }
}

/** What the HTTP engine holds right now. */
export interface HttpFigures {
  readonly connections: number
  /** Of these, those that wait for a next request. */
  readonly connectionsIdle: number
  /** Accepted since the start. */
  readonly connectionsTotal: number
  readonly requestsInFlight: number
}

/** Makes a function that writes the engine's figures into the registry. To be called about once a second. */
export function httpPublisher(writer: RegistryWriter): (figures: HttpFigures) => void {
  const connections = writer.gauge('httpConnections', {})
  const idle = writer.gauge('httpConnectionsIdle', {})
  const accepted = writer.counter('httpConnectionsAccepted', {})
  const inFlight = writer.gauge('httpInFlight', {})
  return (figures) => {
    connections.set(figures.connections)
    idle.set(figures.connectionsIdle)
    accepted.set(figures.connectionsTotal)
    inFlight.set(figures.requestsInFlight)
  }
}

/** Makes a function that counts what the HTTP engine refused; a reason that has no label counts as `other`. */
export function refusalCounter(writer: RegistryWriter): (reason: string) => void {
  const counters = new Map<string, Counter>()
  for (const reason of HTTP_REFUSALS) counters.set(reason, writer.counter('httpRefusals', { reason }))
  const other: HttpRefusalLabel = 'other'
  return (reason) => (counters.get(reason) ?? counters.get(other))?.add(1)
}
