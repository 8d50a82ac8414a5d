/**
 * `npm run bench`: hotbucket beside nginx, nginx proxy_cache and Varnish in alternating rounds, and what it takes by itself. Prints every
 * bar with what was measured, and writes everything as JSON.
 */
import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, freemem, release } from 'node:os'
import { dirname, join } from 'node:path'

import type { ComparisonRow } from './harness/comparison.ts'
import { findingsTable, notMeasured, verdictOf, type Finding } from './harness/finding.ts'
import { createWorkDirectory } from './harness/objects.ts'
import { parseOptions, USAGE, type BenchOptions } from './harness/options.ts'
import type { PartContext } from './harness/part.ts'
import { comparisonTable } from './harness/table.ts'
import { BenchUnavailable, ensureCores, ensureTools, NGINX, TASKSET, WRK } from './harness/tools.ts'
import { PARTS, type PartName } from './parts/parts.ts'

/** Of the largest set of files at one time. */
const FILES_BYTES = 512 * 1024 ** 2

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

interface Outcome {
  readonly part: PartName
  /** Something went wrong that is no fault of this machine. */
  readonly failed: boolean
  readonly findings: readonly Finding[]
  readonly rows: readonly ComparisonRow[]
  readonly details: unknown
}

/** One part in a directory of its own. What cannot be had here, and what went wrong, becomes a finding that says so: the other parts still run. */
async function runPart(name: PartName, options: BenchOptions): Promise<Outcome> {
  const workDirectory = await createWorkDirectory(FILES_BYTES)
  // An interrupted run leaves nothing in shared memory; the servers get the terminal's SIGINT themselves.
  const remove = (): void => rmSync(workDirectory, { recursive: true, force: true })
  process.once('exit', remove)
  const context: PartContext = {
    rounds: options.rounds,
    seconds: options.seconds,
    sizes: options.sizes,
    workDirectory,
    say,
    serverCpus: `${options.serverCpu}`,
    place: { cpus: `${options.loadCpu}`, workDirectory },
  }
  try {
    const { findings, rows, details } = await PARTS[name].run(context)
    return { part: name, failed: false, findings, rows, details }
  } catch (error) {
    const failed = !(error instanceof BenchUnavailable)
    const message = error instanceof Error ? error.message : String(error)
    if (failed) process.stderr.write(`${name} failed: ${error instanceof Error ? (error.stack ?? message) : message}\n`)
    return { part: name, failed, findings: notMeasured(PARTS[name].bars, `${name}: ${message}`), rows: [], details: undefined }
  } finally {
    remove()
    process.off('exit', remove)
  }
}

async function writeFigures(options: BenchOptions, outcomes: readonly Outcome[]): Promise<void> {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version, freeBytes: freemem() }
  const judged = outcomes.map((outcome) => ({
    ...outcome,
    findings: outcome.findings.map((finding) => ({ ...finding, verdict: verdictOf(finding) })),
  }))
  await mkdir(dirname(options.json), { recursive: true })
  await writeFile(options.json, `${JSON.stringify({ at: new Date().toISOString(), machine, options, outcomes: judged }, undefined, 2)}\n`)
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    say(USAGE)
    return 0
  }
  const options = parseOptions(process.argv.slice(2), join(import.meta.dirname, 'results'))
  ensureTools([NGINX, WRK, TASKSET], say)
  ensureCores(options.serverCpu, options.loadCpu)
  process.once('SIGINT', () => process.exit(130))
  const outcomes: Outcome[] = []
  for (const part of options.only) {
    outcomes.push(await runPart(part, options))
    // After every part, so that an interrupted run leaves what it has.
    await writeFigures(options, outcomes)
  }
  const rows = outcomes.flatMap((outcome) => outcome.rows)
  if (rows.length > 0) say(`\n${comparisonTable(rows).join('\n')}`)
  if (options.quick) say('\n--quick: amounts are smaller than the table says, and no figure counts')
  say(`\n${findingsTable(outcomes.flatMap((outcome) => outcome.findings)).join('\n')}\n\nFigures: ${options.json}`)
  return outcomes.some((outcome) => outcome.failed) ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof BenchUnavailable)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
