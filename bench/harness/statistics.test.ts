import assert from 'node:assert/strict'
import { test } from 'node:test'

import { median, medianAbsoluteDeviation, quantile, spreadOf } from './statistics.ts'

test('median() is the middle value, or the mean of the two middle ones', () => {
  assert.equal(median([5]), 5)
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([]), undefined)
})

test('median() compares numbers, not their digits, and leaves its argument alone', () => {
  const values = [10, 9, 100]
  assert.equal(median(values), 10)
  assert.deepEqual(values, [10, 9, 100])
})

test('quantile() interpolates between neighbours', () => {
  assert.equal(quantile([0, 10], 0.25), 2.5)
  assert.equal(quantile([1, 2, 3, 4, 5], 0), 1)
  assert.equal(quantile([1, 2, 3, 4, 5], 1), 5)
})

test('medianAbsoluteDeviation() is not moved by one wild value', () => {
  assert.equal(medianAbsoluteDeviation([1, 1, 2, 2, 4, 6, 9]), 1)
  assert.equal(medianAbsoluteDeviation([10, 11, 12, 13, 1_000_000]), 1)
})

test('spreadOf() says how many values it stands for', () => {
  assert.deepEqual(spreadOf([1, 2, 3]), { median: 2, deviation: 1, count: 3 })
  assert.equal(spreadOf([]), undefined)
})
