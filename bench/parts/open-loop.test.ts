import assert from 'node:assert/strict'
import { test } from 'node:test'

import { whyNotOpen } from './open-loop.ts'

const GOOD = {
  requests: 1000,
  errors: 0,
  answeredPerSecond: 1000,
  p50Us: 100,
  p99Us: 400,
  p999Us: 900,
  maxUs: 2000,
  lateP50Us: 1,
  lateP99Us: 100,
  lateMaxUs: 500,
  waited: 0,
}

test('whyNotOpen() takes a generator that was on time and a rate that was kept', () => {
  assert.equal(whyNotOpen(GOOD, 1000), undefined)
})

test('whyNotOpen() voids a run whose generator was late', () => {
  assert.match(whyNotOpen({ ...GOOD, lateP99Us: 101 }, 1000) ?? '', /generator late by 101 µs of 400 µs/)
})

test('whyNotOpen() voids a run that did not reach its rate', () => {
  assert.match(whyNotOpen({ ...GOOD, answeredPerSecond: 900 }, 1000) ?? '', /900 of 1000 requests\/s/)
})
