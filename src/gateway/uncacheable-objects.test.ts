import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import { UncacheableObjects } from './uncacheable-objects.ts'

test('UncacheableObjects remembers for a minute, counted from the last time, and forgets when told', () => {
  const clock = new ManualClock(0)
  const objects = new UncacheableObjects(clock)
  objects.add('a')
  clock.advance(59_999)
  assert.equal(objects.has('a'), true)
  assert.equal(objects.has('b'), false)
  objects.add('a')
  clock.advance(59_999)
  assert.equal(objects.has('a'), true)
  clock.advance(1)
  assert.equal(objects.has('a'), false)
  objects.add('a')
  objects.forget('a')
  assert.equal(objects.has('a'), false)
})

test('UncacheableObjects holds 10,000 and forgets the oldest first', () => {
  const objects = new UncacheableObjects(new ManualClock(0))
  for (let i = 0; i < 10_000; i++) objects.add(`key-${i}`)
  assert.equal(objects.has('key-0'), true)
  objects.add('one more')
  assert.equal(objects.has('key-0'), false)
  assert.equal(objects.has('key-1'), true)
  assert.equal(objects.has('one more'), true)
})
