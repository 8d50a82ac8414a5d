import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ManualClock } from '../../base/clock.ts'
import { Pacer } from './pacer.ts'

const MANY_BYTES = 1e12

test('claim() spaces reads evenly', () => {
  const pacer = new Pacer({ readsPerSecond: 100, bytesPerSecond: MANY_BYTES }, new ManualClock(0))
  assert.deepEqual([pacer.claim(), pacer.claim(), pacer.claim()], [0, 10, 20])
})

test('claim() makes up for half a second of missed reads, not for more', () => {
  const clock = new ManualClock(0)
  const pacer = new Pacer({ readsPerSecond: 10, bytesPerSecond: MANY_BYTES }, clock)
  clock.advance(60_000)
  const waits = Array.from({ length: 8 }, () => pacer.claim())
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 0, 100, 200])
})

test('claim() never waits for the rate where there is none', () => {
  const clock = new ManualClock(0)
  const pacer = new Pacer({ readsPerSecond: undefined, bytesPerSecond: MANY_BYTES }, clock)
  for (let i = 0; i < 5; i++) assert.equal(pacer.claim(), 0)
})

test('received() holds back reads for as long as the bytes take at the limit', () => {
  const clock = new ManualClock(0)
  const pacer = new Pacer({ readsPerSecond: undefined, bytesPerSecond: 1000 }, clock)
  pacer.received(3000)
  assert.equal(pacer.claim(), 3000)
  clock.advance(3000)
  assert.equal(pacer.claim(), 0)
})
