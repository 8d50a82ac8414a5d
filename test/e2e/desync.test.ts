import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzDesync } from '../fuzz/desync-fuzz.ts'

/** `npm run test:desync` plays 10,000. */
const CASES = 200

test('no answer reaches a request that is not its own, whatever clients and origin do to their connections', async (context) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007)
  context.diagnostic(`seed ${seed}`)
  const { connections, inSync, statuses } = await fuzzDesync({ seed, count: CASES })
  // Connections that all end early prove nothing, and neither does an origin that never answers.
  assert.ok(inSync > connections / 3, `seed ${seed}: ${inSync} of ${connections} connections went on to the end`)
  assert.ok((statuses.get(200) ?? 0) > CASES, `seed ${seed}: only ${statuses.get(200)} requests were answered`)
})
