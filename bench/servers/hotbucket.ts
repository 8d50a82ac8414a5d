import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Identity } from './identity.ts'
import { benchServer, freePort, startPinned, type BenchServer } from './server.ts'

export interface HotbucketSetup {
  readonly source:
    /** Directory whose sub-directories are the buckets. */
    | { readonly kind: 'files'; readonly root: string }
    /** An S3 origin at this port of the loopback device. */
    | { readonly kind: 's3'; readonly port: number }
  readonly memoryMiB: number
  readonly workers: number
  readonly cpus: string
  readonly identity?: Identity
  readonly disk?: { readonly directory: string; readonly max: string }
  readonly workDirectory: string
  /** More for the environment of the process. */
  readonly environment?: Readonly<Record<string, string>>
}

/** hotbucket with where its metrics are. */
export interface HotbucketServer extends BenchServer {
  /** `http://127.0.0.1:PORT`. */
  readonly admin: string
}

/** The key pair that signed requests use. The server takes unsigned requests too, so that one process serves both kinds. */
export const BENCH_CREDENTIALS = { accessKeyId: 'BENCHACCESSKEY', secretAccessKey: 'bench-secret-access-key' } as const
export const BENCH_REGION = 'us-east-1'

/** What users start. */
export const HOTBUCKET_MAIN = join(import.meta.dirname, '../../bin/hotbucket.js')

let started = 0

/**
 * hotbucket from this checkout. Request log off, as nginx's is; metrics cannot be switched off and are on. A freshness of an hour,
 * so that no round meets a revalidation.
 */
export async function startHotbucket(setup: HotbucketSetup): Promise<HotbucketServer> {
  const port = await freePort()
  const adminPort = await freePort()
  const configPath = join(setup.workDirectory, `hotbucket-${++started}.yaml`)
  await writeFile(configPath, hotbucketConfig(setup, port, adminPort))
  const command = [process.execPath, HOTBUCKET_MAIN, 'serve', '--config', configPath]
  const child = await startPinned({ command, cpus: setup.cpus, environment: setup.environment ?? {} }, port)
  return { ...benchServer('hotbucket', child, { port, tls: setup.identity !== undefined }), admin: `http://127.0.0.1:${adminPort}` }
}

/** hotbucket, or in its own words why it does not start with this configuration. */
export async function startOr(setup: HotbucketSetup): Promise<HotbucketServer | string> {
  try {
    return await startHotbucket(setup)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return text.replace(/^.*?: it ended with code \d+: /s, '').replace(/\s+/g, ' ')
  }
}

/** JSON is YAML. */
export function hotbucketConfig(setup: HotbucketSetup, port: number, adminPort: number): string {
  const { source, identity } = setup
  const origin = source.kind === 'files' ? { directory: source.root } : { url: `http://127.0.0.1:${source.port}`, ...BENCH_CREDENTIALS }
  return JSON.stringify({
    listen: `127.0.0.1:${port}`,
    admin: `127.0.0.1:${adminPort}`,
    memory: `${setup.memoryMiB}MiB`,
    workers: setup.workers,
    ...(setup.disk === undefined ? {} : { disk: setup.disk }),
    mode: 'ttl=1h',
    anonymous: true,
    origins: [{ name: 'objects', ...origin }],
    clients: [{ ...BENCH_CREDENTIALS, grants: [{ bucket: '*', actions: ['read'] }] }],
    ...(identity === undefined ? {} : { tls: { certificate: identity.certificate, key: identity.key } }),
    limits: { idleTimeout: '1h' },
    log: { level: 'warn', requests: false },
  })
}
