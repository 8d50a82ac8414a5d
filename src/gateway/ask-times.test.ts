import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import { AskTimes } from './ask-times.ts'

test('AskTimes.next() never gives the same time twice, and is of the clock’s millisecond', () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const times = new AskTimes(clock)
  const given = Array.from({ length: 100 }, () => times.next())
  assert.equal(new Set(given).size, 100)
  assert.deepEqual(
    given,
    given.toSorted((a, b) => a - b),
  )
  assert.deepEqual([...new Set(given.map(Math.floor))], [clock.nowMs()])
  clock.advance(1)
  assert.equal(times.next(), clock.nowMs())
})

test('AskTimes.next() follows a clock that was set back', () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const times = new AskTimes(clock)
  times.next()
  clock.advance(-3_600_000)
  assert.equal(times.next(), clock.nowMs())
})
