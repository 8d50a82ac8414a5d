import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatContentRange,
  formatRange,
  formatUnsatisfiedRange,
  parseContentRange,
  parseRange,
  resolveRange,
  type RangeSpec,
} from './range.ts'

const MAX = Number.MAX_SAFE_INTEGER

test('parseRange() reads the three simple forms', () => {
  const table: [string, RangeSpec][] = [
    ['bytes=0-0', { kind: 'span', first: 0, last: 0 }],
    ['bytes=0-9', { kind: 'span', first: 0, last: 9 }],
    ['bytes=007-0010', { kind: 'span', first: 7, last: 10 }],
    ['bytes=5-', { kind: 'from', first: 5 }],
    ['bytes=0-', { kind: 'from', first: 0 }],
    ['bytes=-1', { kind: 'suffix', length: 1 }],
    ['bytes=0-9223372036854775807', { kind: 'span', first: 0, last: MAX }],
    ['bytes=-9223372036854775807', { kind: 'suffix', length: MAX }],
  ]
  for (const [value, spec] of table) assert.deepEqual(parseRange(value), spec, value)
  assert.equal(parseRange(undefined), undefined)
})

test('parseRange() leaves to the origin what origins answer differently', () => {
  const unusual = ['', 'bytes', 'bytes=', 'bytes=-', 'bytes=-0', 'bytes=4-2', 'bytes=abc', 'bytes=0-1,4-5', 'bytes=0-1,', 'bytes= 0-1']
  unusual.push(
    'bytes=0 -1',
    'Bytes=0-1',
    'items=0-1',
    'bytes=1',
    'bytes=--1',
    'bytes=0x1-2',
    'bytes=+1-2',
    'bytes=1-2 ',
    `bytes=${'9'.repeat(21)}-`,
  )
  for (const value of unusual) assert.equal(parseRange(value), 'unusual', value)
})

test('resolveRange() clamps to the size and refuses what lies beyond', () => {
  const table: [string, size: number, ReturnType<typeof resolveRange>][] = [
    ['bytes=0-0', 10, { start: 0, end: 1 }],
    ['bytes=0-9', 10, { start: 0, end: 10 }],
    ['bytes=0-99', 10, { start: 0, end: 10 }],
    ['bytes=9-9', 10, { start: 9, end: 10 }],
    ['bytes=10-10', 10, 'unsatisfiable'],
    ['bytes=9-', 10, { start: 9, end: 10 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=-3', 10, { start: 7, end: 10 }],
    ['bytes=-10', 10, { start: 0, end: 10 }],
    ['bytes=-11', 10, { start: 0, end: 10 }],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=0-0', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=0-9223372036854775807', 10, { start: 0, end: 10 }],
    ['bytes=9223372036854775806-9223372036854775807', 10, 'unsatisfiable'],
  ]
  for (const [value, size, expected] of table) {
    const spec = parseRange(value)
    assert.ok(spec !== undefined && spec !== 'unusual')
    assert.deepEqual(resolveRange(spec, size), expected, `${value} of ${size}`)
  }
})

test('parseContentRange() reads what formatContentRange() writes', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), (a, b, c) => {
      const [start = 0, end = 0, size = 0] = [a % 1e15, b % 1e15, c % 1e15].sort((x, y) => x - y)
      const range = { start, end: end + 1 }
      assert.deepEqual(parseContentRange(formatContentRange(range, size + 1)), { range, sizeBytes: size + 1 })
      assert.deepEqual(parseRange(formatRange(range)), { kind: 'span', first: start, last: end })
    }),
  )
  assert.deepEqual(parseContentRange(formatUnsatisfiedRange(7)), { range: undefined, sizeBytes: 7 })
  assert.deepEqual(parseContentRange('bytes 0-4/*'), { range: { start: 0, end: 5 }, sizeBytes: undefined })
})

test('parseContentRange() refuses what contradicts itself', () => {
  for (const value of [
    '',
    'bytes',
    'bytes */*',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-4',
    'bytes=0-4/5',
    'bytes 0-4/5 ',
    'items 0-4/5',
    'bytes a-b/c',
  ]) {
    assert.equal(parseContentRange(value), undefined, value)
  }
})
