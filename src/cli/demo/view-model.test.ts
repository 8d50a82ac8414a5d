import assert from 'node:assert/strict'
import { test } from 'node:test'

import { allocateRegistry } from '../../signals/registry.ts'
import { RegistryWriter } from '../../signals/registry-writer.ts'
import { takeSnapshot } from '../../signals/summary.ts'
import { NO_PROGRESS } from './load-protocol.ts'
import { ViewModel } from './view-model.ts'
import type { ViewState } from './view-state.ts'

const GIB = 1024 ** 3

interface Counts {
  readonly hits?: number
  readonly misses?: number
  readonly memoryBytes?: number
  readonly originBytes?: number
  readonly dollarsSaved?: number
  readonly missMs?: number
}

/** A model over a real registry; each call adds counts and takes the view at that time. */
function model(durationMs?: number): (elapsedMs: number, counts: Counts) => ViewState {
  const registry = allocateRegistry()
  const writer = new RegistryWriter(registry, 'data-0')
  const read = { operation: 'get-object', status: '2xx' } as const
  const view = new ViewModel({
    durationMs,
    endpoint: 'http://127.0.0.1:9000',
    adminUrl: 'http://127.0.0.1:9001',
    region: 'us-east-1',
    credentials: { accessKeyId: 'k', secretAccessKey: 's' },
    prices: { egressPerGiB: 0.1, getPerThousand: 1 },
    memoryBudgetBytes: 256,
    keys: false,
  })
  return (elapsedMs, { hits = 0, misses = 0, memoryBytes = 0, originBytes = 0, dollarsSaved = 0, missMs }) => {
    writer.counter('requests', { ...read, outcome: 'memory' }).add(hits)
    writer.counter('requests', { ...read, outcome: 'miss' }).add(misses)
    writer.counter('objectReads', { result: 'hit' }).add(hits)
    writer.counter('objectReads', { result: 'miss' }).add(misses)
    writer.counter('responseBytes', { source: 'memory' }).add(memoryBytes)
    writer.counter('responseBytes', { source: 'origin' }).add(originBytes)
    writer.counter('bytesSaved', {}).add(memoryBytes)
    writer.counter('originReceivedBytes', { origin: 'sample-data' }).add(originBytes)
    writer.counter('dollarsSaved', {}).add(dollarsSaved)
    if (missMs !== undefined) writer.histogram('ttfb', { outcome: 'miss' }).observe(missMs / 1000)
    const link = { latencyMs: 0, bytesPerSecond: 1e6 }
    return view.take(takeSnapshot([registry], elapsedMs), { rssBytes: 0, link, load: NO_PROGRESS, paused: false })
  }
}

test('ViewModel has no ratio before the first request', () => {
  const state = model()(0, {})
  assert.equal(state.total.hitRatio, undefined)
  assert.equal(state.total.byteHitRatio, undefined)
  assert.equal(state.savedDollarsPerHour, 0)
  assert.deepEqual(state.history, [])
})

test('ViewModel keeps the last ten seconds apart from the whole', () => {
  const take = model()
  let state = take(500, { misses: 100, originBytes: 1000 })
  for (let ms = 1000; ms <= 30_000; ms += 500) state = take(ms, { hits: 50, memoryBytes: 500 })
  assert.equal(state.total.requests, 100 + 59 * 50)
  assert.ok((state.total.hitRatio ?? 0) < 1)
  assert.equal(state.total.originBytes, 1000)
  assert.equal(state.recent.hitRatio, 1)
  assert.equal(state.recent.byteHitRatio, 1)
  assert.equal(state.recent.originBytes, 0)
  assert.equal(state.recentMs, 10_000)
  assert.equal(state.recent.requests, 1000)
  assert.equal(state.history[0], 0)
  assert.equal(state.history.at(-1), 1)
})

test('ViewModel shows recent times, and older ones where there are none', () => {
  const take = model()
  take(500, { misses: 1, missMs: 40 })
  const miss = (state: ViewState): number => state.outcomes.find((outcome) => outcome.name === 'miss')?.p50Ms ?? 0
  assert.ok(miss(take(1000, {})) > 20)
  for (let ms = 1500; ms < 15_000; ms += 500) take(ms, {})
  assert.ok(miss(take(15_000, {})) > 20)
  assert.ok(miss(take(15_500, { misses: 1, missMs: 3 })) < 6)
})

test('ViewModel says what the reads would have cost without a cache', () => {
  const state = model()(1000, { hits: 1500, misses: 500, originBytes: 2 * GIB, memoryBytes: 8 * GIB, dollarsSaved: 2.3 })
  assert.ok(Math.abs(state.directDollars - (10 * 0.1 + 2)) < 1e-9)
  assert.ok(Math.abs(state.savedDollarsPerHour - 2.3 * 3600) < 1e-6)
})

test('ViewModel counts down where the demo has an end', () => {
  assert.equal(model(20_000)(5000, {}).leftMs, 15_000)
  assert.equal(model(20_000)(21_000, {}).leftMs, 0)
  assert.equal(model()(5000, {}).leftMs, undefined)
})
