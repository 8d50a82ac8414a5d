import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAmzDate, parseAmzDate } from './amz-date.ts'

test('parseAmzDate() reads back what formatAmzDate() writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1000, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }), (seconds) => {
      assert.equal(parseAmzDate(formatAmzDate(seconds * 1000)), seconds * 1000)
    }),
  )
  assert.equal(parseAmzDate('20240229T235959Z'), Date.UTC(2024, 1, 29, 23, 59, 59))
})

test('parseAmzDate() refuses what is no date', () => {
  const wrong = ['20130524T000000', '20130524T000000z', '2013-05-24T00:00:00Z', ' 20130524T000000Z', '20130524T000000Z\n', '']
  const impossible = [
    '20131324T000000Z',
    '20130024T000000Z',
    '20130532T000000Z',
    '20130500T000000Z',
    '20230229T000000Z',
    '20130631T000000Z',
  ]
  const times = ['20130524T240000Z', '20130524T006000Z', '20130524T000060Z', '00990524T000000Z']
  for (const text of [...wrong, ...impossible, ...times]) assert.equal(parseAmzDate(text), undefined, text)
})
