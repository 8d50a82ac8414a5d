/** `npm run test:clients`: unmodified S3 clients do their work direct and through hotbucket, and both are compared with the origin. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { awsCli } from './adapters/aws-cli.ts'
import { curl } from './adapters/curl.ts'
import { aws4fetch, libraryClients } from './adapters/libraries.ts'
import { mc } from './adapters/mc.ts'
import { rclone } from './adapters/rclone.ts'
import { s3cmd } from './adapters/s3cmd.ts'
import { killBackgroundProcesses } from './background-process.ts'
import type { Client } from './client.ts'
import { Installer } from './install.ts'
import { startOrigin } from './origins/start-origin.ts'
import { ORIGIN_NAMES, type OriginName, type TestOrigin } from './origins/test-origin.ts'
import { type ClientResult, report } from './report.ts'
import { type Mode, type Where, runScenario } from './scenario/run-scenario.ts'
import { type TlsFiles, type Variant, bucketOf, makeTlsFiles, withHostNames } from './variant.ts'

const CLIENT_NAMES = [
  'aws-cli',
  'aws-cli-2',
  'boto3',
  'sdk-js',
  's3fs',
  'pyarrow',
  'rclone',
  's3cmd',
  'curl',
  'mc',
  'smart_open',
  'tensorstore',
  'object_store',
  'aws4fetch',
] as const

const MC_VERSION = '2025-03-13'
const AWS4FETCH_VERSION = '1.0.20'

const USAGE = `npm run test:clients -- [options]

  --origin NAME   ${ORIGIN_NAMES.join(', ')}; default rgw where it can run, else moto. "endpoint" takes
                  HOTBUCKET_TEST_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION
  --only NAME     one client, may be repeated: ${CLIENT_NAMES.join(', ')}
  --direct        without hotbucket: the baseline alone
  --through       only through hotbucket
  --style NAME    path or virtual-host; the latter needs root on Linux
  --scheme NAME   http or https, between clients and hotbucket. With neither: all four pairs, the first one with every check
  --brief         fewer checks
  --flag FLAG     one more flag for hotbucket, may be repeated
  --json FILE     write what came of each check
  --program FILE  hotbucket's entry point; default bin/hotbucket.js
  --jobs N        clients at a time; default as many as there are cores, at most 4
  --keep          keep the directory with the logs of this run
`

interface Options {
  readonly origin: OriginName | undefined
  readonly only: readonly string[]
  readonly modes: readonly Mode[]
  readonly variant: Variant
  readonly flags: readonly string[]
  readonly json: string | undefined
  /** The host names of this run lead somewhere. */
  readonly inNamespace: boolean
  readonly program: string
  readonly jobs: number
  readonly keep: boolean
}

function parseOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      origin: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      direct: { type: 'boolean', default: false },
      through: { type: 'boolean', default: false },
      style: { type: 'string' },
      scheme: { type: 'string' },
      brief: { type: 'boolean', default: false },
      flag: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      'run-id': { type: 'string' },
      program: { type: 'string', default: 'bin/hotbucket.js' },
      jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit(0)
  }
  const origin = ORIGIN_NAMES.find((name) => name === values.origin)
  if (values.origin !== undefined && origin === undefined)
    throw new Error(`Cannot use origin "${values.origin}": wanted one of ${ORIGIN_NAMES.join(', ')}`)
  const unknown = values.only.find((name) => !(CLIENT_NAMES as readonly string[]).includes(name))
  if (unknown !== undefined) throw new Error(`Cannot run client "${unknown}": wanted one of ${CLIENT_NAMES.join(', ')}`)
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 16) throw new Error(`Cannot run "${values.jobs}" jobs: wanted 1 to 16`)
  return {
    origin,
    only: values.only,
    modes: values.direct ? ['direct'] : values.through ? ['hotbucket'] : ['direct', 'hotbucket'],
    variant: {
      style: values.style === 'virtual-host' ? 'virtual-host' : 'path',
      scheme: values.scheme === 'https' ? 'https' : 'http',
      brief: values.brief,
      runId: values['run-id'] ?? `${process.pid}`,
    },
    flags: values.flag,
    json: values.json,
    inNamespace: values['run-id'] !== undefined,
    program: values.program,
    jobs,
    keep: values.keep,
  }
}

