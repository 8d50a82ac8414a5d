import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzzCorruption } from '../../src/cache/disk/testing/corruption-fuzz.ts'

/** Damages a disk cache in many random ways and reads it: `--seed`, `--count`, `--first`, `--directory` (a fast one). */

const { values } = parseArgs({
  options: { seed: { type: 'string' }, count: { type: 'string' }, first: { type: 'string' }, directory: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const count = Number(values.count ?? 10_000)
const parent = await mkdtemp(join(values.directory ?? tmpdir(), 'hotbucket-disk-fuzz-'))
console.log(`disk fuzz: seed ${seed}, ${count} cases`)
try {
  const beganMs = performance.now()
  const { cases, reads, hits, damagedRecords, damagedSegments } = await fuzzCorruption({
    parent,
    seed,
    count,
    first: Number(values.first ?? 0),
  })
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0)
  console.log(
    `${cases} cases in ${seconds} s: ${reads} reads, ${hits} hits, every byte right; ${damagedRecords} records and ${damagedSegments} segments found damaged`,
  )
} finally {
  await rm(parent, { recursive: true, force: true })
}
