import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzParser } from '../../test/fuzz/parser-fuzz.ts'

const CASES = 100_000

test('RequestParser accepts no framing that the parser of node:http refuses, and reads the same requests', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007)
  const summary = fuzzParser({ seed, count: CASES })
  // A generator that makes nothing but rubbish proves nothing, and neither does one that makes no rubbish.
  assert.ok(summary.requests > CASES / 2, `seed ${seed}: ${summary.requests} requests were accepted`)
  assert.ok(summary.refusals.size >= 12, `seed ${seed}: only ${[...summary.refusals.keys()].join(' ')} were refused`)
})
