import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killRestarts } from './kill-restart.ts'

/** Kills a hotbucket with a disk cache under load, again and again: `--count`, `--seed`, `--directory` (whose file system is used). */

const { values } = parseArgs({ options: { count: { type: 'string' }, seed: { type: 'string' }, directory: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const count = Number(values.count ?? 200)
const parent = await mkdtemp(join(values.directory ?? tmpdir(), 'hotbucket-kill-'))
console.log(`kill: seed ${seed}, ${count} kills`)
try {
  const beganMs = performance.now()
  const summary = await killRestarts({
    seed,
    count,
    directory: join(parent, 'cache'),
    onRound: (round, so) => {
      if ((round + 1) % 20 === 0) console.log(`${round + 1} kills: ${so.readsAfterRestart} reads after restarts, ${so.diskHits} from disk`)
    },
  })
  console.log(`${JSON.stringify(summary)} in ${((performance.now() - beganMs) / 1000).toFixed(0)} s: every byte right`)
} finally {
  await rm(parent, { recursive: true, force: true })
}
