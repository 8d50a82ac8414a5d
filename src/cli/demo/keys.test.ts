import assert from 'node:assert/strict'
import { test } from 'node:test'

import { adjustLink, keyActions } from './keys.ts'

const LINK = { latencyMs: 40, bytesPerSecond: 50e6 }

test('keyActions() reads keys that arrive together, and Ctrl-C', () => {
  assert.deepEqual(keyActions('+-p'), ['latency-up', 'latency-down', 'pause'])
  assert.deepEqual(keyActions('\u0003'), ['quit'])
  assert.deepEqual(keyActions('xyz'), [])
})

test('keyActions() does not take the bracket of an arrow key for a command', () => {
  assert.deepEqual(keyActions('\u001B[A'), [])
  assert.deepEqual(keyActions('['), ['bandwidth-down'])
})

test('adjustLink() moves one step and stops at the ends', () => {
  assert.deepEqual(adjustLink(LINK, 'latency-up'), { latencyMs: 80, bytesPerSecond: 50e6 })
  assert.deepEqual(adjustLink(LINK, 'bandwidth-down'), { latencyMs: 40, bytesPerSecond: 25e6 })
  assert.deepEqual(adjustLink({ latencyMs: 0, bytesPerSecond: 1e6 }, 'latency-down'), { latencyMs: 0, bytesPerSecond: 1e6 })
  assert.deepEqual(adjustLink({ latencyMs: 5000, bytesPerSecond: 1e6 }, 'latency-up'), { latencyMs: 5000, bytesPerSecond: 1e6 })
})

test('adjustLink() finds the next step from a value between steps', () => {
  assert.equal(adjustLink({ latencyMs: 45, bytesPerSecond: 1e6 }, 'latency-up').latencyMs, 80)
  assert.equal(adjustLink({ latencyMs: 45, bytesPerSecond: 1e6 }, 'latency-down').latencyMs, 40)
})
