import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { soak } from './soak-run.ts'

/** Reads, overwrites, restarts and origin failures for a long time: `--minutes`, `--seed`, `--directory` (whose file system is used). */

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' }, directory: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const minutes = Number(values.minutes ?? 30)
const parent = await mkdtemp(join(values.directory ?? tmpdir(), 'hotbucket-soak-'))
console.log(`soak: seed ${seed}, ${minutes} minutes`)
try {
  await soak({ seed, minutes, directory: join(parent, 'cache'), say: (line) => console.log(line) })
  console.log('soak: every byte right, memory and descriptors flat, nothing held at the end')
} finally {
  await rm(parent, { recursive: true, force: true })
}
