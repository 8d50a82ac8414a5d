import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackgroundProcess } from '../background-process.ts'
import { cleanEnvironment, run } from '../command.ts'
import { goProgram } from '../install-go.ts'
import { freePorts } from '../ports.ts'
import {
  OTHER_CREDENTIALS,
  type OriginName,
  PLAIN_CREDENTIALS,
  TENANT_CREDENTIALS,
  TEST_CREDENTIALS,
  type TestOrigin,
} from './test-origin.ts'

const RGW_SCRIPT = fileURLToPath(new URL('rgw.sh', import.meta.url))
const RGW_TIMEOUT_MS = 15 * 60_000
const VERSITY_MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'
const MOTO_TIMEOUT_MS = 60_000

interface OriginOptions {
  readonly stateDirectory: string
  readonly runDirectory: string
  /** The moto_server program; installed only where it is asked for. */
  readonly motoServer: () => Promise<string>
  readonly say: (line: string) => void
}

/** Starts the origin that was asked for; without a name the strictest one that this machine can run. */
export async function startOrigin(name: OriginName | undefined, options: OriginOptions): Promise<TestOrigin> {
  if (name === 'endpoint') return givenEndpoint()
  if (name === 'moto') return startMoto(options)
  if (name === 'rgw') return startRgw(options)
  if (name === 'versitygw') return startVersityGateway(options)
  try {
    return await startRgw(options)
  } catch (error) {
    options.say(error instanceof Error ? error.message : String(error))
    options.say('origin: moto instead of Ceph RGW; moto checks no signatures, so neither does this run')
    return startMoto(options)
  }
}

function rgwObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  return process.getuid?.() === 0 ? undefined : 'its chroot needs root'
}

