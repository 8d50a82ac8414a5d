import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES } from './block.ts'
import { alignRun, FETCH_RUN_BYTES, PREFIX_BYTES_MAX } from './run.ts'

test('alignRun() asks for whole blocks and begins with the wanted byte where the prefix is long', () => {
  assert.deepEqual(alignRun(0, undefined), { start: 0, end: FETCH_RUN_BYTES })
  assert.deepEqual(alignRun(0, 1), { start: 0, end: BLOCK_BYTES })
  assert.deepEqual(alignRun(0, BLOCK_BYTES + 1), { start: 0, end: 2 * BLOCK_BYTES })
  assert.deepEqual(alignRun(PREFIX_BYTES_MAX, PREFIX_BYTES_MAX + 1), { start: 0, end: BLOCK_BYTES })
  assert.deepEqual(alignRun(PREFIX_BYTES_MAX + 1, PREFIX_BYTES_MAX + 2), { start: PREFIX_BYTES_MAX + 1, end: BLOCK_BYTES })
  assert.deepEqual(alignRun(BLOCK_BYTES * 5 - 1, undefined), { start: BLOCK_BYTES * 5 - 1, end: BLOCK_BYTES * 12 })
  assert.deepEqual(alignRun(0, 10 * BLOCK_BYTES, 1.5 * BLOCK_BYTES), { start: 0, end: BLOCK_BYTES })
  assert.deepEqual(alignRun(0, 10, 10), { start: 0, end: BLOCK_BYTES })
})

test('alignRun() keeps to its bounds for every range', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.option(fc.nat({ max: 2 ** 40 })), fc.integer({ min: 1, max: 2 ** 28 }), (at, length, runBytes) => {
      const start = Math.min(at, 2 ** 45)
      const run = alignRun(start, length === null ? undefined : start + length + 1, runBytes)
      assert.equal(run.end % BLOCK_BYTES, 0)
      assert.ok(run.start <= start && start < run.end)
      assert.ok(start - run.start <= PREFIX_BYTES_MAX)
      assert.ok(run.end - run.start <= Math.max(BLOCK_BYTES, runBytes))
    }),
  )
})
