import assert from 'node:assert/strict'
import { cp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { bodyOf, headRecord, openSession, readHeadOf, withDirectory, type DiskSession } from './testing/disk-harness.ts'
import { FaultyFiles, type DiskOperation } from './testing/faulty-files.ts'

const MiB = 1024 * 1024

interface Setting extends DiskSession {
  readonly path: string
  readonly files: FaultyFiles
  readonly clock: ManualClock
}

/** A shard with ten records on disk, and a file system that can fail. */
async function withShard(run: (setting: Setting) => Promise<void>): Promise<void> {
  await withDirectory(async (path) => {
    const files = new FaultyFiles()
    const clock = new ManualClock(1_700_000_000_000)
    const session = await openSession(path, { files, clock, capBytes: 40 * MiB })
    for (let i = 0; i < 10; i++) session.shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, 10_000)))
    await session.shard.flush()
    await session.shard.tick()
    try {
      await run({ ...session, path, files, clock })
    } finally {
      files.fail = undefined
      await session.close()
    }
    assert.equal(session.shard.stats().pins, 0)
  })
}

function failing(operations: readonly DiskOperation[], code: string): FaultyFiles['fail'] {
  return (operation, path) => (operations.includes(operation) && path.includes('segment-') ? code : undefined)
}

async function wholeHits({ shard }: DiskSession): Promise<number> {
  let hits = 0
  for (let i = 0; i < 10; i++) {
    const head = await readHeadOf(shard, `k${i}`)
    if (head === undefined) continue
    assert.deepEqual(head.body, bodyOf(i, 10_000))
    hits++
  }
  return hits
}

test('a full file system makes the tier smaller: what was in the write is lost, everything else goes on', async () => {
  await withShard(async (setting) => {
    const { shard, files, clock } = setting
    const { segments } = shard.stats()
    files.fail = failing(['write'], 'ENOSPC')
    assert.equal(shard.put(headRecord('lost', '"v"', bodyOf(99, 1000))), 'stored')
    await shard.flush()
    assert.equal(await readHeadOf(shard, 'lost'), undefined)
    assert.deepEqual([shard.stats().state, shard.stats().trouble, shard.stats().lostRecords], ['degraded', 'no-space', 1])
    assert.equal(await wholeHits(setting), 10)
    files.fail = undefined
    clock.advance(2000)
    await shard.tick()
    assert.deepEqual([shard.stats().state, shard.stats().segments], ['on', segments - 1])
    for (let i = 0; i < 60; i++) {
      shard.put(headRecord(`big${i}`, '"v"', bodyOf(i, MiB)))
      await shard.flush()
      await shard.tick()
    }
    assert.ok(shard.stats().segments <= segments)
    assert.deepEqual((await readHeadOf(shard, 'big59'))?.body, bodyOf(59, MiB))
  })
})

test('a tombstone on a full file system takes the room of a segment', async () => {
  await withShard(async ({ shard, files }) => {
    const { segments } = shard.stats()
    let isFull = true
    files.fail = (operation, path) => {
      if (operation === 'remove') isFull = false
      return operation === 'write' && path.includes('tombstones') && isFull ? 'ENOSPC' : undefined
    }
    await shard.remove('k3')
    assert.equal(shard.isDurable, true)
    assert.equal(shard.stats().segments, segments - 1)
  })
})

for (const [code, trouble] of [
  ['EIO', 'write-errors'],
  ['EROFS', 'read-only-file-system'],
] as const) {
  test(`writes that fail with ${code} leave a tier that is read, and that comes back by itself`, async () => {
    await withShard(async (setting) => {
      const { shard, files, clock } = setting
      files.fail = (operation) => (['write', 'setLength', 'remove', 'rename', 'link', 'touch'].includes(operation) ? code : undefined)
      shard.put(headRecord('lost', '"v"', bodyOf(99, 1000)))
      await shard.flush()
      assert.deepEqual([shard.stats().state, shard.stats().trouble], ['read-only', trouble])
      assert.equal(shard.put(headRecord('refused', '"v"', bodyOf(98, 1000))), 'unavailable')
      assert.equal(await wholeHits(setting), 10)
      clock.advance(60_000)
      await shard.tick()
      assert.equal(shard.stats().state, 'read-only', 'nothing has changed')
      files.fail = undefined
      clock.advance(60_000)
      await shard.tick()
      assert.equal(shard.stats().state, 'on')
      assert.equal(shard.put(headRecord('again', '"v"', bodyOf(97, 1000))), 'stored')
      await shard.flush()
      assert.deepEqual((await readHeadOf(shard, 'again'))?.body, bodyOf(97, 1000))
      assert.equal(await wholeHits(setting), 10)
    })
  })
}

