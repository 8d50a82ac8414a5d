/** `npm run conform`: suites of S3 clients and checks run at a real origin and through hotbucket, and the difference is what counts. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { killBackgroundProcesses } from '../clients/background-process.ts'
import { Installer } from '../clients/install.ts'
import { startOrigin } from '../clients/origins/start-origin.ts'
import type { TestOrigin } from '../clients/origins/test-origin.ts'
import { EXPLAINED, comparable } from './explained.ts'
import { Front } from './front.ts'
import { MODES, type ModeName } from './modes.ts'
import { type Options, parseOptions } from './options.ts'
import { type Row, printRow, printTable } from './report.ts'
import type { CheckResult, Suite } from './suite.ts'
import { makeSuites } from './suites.ts'
import { judge } from './verdict.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Run {
  readonly options: Options
  readonly origin: TestOrigin
  readonly runDirectory: string
}

/** One suite at the origin: the measure for all modes. */
async function runDirect(suite: Suite, run: Run): Promise<CheckResult[]> {
  const workDirectory = join(run.runDirectory, `${suite.name}-direct`)
  await mkdir(workDirectory, { recursive: true })
  const { endpoint, credentials } = run.origin
  const between = async (): Promise<void> => undefined
  return suite.run({ side: 'direct', endpoint, credentials, workDirectory, between, beforeCleanUp: between, say, origin: run.origin })
}

/** One suite through hotbucket in one mode, judged by what the origin did with it, and then the sweep. */
async function runThrough(suite: Suite, modeName: ModeName, direct: readonly CheckResult[], run: Run): Promise<Row> {
  const startedMs = Date.now()
  const mode = MODES[modeName]
  const home = join(run.runDirectory, `${suite.name}-${modeName}`)
  await mkdir(home, { recursive: true })
  const { origin, options } = run
  const front = await Front.start({ origin, mode, program: options.program, identity: options.identity, home })
  try {
    const { endpoint } = front
    const between = async (): Promise<void> => front.between()
    if (!suite.callsBetween) front.startTimer()
    const beforeCleanUp = async (): Promise<void> => front.sweep()
    const results = await suite.run({
      side: 'through',
      endpoint,
      credentials: origin.credentials,
      workDirectory: home,
      between,
      beforeCleanUp,
      say,
      origin,
      mode,
    })
    await front.quiet()
    const explained = EXPLAINED.filter((one) => one.origin === undefined || one.origin.test(origin.name))
    const verdict = judge(direct, results, { explained, comparable: (line) => comparable(line, origin.name) })
    return { suite: suite.name, mode: modeName, verdict, swept: front.swept, restarts: front.restarts, elapsedMs: Date.now() - startedMs }
  } finally {
    await front.stop()
  }
}

async function runAll(all: Run, suites: readonly Suite[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const suite of suites) {
    try {
      await suite.prepare()
    } catch (error) {
      say(`${suite.name}: cannot run: ${error instanceof Error ? error.message : String(error)}`)
      continue
    }
    say(`${suite.name}: ${suite.title}`)
    const { origin } = all
    const run = suite.needsPlainKey === true ? { ...all, origin: { ...origin, credentials: origin.plain ?? origin.credentials } } : all
    const direct = await runDirect(suite, run)
    await writeFile(join(run.runDirectory, `${suite.name}-direct.json`), JSON.stringify(direct, undefined, 1))
    if (direct.length === 0) throw new Error(`Cannot judge "${suite.name}": it ran no check at the origin`)
    say(`  direct: ${direct.filter((one) => one.outcome === 'pass').length} of ${direct.length} pass`)
    for (const mode of run.options.modes) {
      const row = await runThrough(suite, mode, direct, run)
      rows.push(row)
      printRow(row, say)
    }
  }
  return rows
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  const stateDirectory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hotbucket-tests')
  await mkdir(stateDirectory, { recursive: true })
  const runDirectory = await mkdtemp(join(tmpdir(), 'hotbucket-conform-'))
  const installer = new Installer(stateDirectory, say)
  let origin: TestOrigin | undefined
  const interrupted = (): void => {
    say('interrupted: stopping what was started')
    killBackgroundProcesses()
    void Promise.allSettled([origin?.stop()]).finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    origin = await startOrigin(options.origin, {
      stateDirectory,
      runDirectory,
      motoServer: async () => join(await installer.python('moto'), 'moto_server'),
      say,
    })
    say(`origin: ${origin.name} at ${origin.endpoint}`)
    const rows = await runAll({ options, origin, runDirectory }, makeSuites(options, { installer, stateDirectory }))
    printTable(rows, origin.name, say)
    if (options.keep) say(`logs in ${runDirectory}`)
    const vacuous = [...Map.groupBy(rows, (row) => row.suite)].filter(([, modes]) => modes.every((row) => row.swept.cached === 0))
    for (const [suite] of vacuous) say(`NOTHING SWEPT ${suite}: no object was found in the cache in any mode, so the sweeps show nothing`)
    const equal = rows.every((row) => row.verdict.differences.length === 0 && row.swept.differences.length === 0)
    const clean = equal && vacuous.length === 0
    return clean && rows.length > 0 ? 0 : 1
  } finally {
    await origin?.stop()
    if (!options.keep) await rm(runDirectory, { recursive: true, force: true })
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 2
}
