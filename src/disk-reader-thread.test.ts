import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './base/testing/until.ts'
import { nodeDiskFiles } from './cache/disk/disk-files.ts'
import { DiskReaderThread } from './disk-reader-thread.ts'

test('the thread reads what it is asked for, and ends when it is closed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hotbucket-reader-'))
  t.after(async () => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'data'), 'some bytes of a segment')
  const records = new SharedArrayBuffer(4096)
  const faults: string[] = []
  const pooled: number[] = []
  const files = {
    ...nodeDiskFiles,
    readThen: (...read: Parameters<typeof nodeDiskFiles.readThen>) => {
      pooled.push(read[2])
      nodeDiskFiles.readThen(...read)
    },
  }
  const thread = new DiskReaderThread({ files, records, windowBytes: 4096, worker: 0, onFault: (what) => faults.push(what) })
  await until(() => thread.isReady)
  const fd = await thread.files.open(join(directory, 'data'), 'read')
  const target = Buffer.from(records, 100, 5)
  const read = async (): Promise<number> =>
    new Promise((resolve, reject) => {
      thread.files.readThen(fd, [target], 5, (error, bytes) => (error === undefined ? resolve(bytes) : reject(error)))
    })
  assert.equal(await read(), 5)
  assert.equal(target.toString(), 'bytes')
  assert.deepEqual(pooled, [])
  await thread.close()
  assert.equal(await read(), 5, 'by the pool')
  assert.deepEqual([pooled, faults], [[5], []])
  await thread.files.close(fd)
})