test('reads that fail are misses; when they go on failing the tier is off, and comes back with all its records', async () => {
  await withShard(async (setting) => {
    const { shard, files, clock } = setting
    files.fail = failing(['read'], 'EIO')
    assert.equal(await wholeHits(setting), 0)
    assert.deepEqual([shard.stats().state, shard.stats().trouble], ['off', 'read-errors'])
    assert.ok(shard.stats().readErrors >= 8)
    clock.advance(1500)
    await shard.tick()
    files.fail = undefined
    clock.advance(60_000)
    await shard.tick()
    assert.equal(shard.stats().state, 'on')
  })
})

test('a directory that vanishes turns the tier off, an empty one in its place is left alone, and its return turns it on', async () => {
  await withShard(async (setting) => {
    const { path, shard, clock, directory } = setting
    const away = `${path}.away`
    await rename(path, away)
    await shard.tick()
    assert.deepEqual([shard.stats().state, shard.stats().trouble], ['off', 'vanished'])
    assert.equal(await wholeHits(setting), 0)
    assert.equal(shard.put(headRecord('k', '"v"', bodyOf(1, 10))), 'unavailable')
    await cp(away, path, { recursive: true })
    await rm(join(path, 'superblock'))
    clock.advance(60_000)
    await shard.tick()
    assert.equal(shard.stats().state, 'off')
    assert.ok(!(await readdir(path)).includes('superblock'))
    await rm(path, { recursive: true })
    await rename(away, path)
    assert.equal(await directory.isOurs(), true)
    clock.advance(60_000)
    await shard.tick()
    assert.equal(shard.stats().state, 'on')
    assert.equal(await wholeHits(setting), 10)
  })
})

test('a disk that is slower than the origin is asked for a sample only, until it is quick again', async () => {
  await withShard(async (setting) => {
    const { shard, files, clock } = setting
    shard.slowAboveMs = 20
    files.delay = (operation) => {
      if (operation === 'read') clock.advance(50)
      return undefined
    }
    for (let i = 0; i < 4; i++) await wholeHits(setting)
    assert.deepEqual([shard.stats().state, shard.stats().trouble], ['degraded', 'slow'])
    files.delay = (operation) => {
      if (operation === 'read') clock.advance(10)
      return undefined
    }
    const { readRecords } = shard.stats()
    for (let i = 0; i < 16; i++) await wholeHits(setting)
    assert.equal(shard.stats().readRecords - readRecords, 10)
    for (let i = 0; i < 200; i++) await wholeHits(setting)
    assert.equal(shard.stats().state, 'on')
    assert.equal(await wholeHits(setting), 10)
  })
})

test('nothing rejects, whatever fails at whatever moment', async () => {
  for (const code of ['ENOSPC', 'EIO', 'EROFS', 'ENOENT', 'EMFILE', 'EACCES']) {
    await withShard(async (setting) => {
      const { shard, files, clock } = setting
      let turn = 0
      files.fail = () => (++turn % 3 === 0 ? code : undefined)
      for (let i = 0; i < 25; i++) {
        shard.put(headRecord(`n${i}`, '"v"', bodyOf(i, 300_000)))
        await wholeHits(setting)
        await shard.remove(`n${i - 5}`)
        if (i % 5 === 0) await shard.flush()
        clock.advance(3000)
        await shard.tick()
      }
      files.fail = undefined
      for (let i = 0; i < 4; i++) {
        clock.advance(120_000)
        await shard.tick()
      }
      assert.equal(shard.stats().state, 'on', code)
      assert.equal(shard.put(headRecord('end', '"v"', bodyOf(5, 1000))), 'stored')
      await shard.flush()
      assert.deepEqual((await readHeadOf(shard, 'end'))?.body, bodyOf(5, 1000))
    })
  }
})
