import assert from 'node:assert/strict'
import { test } from 'node:test'

import { highestBucket, parseMetrics, sumOf } from './metrics-text.ts'

const TEXT = `# HELP heap_bytes Heap.
# TYPE heap_bytes gauge
heap_bytes{kind="used",thread="main"} 100
heap_bytes{kind="used",thread="data-0"} 2.5e3
heap_bytes{kind="total",thread="main"} 900
entries 7
`

test('sumOf() adds the series that have the labels', () => {
  const samples = parseMetrics(TEXT)
  assert.equal(sumOf(samples, 'heap_bytes', { kind: 'used' }), 2600)
  assert.equal(sumOf(samples, 'heap_bytes', { kind: 'used', thread: 'main' }), 100)
  assert.equal(sumOf(samples, 'entries'), 7)
  assert.equal(sumOf(samples, 'nothing'), 0)
})

test('parseMetrics() reads labels with quotes and commas in them', () => {
  assert.deepEqual(parseMetrics('a{b="x,\\"y\\"",c=""} 1')[0]?.labels, { b: 'x,\\"y\\"', c: '' })
})

function pauses(counts: readonly number[]): string {
  return ['0.001', '0.005', '+Inf'].map((bound, i) => `pause_bucket{kind="minor",le="${bound}"} ${counts[i] ?? 0}`).join('\n')
}

test('highestBucket() looks only at what came between', () => {
  const before = parseMetrics(pauses([5, 6, 7]))
  assert.equal(highestBucket(before, parseMetrics(pauses([5, 6, 7])), 'pause'), 0)
  assert.equal(highestBucket(before, parseMetrics(pauses([8, 9, 10])), 'pause'), 0.001)
  assert.equal(highestBucket(before, parseMetrics(pauses([8, 10, 11])), 'pause'), 0.005)
  assert.equal(highestBucket(before, parseMetrics(pauses([8, 10, 12])), 'pause'), Infinity)
})

test('highestBucket() takes series with other labels together', () => {
  const both = `${pauses([1, 1, 1])}\npause_bucket{kind="major",le="0.001"} 0\npause_bucket{kind="major",le="0.005"} 1\npause_bucket{kind="major",le="+Inf"} 1`
  assert.equal(highestBucket([], parseMetrics(both), 'pause'), 0.005)
})
