import assert from 'node:assert/strict'
import { test } from 'node:test'

import { PART_NAMES, PARTS } from '../parts/parts.ts'
import { BARS } from './bars.ts'
import { parseOptions } from './options.ts'

test('parseOptions() runs everything at full size if nothing is said', () => {
  const options = parseOptions([], '/results')
  assert.deepEqual(options.only, PART_NAMES)
  assert.equal(options.rounds, 5)
  assert.equal(options.sizes.cachedObjects, 1_000_000)
  assert.equal(options.json, '/results/bench.json')
})

test('parseOptions() selects parts and names the file after them', () => {
  const options = parseOptions(['--only', 'cold,hot', '--quick', '--rounds', '2'], '/results')
  assert.deepEqual(options.only, ['cold', 'hot'])
  assert.equal(options.rounds, 2)
  assert.equal(options.seconds, 1)
  assert.equal(options.json, '/results/cold-hot.json')
})

test('parseOptions() refuses unknown parts and numbers that are none', () => {
  assert.throws(() => parseOptions(['--only', 'warm'], '/results'), /Cannot run "warm": wanted some of hot, peers/)
  assert.throws(() => parseOptions(['--rounds', '0'], '/results'), /Cannot use --rounds "0"/)
  assert.throws(() => parseOptions(['--seconds', 'x'], '/results'), /Cannot use --seconds "x"/)
})

test('every bar belongs to exactly one part', () => {
  const claimed = PART_NAMES.flatMap((name) => [...PARTS[name].bars])
  assert.deepEqual(claimed.toSorted(), Object.keys(BARS).toSorted())
})
