import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { PART_NAMES, type PartName } from '../parts/parts.ts'
import type { Sizes } from './part.ts'
import { BenchUnavailable } from './tools.ts'

/** What a run does, every value present. */
export interface BenchOptions {
  readonly only: readonly PartName[]
  readonly rounds: number
  readonly seconds: number
  readonly serverCpu: number
  readonly loadCpu: number
  readonly json: string
  readonly quick: boolean
  readonly sizes: Sizes
}

export const USAGE = `npm run bench -- [options]
  --only LIST       some of ${PART_NAMES.join(',')}
  --rounds N        valid rounds wanted per comparison (default 5)
  --seconds N       length of one run (default 4)
  --quick           small amounts, 1 round of 1 second: shows that everything works, and no figure that counts
  --server-cpu N    core of the servers (default 0)
  --load-cpu N      core of the load generator (default 1)
  --json FILE       where the figures go (default bench/results/bench.json, or the names of --only)`

const FULL: Sizes = {
  cachedObjects: 1_000_000,
  watchSeconds: 60,
  starts: 10,
  idleConnections: 10_000,
  stalledReaders: 1000,
  stalledSeconds: 60,
  coldObjectBytes: 64 * 1024 ** 2,
  coldFirstBytes: 400,
  diskObjects: 15_000,
}

const QUICK: Sizes = {
  cachedObjects: 20_000,
  watchSeconds: 3,
  starts: 2,
  idleConnections: 500,
  stalledReaders: 100,
  stalledSeconds: 4,
  coldObjectBytes: 16 * 1024 ** 2,
  coldFirstBytes: 40,
  diskObjects: 400,
}

/** Reads the command line; throws BenchUnavailable with what was wrong. */
export function parseOptions(argv: readonly string[], resultsDirectory: string): BenchOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...argv],
    options: { only: text, rounds: text, seconds: text, 'server-cpu': text, 'load-cpu': text, json: text, quick: { type: 'boolean' } },
  })
  const quick = values.quick === true
  const only = values.only === undefined ? PART_NAMES : values.only.split(',').map(partName)
  return {
    only,
    rounds: whole('rounds', values.rounds, { fallback: quick ? 1 : 5, min: 1 }),
    seconds: whole('seconds', values.seconds, { fallback: quick ? 1 : 4, min: 1 }),
    serverCpu: whole('server-cpu', values['server-cpu'], { fallback: 0, min: 0 }),
    loadCpu: whole('load-cpu', values['load-cpu'], { fallback: 1, min: 0 }),
    json: values.json ?? join(resultsDirectory, values.only === undefined ? 'bench.json' : `${only.join('-')}.json`),
    quick,
    sizes: quick ? QUICK : FULL,
  }
}

function partName(text: string): PartName {
  const name = PART_NAMES.find((each) => each === text)
  if (name === undefined) throw new BenchUnavailable(`Cannot run "${text}": wanted some of ${PART_NAMES.join(', ')}`)
  return name
}

function whole(name: string, given: string | undefined, { fallback, min }: { readonly fallback: number; readonly min: number }): number {
  const value = given === undefined ? fallback : Number(given)
  if (!Number.isInteger(value) || value < min) {
    throw new BenchUnavailable(`Cannot use --${name} "${given}": a whole number from ${min} is wanted`)
  }
  return value
}
