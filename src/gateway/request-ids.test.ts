import assert from 'node:assert/strict'
import test from 'node:test'
import { RequestIds } from './request-ids.ts'

test('request ids are 16 upper-case hex digits that count on past every byte', () => {
  const ids = new RequestIds(7)
  const first = ids.next()
  let last = first
  for (let i = 0; i < 70_000; i++) {
    const next = ids.next()
    assert.match(next, /^[0-9A-F]{16}$/)
    assert.equal(Number.parseInt(next.slice(8), 16), Number.parseInt(last.slice(8), 16) + 1)
    assert.equal(next.slice(0, 8), first.slice(0, 8))
    last = next
  }
  assert.notEqual(new RequestIds(7).next().slice(0, 8), first.slice(0, 8))
})

test('RequestIds of two workers have no id in common: the fourth byte is the worker', () => {
  assert.match(new RequestIds(1).next(), /^[0-9A-F]{6}01/)
  assert.match(new RequestIds(63).next(), /^[0-9A-F]{6}3F/)
})
