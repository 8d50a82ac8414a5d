import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, parseDuration } from './duration.ts'

test('parseDuration() reads every unit', () => {
  assert.equal(parseDuration('250ms'), 250)
  assert.equal(parseDuration('60s'), 60_000)
  assert.equal(parseDuration('5m'), 300_000)
  assert.equal(parseDuration('1.5h'), 5_400_000)
  assert.equal(parseDuration(' 2 d '), 172_800_000)
})

test('parseDuration() refuses what has no unit, a sign, or two parts', () => {
  for (const text of ['', '60', '-1s', '+1s', '1h30m', 's', '1 week', '1e3s', '.5s', '99999999999999999d']) {
    assert.equal(parseDuration(text), undefined, text)
  }
})

test('formatDuration() takes the largest unit that divides', () => {
  assert.equal(formatDuration(0), '0s')
  assert.equal(formatDuration(999), '999ms')
  assert.equal(formatDuration(60_000), '1m')
  assert.equal(formatDuration(90_000), '90s')
  assert.equal(formatDuration(86_400_000), '1d')
})

test('formatDuration() and parseDuration() are inverse', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), (ms) => {
      assert.equal(parseDuration(formatDuration(ms)), ms)
    }),
  )
})
