import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import { silentLog } from './log.ts'
import { allocateRegistry } from './registry.ts'
import { RegistryWriter } from './registry-writer.ts'
import { Settler } from './settle.ts'
import { quantile, summarize, takeSnapshot } from './summary.ts'
import { recordWith } from './testing/records.ts'

function newSettler(): { settler: Settler; writer: RegistryWriter; buffer: SharedArrayBuffer } {
  const buffer = allocateRegistry()
  const writer = new RegistryWriter(buffer, 'data-0')
  const clock = new ManualClock(0)
  return { settler: new Settler({ writer, log: silentLog, prices: { egressPerGiB: 0.09, getPerThousand: 0.4 }, clock }), writer, buffer }
}

const miss = { outcome: 'miss', reason: 'absent', bytesFromMemory: 0, bytesFromOrigin: 4096, originRequests: 1, ttfbMs: 30 } as const

test('summarize() tells what happened between two snapshots, all threads together', () => {
  const a = newSettler()
  const b = newSettler()
  for (let i = 0; i < 50; i++)
    a.settler.settle(recordWith({ outcome: 'failed', reason: 'origin', status: 503, bytesSent: 0, bytesFromMemory: 0 }))
  const before = takeSnapshot([a.buffer, b.buffer], 1000)
  for (let i = 0; i < 30; i++) a.settler.settle(recordWith())
  for (let i = 0; i < 10; i++) b.settler.settle(recordWith(miss))
  const summary = summarize(before, takeSnapshot([a.buffer, b.buffer], 3000))
  assert.equal(summary.requests, 40)
  assert.equal(summary.requestsPerSecond, 20)
  assert.equal(summary.hitRatioByRequests, 0.75)
  assert.equal(summary.hitRatioByBytes, 0.75)
  assert.equal(summary.bytesSaved, 30 * 4096)
  assert.equal(summary.originRequestsSaved, 30)
  assert.equal(summary.failed, 0)
  assert.ok(Math.abs(summary.dollarsSaved - (30 * 4096 * 0.09) / 1024 ** 3 - 30 * 0.0004) < 1e-12)
  assert.equal(summary.cache, undefined)
  const memory = summary.outcomes.find(({ outcome }) => outcome === 'memory')
  assert.equal(memory?.requests, 30)
  assert.ok(memory.ttfb !== undefined && memory.ttfb.p50Ms > 0.1 && memory.ttfb.p99Ms <= 0.25)
  const missed = summary.outcomes.find(({ outcome }) => outcome === 'miss')
  assert.ok(missed?.ttfb !== undefined && missed.ttfb.p50Ms > 25 && missed.ttfb.p99Ms <= 50)
  assert.equal(summary.outcomes.find(({ outcome }) => outcome === 'failed')?.duration, undefined)
})

test('summarize() from a snapshot of nothing tells everything since the start', () => {
  const { settler, writer, buffer } = newSettler()
  settler.settle(recordWith())
  writer.gauge('cacheMemoryBytes', {}).set(100)
  writer.gauge('cacheLiveBytes', {}).set(50)
  writer.gauge('cacheEntries', {}).set(2)
  const summary = summarize(takeSnapshot([], 0), takeSnapshot([buffer], 500))
  assert.equal(summary.requests, 1)
  assert.equal(summary.requestsPerSecond, 2)
  assert.deepEqual(summary.cache, { liveBytes: 50, memoryBytes: 100, entries: 2 })
})

test('summarize() of no time and no requests has no ratios and no rates', () => {
  const { buffer } = newSettler()
  const snapshot = takeSnapshot([buffer], 7)
  const summary = summarize(snapshot, snapshot)
  assert.equal(summary.requestsPerSecond, 0)
  assert.equal(summary.hitRatioByRequests, undefined)
  assert.equal(summary.hitRatioByBytes, undefined)
})

test('quantile() interpolates as histogram_quantile does', () => {
  const edges = [1, 2, 4]
  assert.equal(quantile(0.5, edges, [0, 0, 0, 0]), undefined)
  assert.equal(quantile(0.5, edges, [10, 0, 0, 0]), 0.5)
  assert.equal(quantile(0.5, edges, [0, 10, 0, 0]), 1.5)
  assert.equal(quantile(1, edges, [5, 5, 0, 0]), 2)
  assert.equal(quantile(0.75, edges, [2, 0, 2, 0]), 3)
  assert.equal(quantile(0.99, edges, [0, 0, 0, 5]), 4)
})
