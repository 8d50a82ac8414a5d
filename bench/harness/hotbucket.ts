import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { processTree } from './proc-stat.ts'
import { freePort, startPinned, stopProcess, type BenchServer } from './server.ts'

export interface HotbucketSetup {
  /** Directory whose sub-directories are the buckets. */
  readonly root: string
  readonly workDirectory: string
  readonly memoryMiB: number
}

/** The key pair that signed requests use. The server takes unsigned requests too, so that one process serves both kinds. */
export const BENCH_CREDENTIALS = { accessKeyId: 'BENCHACCESSKEY', secretAccessKey: 'bench-secret-access-key' } as const
export const BENCH_REGION = 'us-east-1'

const MAIN = join(import.meta.dirname, '../../bin/hotbucket.js')

/**
 * hotbucket from this checkout in front of a directory origin. Request log off, as nginx's is; metrics cannot be switched off and
 * are on. A freshness of an hour, so that no round meets a revalidation.
 */
export async function startHotbucket(setup: HotbucketSetup, cpu: number): Promise<BenchServer> {
  const port = await freePort()
  const configPath = join(setup.workDirectory, 'hotbucket.yaml')
  await writeFile(configPath, hotbucketConfig(setup, port, await freePort()))
  const server = await startPinned({ command: [process.execPath, MAIN, 'serve', '--config', configPath], cpu }, port)
  const pid = server.pid
  if (pid === undefined) throw new Error('Cannot start hotbucket: it has no process id')
  return {
    name: 'hotbucket',
    host: '127.0.0.1',
    port,
    pids: () => processTree(pid),
    stop: () => stopProcess(server, 'SIGTERM'),
  }
}

/** JSON is YAML. */
function hotbucketConfig(setup: HotbucketSetup, port: number, adminPort: number): string {
  return JSON.stringify({
    listen: `127.0.0.1:${port}`,
    admin: `127.0.0.1:${adminPort}`,
    memory: `${setup.memoryMiB}MiB`,
    mode: 'ttl=1h',
    anonymous: true,
    origins: [{ name: 'files', directory: setup.root }],
    clients: [{ ...BENCH_CREDENTIALS, grants: [{ bucket: '*', actions: ['read'] }] }],
    log: { level: 'warn', requests: false },
  })
}
