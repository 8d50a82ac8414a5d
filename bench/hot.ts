/**
 * `npm run bench:hot`: hot reads of hotbucket beside nginx serving the same files, each server on one core and the load generator on
 * another, in alternating rounds; unsigned and signed. Prints a table and writes bench/results/hot.json.
 */
import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

import { parseByteSize } from '../src/base/byte-size.ts'
import { compare, type ComparisonRow } from './harness/comparison.ts'
import { startHotbucket } from './harness/hotbucket.ts'
import type { LoadGenerator } from './harness/load-plan.ts'
import { startNginx } from './harness/nginx.ts'
import { createWorkDirectory, objectCount, writeObjectSet, type ObjectSet } from './harness/objects.ts'
import { forgedFields, plainRequests, signedRequests } from './harness/requests.ts'
import { measure, runRounds, type Contender } from './harness/rounds.ts'
import type { BenchServer } from './harness/server.ts'
import { comparisonTable } from './harness/table.ts'
import { BenchUnavailable, ensureCores, ensureTools, NGINX, TASKSET, WRK } from './harness/tools.ts'
import { expectRefusal, warmUp } from './harness/warm-up.ts'

const USAGE = `npm run bench:hot -- [options]
  --sizes LIST      object sizes (default 4KiB,64KiB,1MiB,8MiB)
  --rounds N        valid rounds wanted per size (default 5)
  --seconds N       length of one run (default 4)
  --server-cpu N    core of the servers (default 0)
  --load-cpu N      core of the load generator (default 1)
  --json FILE       where the figures go (default bench/results/hot.json)`

interface HotOptions {
  readonly sizes: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly serverCpu: number
  readonly loadCpu: number
  readonly json: string
}

const WRK_BODY_BYTES_MAX = 1024 ** 2
const WARM_UP_SECONDS = 2
const MEMORY_MIB = 512
const BASELINE = 'nginx'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function parseOptions(argv: readonly string[]): HotOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...argv],
    options: { sizes: text, rounds: text, seconds: text, 'server-cpu': text, 'load-cpu': text, json: text },
  })
  const whole = (name: string, given: string | undefined, fallback: number, min: number): number => {
    const value = given === undefined ? fallback : Number(given)
    if (!Number.isInteger(value) || value < min)
      throw new BenchUnavailable(`Cannot use --${name} "${given}": a whole number from ${min} is wanted`)
    return value
  }
  const sizes = (values.sizes ?? '4KiB,64KiB,1MiB,8MiB').split(',').map((each) => {
    const size = parseByteSize(each)
    if (size === undefined || size < 1) throw new BenchUnavailable(`Cannot use the size "${each}": a size such as 64KiB is wanted`)
    return size
  })
  return {
    sizes,
    rounds: whole('rounds', values.rounds, 5, 1),
    seconds: whole('seconds', values.seconds, 4, 1),
    serverCpu: whole('server-cpu', values['server-cpu'], 0, 0),
    loadCpu: whole('load-cpu', values['load-cpu'], 1, 0),
    json: values.json ?? join(import.meta.dirname, 'results', 'hot.json'),
  }
}

/** Few connections keep large bodies from overflowing the core's cache; many keep the server from waiting for the next request. */
function connectionsFor(sizeBytes: number): number {
  if (sizeBytes <= 16 * 1024) return 64
  if (sizeBytes <= 256 * 1024) return 32
  return sizeBytes <= WRK_BODY_BYTES_MAX ? 16 : 8
}

async function compareSize(set: ObjectSet, servers: Servers, options: HotOptions): Promise<ComparisonRow[]> {
  const { nginx, hotbucket, root, workDirectory } = servers
  const generator: LoadGenerator = set.sizeBytes <= WRK_BODY_BYTES_MAX ? 'wrk' : 'bulk-reader'
  const connections = connectionsFor(set.sizeBytes)
  say(`\n${set.name}: ${set.paths.length} objects, ${connections} connections, ${generator}`)
  await warmUp(nginx, root, set, undefined)
  await warmUp(hotbucket, root, set, 'hit')
  const contenders: Contender[] = [
    { name: BASELINE, server: nginx, requests: () => plainRequests(set.paths, authority(nginx)) },
    { name: 'hotbucket', server: hotbucket, requests: () => plainRequests(set.paths, authority(hotbucket)) },
    { name: 'hotbucket signed', server: hotbucket, requests: () => signedRequests(set.paths, authority(hotbucket), Date.now()) },
  ]
  const shape = { generator, bodyBytes: set.sizeBytes, connections, seconds: options.seconds, cpu: options.loadCpu, workDirectory }
  for (const contender of contenders) await measure(contender, { ...shape, seconds: WARM_UP_SECONDS })
  const rounds = await runRounds({ contenders, shape, rounds: options.rounds, say })
  const names = contenders.map((contender) => contender.name)
  return compare({ name: set.name, bodyBytes: set.sizeBytes, baseline: BASELINE, contenders: names }, rounds)
}

interface Servers {
  readonly nginx: BenchServer
  readonly hotbucket: BenchServer
  readonly root: string
  readonly workDirectory: string
}

function authority(server: BenchServer): string {
  return `${server.host}:${server.port}`
}

async function runAll(options: HotOptions, workDirectory: string): Promise<ComparisonRow[]> {
  const root = join(workDirectory, 'objects')
  const sets: ObjectSet[] = []
  for (const size of options.sizes) sets.push(await writeObjectSet(root, size))
  const running: BenchServer[] = []
  try {
    const nginx = await startNginx({ root, workDirectory }, options.serverCpu)
    running.push(nginx)
    const hotbucket = await startHotbucket({ root, workDirectory, memoryMiB: MEMORY_MIB }, options.serverCpu)
    running.push(hotbucket)
    const path = sets[0]?.paths[0]
    if (path !== undefined) await expectRefusal(hotbucket, path, forgedFields(path, authority(hotbucket), Date.now()))
    const rows: ComparisonRow[] = []
    for (const set of sets) rows.push(...(await compareSize(set, { nginx, hotbucket, root, workDirectory }, options)))
    return rows
  } finally {
    for (const server of running) await server.stop()
  }
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    say(USAGE)
    return 0
  }
  const options = parseOptions(process.argv.slice(2))
  ensureTools([NGINX, WRK, TASKSET], say)
  ensureCores(options.serverCpu, options.loadCpu)
  const workDirectory = await createWorkDirectory(options.sizes.reduce((sum, size) => sum + size * objectCount(size), 0))
  // An interrupted run leaves no gigabyte in shared memory; the servers get the terminal's SIGINT themselves.
  process.once('exit', () => rmSync(workDirectory, { recursive: true, force: true }))
  process.once('SIGINT', () => process.exit(130))
  const rows = await runAll(options, workDirectory)
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version }
  await mkdir(dirname(options.json), { recursive: true })
  await writeFile(options.json, `${JSON.stringify({ at: new Date().toISOString(), machine, options, rows }, undefined, 2)}\n`)
  say(`\n${comparisonTable(rows).join('\n')}\n\nFigures: ${options.json}`)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof BenchUnavailable)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
