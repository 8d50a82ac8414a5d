import assert from 'node:assert/strict'
import { test } from 'node:test'

import { seededRandom } from '../../base/random.ts'
import { zipfSampler } from './zipf.ts'

const DRAWS = 200_000

function histogram(count: number, exponent: number): number[] {
  const draw = zipfSampler(count, exponent, seededRandom(7))
  const hits = Array.from({ length: count }, () => 0)
  for (let i = 0; i < DRAWS; i++) {
    const rank = draw()
    hits[rank] = (hits[rank] ?? 0) + 1
  }
  return hits
}

test('zipfSampler() draws each rank as often as its weight says', () => {
  const count = 50
  const hits = histogram(count, 1)
  const harmonic = Array.from({ length: count }, (_, rank) => 1 / (rank + 1)).reduce((sum, weight) => sum + weight, 0)
  for (const rank of [0, 1, 4, 20, 49]) {
    const expected = DRAWS / ((rank + 1) * harmonic)
    const deviation = Math.abs((hits[rank] ?? 0) - expected)
    assert.ok(deviation < 5 * Math.sqrt(expected), `rank ${rank}: ${hits[rank]} draws, expected about ${expected}`)
  }
})

test('zipfSampler() with exponent 0 is uniform', () => {
  for (const hits of histogram(10, 0)) assert.ok(Math.abs(hits - DRAWS / 10) < DRAWS * 0.01)
})

test('zipfSampler() gives valid ranks at both ends of the random stream', () => {
  assert.equal(zipfSampler(100, 1, () => 0)(), 0)
  assert.equal(zipfSampler(100, 1, () => 1 - Number.EPSILON)(), 99)
  assert.equal(zipfSampler(1, 1, () => 0.999)(), 0)
})

test('zipfSampler() repeats itself for the same seed', () => {
  const draws = (): number[] => {
    const draw = zipfSampler(600, 1, seededRandom(3))
    return Array.from({ length: 20 }, draw)
  }
  assert.deepEqual(draws(), draws())
})
