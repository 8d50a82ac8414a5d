import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { withDirectory } from './testing/disk-harness.ts'
import { DiskModel } from './testing/disk-model.ts'

const CASES = Number(process.env['DISK_CASES'] ?? 4)
const SEED = Number(process.env['DISK_SEED'] ?? 1)

for (const encrypted of [false, true]) {
  test(`a shard ${encrypted ? 'that is encrypted ' : ''}answers like its model through crashes at any byte of any write`, async () => {
    for (let i = 0; i < CASES; i++) {
      const seed = SEED + i
      const random = seededRandom(seed)
      await withDirectory(async (path) => {
        const key = encrypted ? { key: Buffer.alloc(32, seed) } : {}
        const model = new DiskModel(path, seed, { bodyBytesMax: 400_000, seed, ...key })
        try {
          await model.open()
          for (let round = 0; round < 3; round++) {
            model.files.crashAt(model.files.changes + 1 + Math.floor(random() * 40), (length) => Math.floor(random() * (length + 1)))
            for (let step = 0; step < 100 && !model.files.isCrashed; step++) await model.step()
            await model.restartAfterCrash()
          }
          assert.equal(model.session.shard.stats().pins, 0)
          await model.close()
        } catch (error) {
          throw new Error(`seed ${seed}: again with DISK_SEED=${seed} DISK_CASES=1`, { cause: error })
        }
      })
    }
  })
}
