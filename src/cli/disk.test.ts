import assert from 'node:assert/strict'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { DiskDirectory } from '../cache/disk/disk-directory.ts'
import { nodeDiskFiles } from '../cache/disk/disk-files.ts'
import { machineProcesses } from '../cache/disk/process-identity.ts'
import { bodyOf, headRecord, openSession, SMALL_CAP_BYTES, withDirectory } from '../cache/disk/testing/disk-harness.ts'
import { inspectDisk } from './disk.ts'

async function fill(path: string): Promise<void> {
  const { shard, close } = await openSession(path)
  for (let i = 0; i < 10; i++) shard.put(headRecord(`k${i}`, '"v"', bodyOf(i, 10_000)))
  await shard.flush()
  await shard.remove('k3')
  await close()
}

test('disk stat tells what is in a disk cache, and disk verify that all of it is whole', async () => {
  await withDirectory(async (path) => {
    await fill(path)
    const stat = await inspectDisk('stat', path)
    assert.deepEqual([stat.exitCode, stat.stderr], [0, ''])
    assert.match(stat.stdout, /^segments {4}1 with records, 0 of them without a footer; [1-9]\d* empty$/m)
    assert.match(stat.stdout, /^records {5}10 heads, 0 blocks, 99\.\d KiB$/m)
    assert.match(stat.stdout, /^tombstones {2}1$/m)
    assert.match(stat.stdout, /^in use {6}no$/m)
    const verified = await inspectDisk('verify', path)
    assert.equal(verified.exitCode, 0)
    assert.match(verified.stdout, /every record is what was written/)
  })
})

test('disk verify names every damaged record and ends with 1', async () => {
  await withDirectory(async (path) => {
    await fill(path)
    const file = await open(join(path, 'shard-00', 'segment-00000'), 'r+').catch(async () =>
      open(join(path, 'shard-00', 'segment-00001'), 'r+'),
    )
    await file.write(Buffer.from('damage'), 0, 6, 30_000)
    await file.close()
    const result = await inspectDisk('verify', path)
    assert.equal(result.exitCode, 1, result.stdout)
    assert.match(result.stdout, /^damage {6}shard 0, segment \d: the record of \d+ bytes at \d+ is not what was written$/m)
    assert.match(result.stdout, /^damaged {5}1: each is a miss$/m)
  })
})

test('disk verify refuses a directory that is in use, disk stat says by whom', async () => {
  await withDirectory(async (path) => {
    const opened = await DiskDirectory.open({
      files: nodeDiskFiles,
      directory: path,
      capBytes: SMALL_CAP_BYTES,
      shards: 1,
      key: undefined,
      processes: machineProcesses,
      clock: systemClock,
      random: Math.random,
      sightings: new Map(),
    })
    assert.equal(opened.kind, 'open')
    const verify = await inspectDisk('verify', path)
    assert.equal(verify.exitCode, 2)
    assert.match(verify.stderr, new RegExp(`^Cannot verify disk cache ".*": process ${process.pid} on .* uses it; stop it first\n$`))
    assert.match((await inspectDisk('stat', path)).stdout, new RegExp(`^in use {6}process ${process.pid} on`, 'm'))
  })
})

test('what is no disk cache is refused', async () => {
  await withDirectory(async (path) => {
    assert.match((await inspectDisk('stat', path)).stderr, /it has no superblock: it is not a disk cache/)
    await mkdir(path)
    assert.equal((await inspectDisk('verify', path)).exitCode, 2)
  })
})
