import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fuzzCorruption } from './testing/corruption-fuzz.ts'

test('whatever is done to the files of a disk cache, what is read of it is what was written', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'hotbucket-disk-fuzz-'))
  try {
    const summary = await fuzzCorruption({ parent, seed: 1, count: 20 })
    assert.ok(summary.hits > 300 && summary.damagedRecords > 0 && summary.damagedSegments > 0, JSON.stringify(summary))
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
})
