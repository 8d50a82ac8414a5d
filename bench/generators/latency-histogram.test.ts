import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { LatencyHistogram } from './latency-histogram.ts'

test('quantileUs() is within one part in 128 of the exact value', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new LatencyHistogram()
        for (const value of values) histogram.record(value)
        const exact = values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * values.length)) - 1]!
        const found = histogram.quantileUs(share)
        assert.ok(Math.abs(found - exact) <= exact / 128 + 0.001, `${found} for ${exact}`)
      },
    ),
  )
})

test('the largest value is kept as it is', () => {
  const histogram = new LatencyHistogram()
  for (const value of [1, 12_345.678, 3]) histogram.record(value)
  assert.equal(histogram.maxUs, 12_345.678)
  assert.equal(histogram.quantileUs(1), 12_345.678)
  assert.equal(histogram.count, 3)
})

test('nothing recorded is 0; what is out of range counts at its end', () => {
  const histogram = new LatencyHistogram()
  assert.equal(histogram.quantileUs(0.99), 0)
  histogram.record(-5)
  histogram.record(1e300)
  assert.equal(histogram.count, 2)
  assert.equal(histogram.quantileUs(0.5), 0)
})