async function startRgw(options: OriginOptions): Promise<TestOrigin> {
  const obstacle = rgwObstacle()
  if (obstacle !== undefined) throw new Error(`Cannot start origin "rgw": ${obstacle}`)
  const directory = join(options.stateDirectory, 'rgw')
  const release = await lock(join(options.stateDirectory, 'rgw.lock'))
  const env = cleanEnvironment(options.runDirectory, {
    RGW_ACCESS_KEY: TEST_CREDENTIALS.accessKeyId,
    RGW_SECRET_KEY: TEST_CREDENTIALS.secretAccessKey,
    RGW_PLAIN_ACCESS_KEY: PLAIN_CREDENTIALS.accessKeyId,
    RGW_PLAIN_SECRET_KEY: PLAIN_CREDENTIALS.secretAccessKey,
    RGW_TENANT_ACCESS_KEY: TENANT_CREDENTIALS.accessKeyId,
    RGW_TENANT_SECRET_KEY: TENANT_CREDENTIALS.secretAccessKey,
    RGW_OTHER_ACCESS_KEY: OTHER_CREDENTIALS.accessKeyId,
    RGW_OTHER_SECRET_KEY: OTHER_CREDENTIALS.secretAccessKey,
    ...pick('HOTBUCKET_TEST_DEBIAN_MIRROR', 'http_proxy', 'https_proxy'),
  })
  const [port = 0, monitorPort = 0] = await freePorts(2)
  options.say(`origin: starting Ceph RGW on port ${port} (the first time a chroot is built, about a minute)`)
  const script = async (...args: string[]): Promise<string> => (await run(RGW_SCRIPT, args, { env, timeoutMs: RGW_TIMEOUT_MS })).stdout
  const stop = async (): Promise<void> => {
    await script('down', directory)
    await release()
  }
  try {
    const stdout = await script('up', directory, String(port), String(monitorPort))
    const version = /^version=(.*)$/m.exec(stdout)?.[1] ?? 'unknown'
    return {
      name: `Ceph RGW ${version}`,
      endpoint: `http://127.0.0.1:${port}`,
      credentials: TEST_CREDENTIALS,
      plain: PLAIN_CREDENTIALS,
      other: OTHER_CREDENTIALS,
      tenant: TENANT_CREDENTIALS,
      port,
      disposable: true,
      stop,
    }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}

async function startMoto(options: OriginOptions): Promise<TestOrigin> {
  const program = await options.motoServer()
  const [port = 0] = await freePorts(1)
  options.say(`origin: starting moto on port ${port}`)
  const env = cleanEnvironment(options.runDirectory)
  const server = new BackgroundProcess([program, '-H', '127.0.0.1', '-p', String(port)], {
    name: 'moto',
    env,
    logFile: join(options.runDirectory, 'moto.log'),
  })
  await server.waitFor(`http://127.0.0.1:${port}/moto-api/data.json`, MOTO_TIMEOUT_MS)
  const stop = async (): Promise<void> => {
    await server.stop(5_000)
  }
  const keys = { credentials: TEST_CREDENTIALS, plain: PLAIN_CREDENTIALS }
  return { name: 'moto', endpoint: `http://127.0.0.1:${port}`, ...keys, port, disposable: true, stop }
}

/** The Versity gateway over a directory: codes and fields as AWS has them, signatures checked. */
async function startVersityGateway(options: OriginOptions): Promise<TestOrigin> {
  const program = await goProgram(join(options.stateDirectory, 'go'), VERSITY_MODULE)
  const [port = 0] = await freePorts(1)
  options.say(`origin: starting the Versity gateway on port ${port}`)
  const home = join(options.runDirectory, 'versitygw')
  const [data, versions] = [join(home, 'data'), join(home, 'versions')]
  for (const directory of [data, versions]) await mkdir(directory, { recursive: true })
  const { accessKeyId, secretAccessKey, region } = TEST_CREDENTIALS
  const words = [
    '--port',
    `127.0.0.1:${port}`,
    '--access',
    accessKeyId,
    '--secret',
    secretAccessKey,
    '--region',
    region,
    '--health',
    '/health',
  ]
  const server = new BackgroundProcess([program, ...words, '--quiet', 'posix', '--versioning-dir', versions, data], {
    name: 'versitygw',
    env: cleanEnvironment(home),
    logFile: join(home, 'versitygw.log'),
  })
  await server.waitFor(`http://127.0.0.1:${port}/health`, MOTO_TIMEOUT_MS)
  const stop = async (): Promise<void> => {
    await server.stop(5_000)
  }
  const name = VERSITY_MODULE.split('/').at(-1) ?? ''
  return { name, endpoint: `http://127.0.0.1:${port}`, credentials: TEST_CREDENTIALS, port, disposable: true, stop }
}

function givenEndpoint(): TestOrigin {
  const needed = ['HOTBUCKET_TEST_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].filter((name) => !process.env[name])
  if (needed.length > 0) throw new Error(`Cannot use origin "endpoint": ${needed.join(', ')} must be set`)
  const given = (name: string): string => process.env[name] ?? ''
  const credentials = {
    accessKeyId: given('AWS_ACCESS_KEY_ID'),
    secretAccessKey: given('AWS_SECRET_ACCESS_KEY'),
    region: given('AWS_REGION') || 'us-east-1',
  }
  const endpoint = given('HOTBUCKET_TEST_ENDPOINT').replace(/\/$/, '')
  const { hostname, port } = new URL(endpoint)
  // One on this machine can be counted at.
  const local = hostname === '127.0.0.1' && endpoint.startsWith('http:') ? Number(port) : undefined
  return { name: endpoint, endpoint, credentials, port: local, disposable: false, stop: async () => undefined }
}

/** Two runs must not share one store: starting it empties it. */
async function lock(file: string): Promise<() => Promise<void>> {
  await mkdir(dirname(file), { recursive: true })
  const holder = Number(await readFile(file, 'utf8').catch(() => '0'))
  if (holder > 0 && alive(holder)) throw new Error(`Cannot start origin "rgw": process ${holder} is using it`)
  await writeFile(file, String(process.pid))
  return async () => rm(file, { force: true })
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function pick(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}
