import assert from 'node:assert/strict'
import { copyFile, readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { TOMBSTONE_FILE_BYTES } from './disk-geometry.ts'
import { bodyOf, headRecord, openSession, readHeadOf, withDirectory, type DiskSession } from './testing/disk-harness.ts'
import { FaultyFiles } from './testing/faulty-files.ts'

const MiB = 1024 * 1024

async function putAndWrite({ shard }: DiskSession, key: string, body: Buffer): Promise<void> {
  assert.equal(shard.put(headRecord(key, '"v"', body)), 'stored')
  await shard.flush()
}

/** The process is gone without a word. */
async function kill(files: FaultyFiles): Promise<void> {
  files.isCrashed = true
  await files.closeAll()
}

test('what was removed stays removed when the process is killed right after', async () => {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    const session = await openSession(path, { files })
    for (const key of ['removed', 'kept', 'stored again']) await putAndWrite(session, key, bodyOf(1, 5000))
    await session.shard.remove('removed')
    await session.shard.remove('stored again')
    await putAndWrite(session, 'stored again', bodyOf(2, 5000))
    assert.equal(await readHeadOf(session.shard, 'removed'), undefined)
    await kill(files)
    const { shard, close, directory } = await openSession(path)
    assert.equal(directory.lastSession, 'killed')
    assert.equal(await readHeadOf(shard, 'removed'), undefined)
    assert.deepEqual((await readHeadOf(shard, 'kept'))?.body, bodyOf(1, 5000))
    assert.deepEqual((await readHeadOf(shard, 'stored again'))?.body, bodyOf(2, 5000))
    assert.equal((await readHeadOf(shard, 'kept'))?.proven, true)
    await close()
  })
})

test('a record that is removed before it was written does not come back with a later write', async () => {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    const { shard } = await openSession(path, { files })
    shard.put(headRecord('k', '"v"', bodyOf(1, 5000)))
    await shard.remove('k')
    await shard.flush()
    await kill(files)
    const again = await openSession(path)
    assert.equal(await readHeadOf(again.shard, 'k'), undefined)
    await again.close()
  })
})

test('what fell out of the log does not come back with a restart, so that removing it costs no tombstone', async () => {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    const session = await openSession(path, { files })
    await putAndWrite(session, 'k', bodyOf(1, 5000))
    const isThere = (): boolean => {
      const found = session.shard.reader.find(session.shard.reader.headHash('k')!, false)
      if (found !== undefined) session.shard.reader.release(found)
      return found !== undefined
    }
    for (let i = 0; isThere(); i++) {
      await session.shard.tick()
      session.shard.put(headRecord(`scan-${i}`, '"v"', bodyOf(i, MiB)))
      await session.shard.flush()
    }
    assert.equal(session.shard.remove('k'), undefined)
    assert.equal(session.shard.stats().tombstones, 0)
    await kill(files)
    // With more room nothing is reclaimed at the start.
    const again = await openSession(path, { capBytes: 64 * MiB })
    assert.equal(await readHeadOf(again.shard, 'k'), undefined)
    await again.close()
  })
})

test('after a power cut every head from before is there, and none is proven, until it is stored again', async () => {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    await putAndWrite(await openSession(path, { files }), 'k', bodyOf(1, 5000))
    const later = new ManualClock(Date.now() + 60_000)
    await kill(files)
    const second = await openSession(path, { bootId: 'boot-2', clock: later })
    assert.equal(second.directory.lastSession, 'lost')
    assert.equal((await readHeadOf(second.shard, 'k'))?.proven, false)
    await putAndWrite(second, 'new', bodyOf(2, 5000))
    assert.equal((await readHeadOf(second.shard, 'new'))?.proven, true)
    await second.close()
    const third = await openSession(path, { bootId: 'boot-3', clock: later })
    assert.equal(third.directory.lastSession, 'clean')
    assert.equal((await readHeadOf(third.shard, 'k'))?.proven, false, 'nobody asked the origin about it since')
    assert.equal((await readHeadOf(third.shard, 'new'))?.proven, true)
    await putAndWrite(third, 'k', bodyOf(3, 5000))
    assert.equal((await readHeadOf(third.shard, 'k'))?.proven, true)
    await third.close()
  })
})

