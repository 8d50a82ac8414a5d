import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { benchServer, freePort, startPinned, type BenchServer } from './server.ts'

export interface VarnishSetup {
  /** What it caches, at a port of the loopback device. */
  readonly originPort: number
  readonly memoryMiB: number
  readonly cpus: string
  readonly workDirectory: string
}

/** Varnish with its memory storage, everything cached for an hour, threads ready for every connection. */
export async function startVarnish(setup: VarnishSetup): Promise<BenchServer> {
  const port = await freePort()
  const directory = join(setup.workDirectory, 'varnish')
  await mkdir(directory, { recursive: true })
  const vclPath = join(setup.workDirectory, 'varnish.vcl')
  await writeFile(vclPath, varnishVcl(setup.originPort))
  const path = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
  const master = await startPinned(
    { command: varnishCommand(setup, { port, directory, vclPath }), cpus: setup.cpus, environment: { PATH: path } },
    port,
  )
  return benchServer('varnish', master, { port })
}

/** `-j none`: no other user and no jail, since the directory is ours. Connections are never closed for being idle. */
export function varnishCommand(
  setup: VarnishSetup,
  at: { readonly port: number; readonly directory: string; readonly vclPath: string },
): string[] {
  const parameters = ['timeout_idle=3600', 'thread_pools=1', 'thread_pool_min=100', 'thread_pool_max=1000']
  return [
    'varnishd',
    '-j',
    'none',
    '-F',
    '-a',
    `127.0.0.1:${at.port}`,
    '-T',
    'none',
    '-n',
    at.directory,
    '-f',
    at.vclPath,
    '-s',
    `malloc,${setup.memoryMiB}m`,
    '-t',
    '3600',
    ...parameters.flatMap((parameter) => ['-p', parameter]),
  ]
}

/** The smallest program that caches; the word that says whether an answer was a hit is needed by the check before measuring. */
export function varnishVcl(originPort: number): string {
  return `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${originPort}"; }
sub vcl_deliver {
  if (obj.hits > 0) { set resp.http.Cache-Status = "varnish; HIT"; } else { set resp.http.Cache-Status = "varnish; MISS"; }
}
`
}