/** What is installed for each client; a client whose installation fails is reported as broken. */
async function prepareClients(names: readonly string[], installer: Installer): Promise<Map<string, Client | Error>> {
  const clients = new Map<string, Client | Error>()
  const prepare = async (wanted: readonly string[], make: () => Promise<Client[]>): Promise<void> => {
    const asked = wanted.filter((name) => names.includes(name))
    if (asked.length === 0) return
    try {
      for (const client of await make()) if (asked.includes(client.name)) clients.set(client.name, client)
    } catch (error) {
      for (const name of asked) clients.set(name, error instanceof Error ? error : new Error(String(error)))
    }
  }
  const bin = installer.python.bind(installer)
  await prepare(['aws-cli', 's3cmd'], async () => [
    awsCli(join(await bin('clients'), 'aws'), 'aws-cli'),
    s3cmd(join(await bin('clients'), 's3cmd')),
  ])
  await prepare(['aws-cli-2'], async () => [awsCli(await installer.awsCli2(), 'aws-cli-2')])
  const none = { clients: '', s3fs: '', suites: '' }
  const python = async (name: 'clients' | 's3fs' | 'suites'): Promise<string> => join(await bin(name), 'python')
  await prepare(['boto3', 'pyarrow', 'sdk-js'], async () => libraryClients({ ...none, clients: await python('clients') }))
  await prepare(['s3fs'], async () => libraryClients({ ...none, s3fs: await python('s3fs') }))
  await prepare(['smart_open', 'tensorstore', 'object_store'], async () => libraryClients({ ...none, suites: await python('suites') }))
  await prepare(['mc'], async () => [mc(await installer.mc(), MC_VERSION)])
  await prepare(['aws4fetch'], async () => [aws4fetch(await installer.nodeModule('aws4fetch', AWS4FETCH_VERSION), AWS4FETCH_VERSION)])
  await prepare(['rclone'], async () => [rclone(await installer.rclone())])
  await prepare(['curl'], async () => [curl()])
  return clients
}

/** One client in one mode; the result so far is completed in place. */
async function runJob(job: Job, where: Where): Promise<void> {
  const { client, mode, results } = job
  const merge = (more: Partial<ClientResult>): void => {
    results.set(client.name, { name: client.name, version: '', ...results.get(client.name), ...more })
  }
  try {
    merge({ version: await client.version() })
    const scenario = await runScenario(client, mode, where)
    merge({ [mode]: scenario })
    const failed = scenario.checks.filter((check) => check.outcome === 'fail').length
    say(`${client.name} ${mode}: ${scenario.checks.length} checks, ${failed} failed, ${Math.round(scenario.elapsedMs / 1000)} s`)
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    say(`${client.name} ${mode}: cannot run`)
    merge({ broken: `${results.get(client.name)?.broken ?? ''}${mode}: ${what}\n` })
  }
}

interface Job {
  readonly client: Client
  readonly mode: Mode
  readonly results: Map<string, ClientResult>
}

/** All clients in all modes, `jobs` at a time; the results stand in the order of the clients' names. */
async function runAll(
  clients: ReadonlyMap<string, Client | Error>,
  origin: TestOrigin,
  options: Options & { readonly runDirectory: string; readonly tls: TlsFiles | undefined },
): Promise<ClientResult[]> {
  const results = new Map<string, ClientResult>()
  const jobs: Job[] = []
  for (const [name, client] of clients) {
    if (client instanceof Error) results.set(name, { name, version: '', broken: client.message })
    else jobs.push(...options.modes.map((mode) => ({ client, mode, results })))
  }
  const worker = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await runJob(job, { ...options, origin })
  }
  await Promise.all(Array.from({ length: options.jobs }, worker))
  return CLIENT_NAMES.flatMap((name) => results.get(name) ?? [])
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Every way to reach hotbucket, where none was asked for; the first with every check, the others with some. */
const VARIANTS = [
  ['--style', 'path', '--scheme', 'http'],
  ['--style', 'path', '--scheme', 'https', '--brief'],
  ['--style', 'virtual-host', '--scheme', 'http', '--brief'],
  ['--style', 'virtual-host', '--scheme', 'https', '--brief'],
] as const

