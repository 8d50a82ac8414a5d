import { test } from 'node:test'
import { stressCache } from './cache-stress.ts'

const ENOUGH = { operations: 1000, evictedEntries: 100 }

for (const { workers, churns } of [
  { workers: 2, churns: true },
  { workers: 3, churns: true },
  { workers: 4, churns: false },
]) {
  const what = churns ? 'look up and overwrite' : 'read, fill, overwrite and reclaim'
  test(`${workers} threads that ${what} at once never see a foreign byte`, async (t) => {
    const seed = Math.floor(Math.random() * 1e9)
    try {
      const summary = await stressCache({ seed, durationMs: 1500, atLeast: ENOUGH, workers, churns })
      t.diagnostic(JSON.stringify(summary))
    } catch (error) {
      throw new Error(`Failed with seed ${seed}, ${workers} workers`, { cause: error })
    }
  })
}
