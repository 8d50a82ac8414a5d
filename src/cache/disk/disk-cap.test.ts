import assert from 'node:assert/strict'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { seededRandom } from '../../base/random.ts'
import { nodeDiskFiles, type DiskFiles } from './disk-files.ts'
import { DISK_BYTES_MIN } from './disk-geometry.ts'
import { bodyOf, headRecord, openSession, readHeadOf, withDirectory } from './testing/disk-harness.ts'
import { FaultyFiles } from './testing/faulty-files.ts'

const MiB = 1024 * 1024

/** What the file system says that a directory takes, with everything in it: as `du` counts. */
function diskUsage(path: string): number {
  const stat = lstatSync(path)
  const below = stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + diskUsage(join(path, name)), 0) : 0
  return stat.blocks * 512 + below
}

for (const capBytes of [DISK_BYTES_MIN, 30 * MiB]) {
  test(`ten times a cap of ${capBytes} bytes goes through it, and the disk never holds a byte more`, async () => {
    await withDirectory(async (path) => {
      let most = 0
      let seen = 0
      const files = new FaultyFiles()
      // Before every operation that comes after a change.
      files.delay = () => {
        if (files.changes !== seen) most = Math.max(most, diskUsage(path))
        seen = files.changes
        return undefined
      }
      const random = seededRandom(capBytes)
      const session = await openSession(path, { files, capBytes })
      let removed = 0
      for (let i = 0; session.shard.stats().insertedBytes < 10 * capBytes; i++) {
        const result = session.shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, Math.floor(random() ** 2 * MiB))))
        if (result === 'stored' && random() < 0.3) {
          await session.shard.remove(`k${i}`)
          removed++
        }
        if (result === 'stored') continue
        await session.shard.flush()
        await session.shard.tick()
      }
      await session.close()
      assert.ok(most > 0.5 * capBytes && removed > 0, `${most} bytes at most`)
      assert.ok(most <= capBytes, `${most} bytes on disk: the cap is ${capBytes}`)
    })
  })
}

test('a smaller cap than last time is kept to from the start, at the price of the oldest records', async () => {
  await withDirectory(async (path) => {
    const large = await openSession(path, { capBytes: 64 * MiB })
    for (let i = 0; i < 50; i++) {
      large.shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, MiB)))
      await large.shard.flush()
      await large.shard.tick()
    }
    await large.close()
    const before = diskUsage(path)
    const small = await openSession(path, { capBytes: DISK_BYTES_MIN })
    assert.ok(before > 40 * MiB && diskUsage(path) <= DISK_BYTES_MIN, `${before} bytes before, ${diskUsage(path)} after`)
    assert.equal(await readHeadOf(small.shard, 'k0'), undefined)
    assert.ok(bodyOf(49, MiB).equals((await readHeadOf(small.shard, 'k49'))?.body ?? Buffer.alloc(0)))
    await small.close()
  })
})

test('a file system with less free space than is to be left to others gets a segment back every ten seconds', async () => {
  await withDirectory(async (path) => {
    let availableBytes = 1000 * MiB
    const files: DiskFiles = { ...nodeDiskFiles, space: async () => ({ totalBytes: 2000 * MiB, availableBytes }) }
    const clock = new ManualClock(0)
    const { shard, close } = await openSession(path, { files, clock, capBytes: 64 * MiB, reserveFreeBytes: 100 * MiB })
    for (let i = 0; i < 50; i++) {
      shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, MiB)))
      await shard.flush()
      await shard.tick()
    }
    const { segments } = shard.stats()
    availableBytes = 50 * MiB
    for (let i = 1; i <= 3; i++) {
      clock.advance(10_000)
      await shard.tick()
      assert.equal(shard.stats().segments, segments - i)
    }
    availableBytes = 1000 * MiB
    clock.advance(10_000)
    await shard.tick()
    for (let i = 0; i < 50; i++) {
      shard.put(headRecord(`l${i}`, '"v"', bodyOf(i, MiB)))
      await shard.flush()
      await shard.tick()
    }
    assert.equal(shard.stats().segments, segments)
    assert.equal(shard.stats().state, 'on')
    await close()
  })
})
