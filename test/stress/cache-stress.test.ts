import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stressCache } from './cache-stress.ts'

for (const workers of [2, 3, 4]) {
  test(`${workers} threads that read, fill, overwrite and reclaim at once never see a foreign byte`, async (t) => {
    const seed = Math.floor(Math.random() * 1e9)
    try {
      const summary = await stressCache({ seed, durationMs: 1600, workers })
      t.diagnostic(JSON.stringify(summary))
      assert.ok(summary.operations > 1000 && summary.evictedEntries > 100, 'enough is done')
    } catch (error) {
      throw new Error(`Failed with seed ${seed}, ${workers} workers`, { cause: error })
    }
  })
}
