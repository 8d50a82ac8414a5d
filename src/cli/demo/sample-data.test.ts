import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import { ensureSampleData, SAMPLE_MANIFEST } from './sample-data.ts'
import { sampleContent, type SamplePlan } from './sample-plan.ts'

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hotbucket-sample-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

function plan(seed: number): SamplePlan {
  const sizes = [1, 4096, 3 * 1024 ** 2 + 5]
  return {
    seed,
    objects: sizes.map((sizeBytes, index) => ({ index, bucket: 'logs', key: `a/b-${index}.gz`, sizeBytes })),
    totalBytes: sizes.reduce((sum, size) => sum + size, 0),
  }
}

test('ensureSampleData() writes every object with its content and leaves nothing else', async () => {
  assert.deepEqual(await ensureSampleData(directory, plan(1)), { reused: 0, written: 3 })
  for (const object of plan(1).objects) {
    const bytes = await readFile(join(directory, object.bucket, object.key))
    assert.ok(bytes.equals(sampleContent(1, object, 0)(object.sizeBytes)))
  }
  assert.deepEqual((await readdir(directory)).toSorted(), [SAMPLE_MANIFEST, 'logs'])
})

test('ensureSampleData() reuses what an earlier run made', async () => {
  await ensureSampleData(directory, plan(1))
  const before = await stat(join(directory, 'logs/a/b-2.gz'))
  assert.deepEqual(await ensureSampleData(directory, plan(1)), { reused: 3, written: 0 })
  assert.equal((await stat(join(directory, 'logs/a/b-2.gz'))).mtimeMs, before.mtimeMs)
})

test('ensureSampleData() writes a damaged object again and keeps the others', async () => {
  await ensureSampleData(directory, plan(1))
  await truncate(join(directory, 'logs/a/b-1.gz'), 7)
  await rm(join(directory, 'logs/a/b-0.gz'))
  assert.deepEqual(await ensureSampleData(directory, plan(1)), { reused: 1, written: 2 })
})

test('ensureSampleData() replaces the data of another plan and keeps foreign buckets', async () => {
  await ensureSampleData(directory, plan(1))
  await mkdir(join(directory, 'scratch'))
  await writeFile(join(directory, 'scratch', 'mine.txt'), 'mine')
  await writeFile(join(directory, 'logs', 'old.gz'), 'old')
  assert.deepEqual(await ensureSampleData(directory, plan(2)), { reused: 0, written: 3 })
  assert.deepEqual(await readdir(join(directory, 'logs')), ['a'])
  assert.equal(await readFile(join(directory, 'scratch', 'mine.txt'), 'utf8'), 'mine')
})

test('ensureSampleData() refuses a directory whose buckets it did not make', async () => {
  await mkdir(join(directory, 'media'))
  await writeFile(join(directory, 'media', 'wedding.mp4'), 'precious')
  await assert.rejects(ensureSampleData(directory, plan(1)), /Cannot write sample data to ".*": "media" is there already/)
  assert.equal(await readFile(join(directory, 'media', 'wedding.mp4'), 'utf8'), 'precious')
})
