/** `npm run test:clients`: unmodified S3 clients do their work direct and through hotbucket, and both are compared with the origin. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { awsCli } from './adapters/aws-cli.ts'
import { curl } from './adapters/curl.ts'
import { libraryClients } from './adapters/libraries.ts'
import { rclone } from './adapters/rclone.ts'
import { s3cmd } from './adapters/s3cmd.ts'
import { killBackgroundProcesses } from './background-process.ts'
import type { Client } from './client.ts'
import { Installer } from './install.ts'
import { startOrigin } from './origins/start-origin.ts'
import { ORIGIN_NAMES, type OriginName, type TestOrigin } from './origins/test-origin.ts'
import { type ClientResult, report } from './report.ts'
import { type Mode, type Where, runScenario } from './scenario/run-scenario.ts'

const CLIENT_NAMES = ['aws-cli', 'boto3', 'sdk-js', 's3fs', 'pyarrow', 'rclone', 's3cmd', 'curl'] as const

const USAGE = `npm run test:clients -- [options]

  --origin NAME   ${ORIGIN_NAMES.join(', ')}; default rgw where it can run, else moto. "endpoint" takes
                  HOTBUCKET_TEST_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION
  --only NAME     one client, may be repeated: ${CLIENT_NAMES.join(', ')}
  --direct        without hotbucket: the baseline alone
  --program FILE  hotbucket's entry point; default bin/hotbucket.js
  --jobs N        clients at a time; default as many as there are cores, at most 4
  --keep          keep the directory with the logs of this run
`

interface Options {
  readonly origin: OriginName | undefined
  readonly only: readonly string[]
  readonly modes: readonly Mode[]
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
    modes: values.direct ? ['direct'] : ['direct', 'hotbucket'],
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
  await prepare(['aws-cli', 's3cmd'], async () => [awsCli(join(await bin('clients'), 'aws')), s3cmd(join(await bin('clients'), 's3cmd'))])
  await prepare(['boto3', 'pyarrow', 'sdk-js'], async () => libraryClients({ clients: join(await bin('clients'), 'python'), s3fs: '' }))
  await prepare(['s3fs'], async () => libraryClients({ clients: '', s3fs: join(await bin('s3fs'), 'python') }))
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
  options: Options & { readonly runDirectory: string },
): Promise<ClientResult[]> {
  const results = new Map<string, ClientResult>()
  const jobs: Job[] = []
  for (const [name, client] of clients) {
    if (client instanceof Error) results.set(name, { name, version: '', broken: client.message })
    else jobs.push(...options.modes.map((mode) => ({ client, mode, results })))
  }
  const worker = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift())
      await runJob(job, { origin, runDirectory: options.runDirectory, program: options.program })
  }
  await Promise.all(Array.from({ length: options.jobs }, worker))
  return CLIENT_NAMES.flatMap((name) => results.get(name) ?? [])
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
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
    const results = await runAll(clients, origin, { ...options, runDirectory })
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
  process.exitCode = await main()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
