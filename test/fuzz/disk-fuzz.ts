import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzzCorruption, type CorruptionSummary } from '../../src/cache/disk/testing/corruption-fuzz.ts'

/** Damages a disk cache in many random ways and reads it: `--seed`, `--count`, `--first`, `--directory` (a fast one). */

const { values } = parseArgs({
  options: { seed: { type: 'string' }, count: { type: 'string' }, first: { type: 'string' }, directory: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const count = Number(values.count ?? 10_000)
/** A run takes long: at least this often it says how far it is. */
const SAY_EVERY_CASES = 500
const SAY_EVERY_MS = 30_000

const parent = await mkdtemp(join(values.directory ?? tmpdir(), 'hotbucket-disk-fuzz-'))
console.log(`disk fuzz: seed ${seed}, ${count} cases`)
const beganMs = performance.now()
let saidMs = beganMs
const say = ({ cases, reads, hits, damagedRecords, damagedSegments }: CorruptionSummary): void => {
  saidMs = performance.now()
  const seconds = ((saidMs - beganMs) / 1000).toFixed(0)
  console.log(
    `${cases} cases in ${seconds} s: ${reads} reads, ${hits} hits, every byte right; ${damagedRecords} records and ${damagedSegments} segments found damaged`,
  )
}
try {
  const summary = await fuzzCorruption({
    parent,
    seed,
    count,
    first: Number(values.first ?? 0),
    onCase: (sum) => {
      if (sum.cases < count && (sum.cases % SAY_EVERY_CASES === 0 || performance.now() - saidMs > SAY_EVERY_MS)) say(sum)
    },
  })
  say(summary)
} finally {
  await rm(parent, { recursive: true, force: true })
}