/** This run once for each variant; the worst exit code of them. */
async function runVariants(argv: readonly string[]): Promise<number> {
  const codes: number[] = []
  for (const words of VARIANTS) {
    say(`\n=== ${words.join(' ')}`)
    codes.push(await runAgain([process.execPath, process.argv[1] ?? '', ...argv, ...words]))
  }
  say(`\n${VARIANTS.map((words, i) => `${words[1]} over ${words[3]}: ${codes[i] === 0 ? 'passed' : `exit code ${codes[i]}`}`).join('; ')}`)
  return Math.max(...codes)
}

async function runAgain([program = '', ...words]: readonly string[]): Promise<number> {
  const child = spawn(program, words, { stdio: 'inherit' })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', reject).once('exit', (code) => resolve(code ?? 2))
  return promise
}

/** This very run again, where the names of its buckets are known as hosts. */
async function runInNamespace(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'hotbucket-hosts-'))
  const runId = `${process.pid}`
  const buckets = CLIENT_NAMES.flatMap((name) => (['direct', 'hotbucket'] as const).map((mode) => bucketOf(name, mode, runId)))
  const command = [process.execPath, ...process.argv.slice(1), '--run-id', runId]
  try {
    return await runAgain(await withHostNames(directory, buckets, command))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  if (options.variant.style === 'virtual-host' && !options.inNamespace) return runInNamespace()
  const stateDirectory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hotbucket-tests')
  await mkdir(stateDirectory, { recursive: true })
  const runDirectory = await mkdtemp(join(tmpdir(), 'hotbucket-clients-'))
  const installer = new Installer(stateDirectory, say)
  const startedMs = Date.now()
  let origin: TestOrigin | undefined
  const interrupted = (): void => {
    say('interrupted: stopping what was started')
    killBackgroundProcesses()
    void Promise.allSettled([origin?.stop(), rm(runDirectory, { recursive: true, force: true })]).finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const clients = await prepareClients(options.only.length > 0 ? options.only : CLIENT_NAMES, installer)
    const motoServer = async (): Promise<string> => join(await installer.python('moto'), 'moto_server')
    origin = await startOrigin(options.origin, { stateDirectory, runDirectory, motoServer, say })
    say(`origin: ${origin.name} at ${origin.endpoint} after ${Math.round((Date.now() - startedMs) / 1000)} s`)
    const tls = options.variant.scheme === 'https' ? await makeTlsFiles(runDirectory) : undefined
    const results = await runAll(clients, origin, { ...options, runDirectory, tls })
    if (options.json !== undefined) await writeFile(options.json, JSON.stringify(results))
    const { lines, passed, failed } = report(results, options.modes.includes('hotbucket') ? 'hotbucket' : 'direct')
    for (const line of ['', ...lines, '']) say(line)
    say(
      `origin ${origin.name}; ${Math.round((Date.now() - startedMs) / 1000)} s; logs ${options.keep ? `in ${runDirectory}` : 'deleted (--keep keeps them)'}`,
    )
    say(`${passed} passed, ${failed} failed`)
    return failed === 0 && passed > 0 ? 0 : 1
  } finally {
    await origin?.stop()
    if (!options.keep) await rm(runDirectory, { recursive: true, force: true })
  }
}

try {
  const argv = process.argv.slice(2)
  const ofOne = argv.some((word) => /^--(style|scheme|direct|help)\b/.test(word))
  process.exitCode = await (ofOne ? main() : runVariants(argv))
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
