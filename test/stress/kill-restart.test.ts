import { test } from 'node:test'
import { withDirectory } from '../../src/cache/disk/testing/disk-harness.ts'
import { killRestarts } from './kill-restart.ts'

const KILLS = 10

test(`after each of ${KILLS} kills under load every byte served is the origin's, and the disk stays within its cap`, async (t) =>
  withDirectory(async (directory) => {
    const seed = Math.floor(Math.random() * 1e9)
    try {
      t.diagnostic(JSON.stringify(await killRestarts({ seed, count: KILLS, directory })))
    } catch (error) {
      throw new Error(`Failed with seed ${seed}`, { cause: error })
    }
  }))
