import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SingleFlight } from './single-flight.ts'

test('SingleFlight starts once for all who join, and forgets the answer', async () => {
  const flights = new SingleFlight<number>()
  const gate = Promise.withResolvers<number>()
  let starts = 0
  const start = async (): Promise<number> => {
    starts += 1
    return gate.promise
  }
  const first = flights.join('a', start)
  const second = flights.join('a', start)
  assert.deepEqual([first.led, second.led, starts], [true, false, 1])
  gate.resolve(7)
  assert.deepEqual(await Promise.all([first.answer, second.answer]), [7, 7])
  assert.equal(flights.size, 0)
  assert.equal(flights.join('a', start).led, true)
})

test('SingleFlight gives a failure to all, and the next one starts afresh', async () => {
  const flights = new SingleFlight<number>()
  const fail = async (): Promise<number> => Promise.reject(new Error('no'))
  const first = flights.join('a', fail)
  const second = flights.join('a', fail)
  await assert.rejects(first.answer, /no/)
  await assert.rejects(second.answer, /no/)
  assert.equal(flights.has('a'), false)
})
