import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layoutFor } from './layout.ts'
import { S3Fifo } from './s3-fifo.ts'

const MiB = 1024 * 1024
const layout = layoutFor(256 * MiB)
const arenaBytes = layout.segmentBytes * layout.segmentCount

test('the small log starts with a tenth, and gives up segments when it has more', () => {
  const policy = new S3Fifo(layout)
  assert.equal(policy.smallTargetBytes, arenaBytes * 0.1)
  const victims = (smallShare: number, mainShare: number): readonly string[] =>
    policy.victims({ smallBytes: arenaBytes * smallShare, mainBytes: arenaBytes * mainShare, capacityBytes: arenaBytes })
  assert.deepEqual(victims(0.11, 0.89), ['small', 'main'])
  assert.deepEqual(victims(0.1, 0.9), ['main', 'small'])
  assert.deepEqual(victims(0, 0), ['small'])
  // Half of the cache is the main log's, however much of the small one is pinned.
  assert.deepEqual(victims(0.5, 0.5), ['small'])
  assert.deepEqual(victims(0.49, 0.51), ['small', 'main'])
})

test('used records live on with one use less, and every further attempt keeps fewer', () => {
  const policy = new S3Fifo(layout)
  assert.equal(policy.keep('small', 0, 0), undefined)
  assert.equal(policy.keep('small', 1, 0), 0)
  assert.equal(policy.keep('main', 3, 0), 2)
  assert.equal(policy.keep('main', 1, 1), undefined)
  assert.equal(policy.keep('main', 2, 1), 1)
  for (const log of ['small', 'main'] as const) assert.equal(policy.keep(log, 3, 3), undefined)
})

test('the border moves to the log with more near misses, within limits', () => {
  const policy = new S3Fifo(layout)
  const before = policy.smallTargetBytes
  const comeBack = (log: 'small' | 'main', times: number): void => {
    for (let i = 0; i < times; i++) {
      const name = { lo: Math.imul(i, 0x9e3779b1), hi: i + 1 }
      policy.dropped(log, name, 4096)
      assert.equal(policy.admit(name, 4096), 'main')
    }
  }
  comeBack('small', 64)
  assert.ok(policy.smallTargetBytes > before)
  comeBack('small', 32 * 200)
  assert.ok(policy.smallTargetBytes <= arenaBytes * 0.4)
  comeBack('main', 32 * 200)
  assert.ok(policy.smallTargetBytes < before && policy.smallTargetBytes >= arenaBytes * 0.05)
})

test('the smallest cache lets a few blocks pass before it reclaims', () => {
  const tiny = new S3Fifo(layoutFor(8 * MiB))
  assert.ok(tiny.smallTargetBytes >= 2 * MiB)
})

test('the small log has its share of what the owner has', () => {
  const policy = new S3Fifo(layoutFor(256 * MiB, { owners: 4, workers: 4 }))
  assert.ok(Math.abs(policy.smallTargetBytes - arenaBytes / 40) < 2 * MiB)
  policy.victims({ smallBytes: 0, mainBytes: 0, capacityBytes: arenaBytes / 2 })
  assert.equal(policy.smallTargetBytes, arenaBytes / 20)
})