test('tombstones that were cut off or overwritten make everything from before unproven', async () => {
  await withDirectory(async (path) => {
    const session = await openSession(path)
    for (let i = 0; i < 20; i++) await putAndWrite(session, `k${i}`, bodyOf(i, 3000))
    for (let i = 0; i < 10; i++) await session.shard.remove(`k${i}`)
    await session.close()
    const name = join(path, 'shard-00', 'tombstones.1')
    for (const lengthBytes of [32 * 8 + 5, 31, 0]) {
      await copyFile(name, `${name}.saved`)
      await truncate(name, lengthBytes)
      const damaged = await openSession(path)
      assert.equal((await readHeadOf(damaged.shard, 'k19'))?.proven, false, `${lengthBytes} bytes left`)
      for (let i = 0; i < 10; i++) assert.notEqual((await readHeadOf(damaged.shard, `k${i}`))?.proven, true)
      await damaged.close()
      await copyFile(`${name}.saved`, name)
    }
  })
})

test('tombstones beyond what their file holds are written anew without those that are over, and nothing is forgotten', async () => {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    const session = await openSession(path, { files, capBytes: 64 * MiB })
    const count = TOMBSTONE_FILE_BYTES / 32 + 500
    for (let i = 0; i < count; i += 100) {
      for (let j = i; j < i + 100; j++) assert.equal(session.shard.put(headRecord(`k${j}`, '"v"', Buffer.alloc(10, j))), 'stored')
      await Promise.all(Array.from({ length: 100 }, async (_, j) => session.shard.remove(`k${i + j}`)))
      if (i % 2000 === 0) await session.shard.flush()
    }
    await putAndWrite(session, 'last', bodyOf(1, 100))
    assert.ok(session.shard.stats().tombstones < 600)
    await kill(files)
    const { shard, close } = await openSession(path, { capBytes: 64 * MiB })
    for (let i = 0; i < count; i += 37) assert.notEqual((await readHeadOf(shard, `k${i}`))?.proven, true, `k${i}`)
    assert.deepEqual((await readHeadOf(shard, 'last'))?.body, bodyOf(1, 100))
    await close()
  })
})

test('an invalidation that the disk does not take is kept until it does, and the session counts as lost if it ends before', async () => {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    const clock = { nowMs: () => 0, monotonicMs: () => nowMs }
    let nowMs = 0
    const session = await openSession(path, { files, clock })
    await putAndWrite(session, 'k', bodyOf(1, 5000))
    files.fail = (operation, name) => (operation === 'write' && name.includes('tombstones') ? 'EIO' : undefined)
    await session.shard.remove('k')
    assert.equal(session.shard.isDurable, false)
    assert.equal(session.shard.stats().state, 'read-only')
    assert.equal(await readHeadOf(session.shard, 'k'), undefined)
    await session.directory.spoil()
    await kill(files)
    const second = await openSession(path)
    assert.equal(second.directory.lastSession, 'lost')
    assert.equal((await readHeadOf(second.shard, 'k'))?.proven, false)
    await second.close()

    const third = new FaultyFiles()
    const healing = await openSession(path, { files: third, clock })
    third.fail = files.fail
    await healing.shard.remove('k')
    assert.equal(healing.shard.isDurable, false)
    third.fail = undefined
    nowMs += 5000
    await healing.shard.tick()
    assert.equal(healing.shard.isDurable, true)
    assert.equal(healing.shard.stats().state, 'on')
    await kill(third)
    const last = await openSession(path)
    assert.equal(await readHeadOf(last.shard, 'k'), undefined)
    await last.close()
    assert.deepEqual((await readdir(path)).filter((name) => /^lock\.\d+$/.test(name)).length, 1)
  })
})
