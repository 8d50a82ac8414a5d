import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'

/** A program that the benchmark needs, and the Debian package that has it. */
export interface Tool {
  readonly command: string
  readonly package: string
}

/** Why the benchmark cannot run here, in words for a person. */
export class BenchUnavailable extends Error {
  override readonly name = 'BenchUnavailable'
}

export const NGINX: Tool = { command: 'nginx', package: 'nginx' }
export const WRK: Tool = { command: 'wrk', package: 'wrk' }
export const TASKSET: Tool = { command: 'taskset', package: 'util-linux' }
export const VARNISH: Tool = { command: 'varnishd', package: 'varnish' }
export const OPENSSL: Tool = { command: 'openssl', package: 'openssl' }

/**
 * Sees to it that the programs are there: what is missing is installed with apt-get where this is Debian or a relative of it and
 * the user may install. Throws BenchUnavailable otherwise.
 */
export function ensureTools(tools: readonly Tool[], say: (line: string) => void): void {
  if (process.platform !== 'linux') throw new BenchUnavailable(`Cannot run on ${process.platform}: CPU accounting and pinning need Linux`)
  const missing = tools.filter((tool) => !isInstalled(tool))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((tool) => tool.package))]
  const commands = missing.map((tool) => tool.command).join(', ')
  if (!isInstalled({ command: 'apt-get', package: 'apt' }) || process.getuid?.() !== 0) {
    throw new BenchUnavailable(`Cannot run without ${commands}: install the packages ${packages.join(' ')} and start again`)
  }
  say(`Installing ${packages.join(' ')} with apt-get`)
  // RUNLEVEL=1 keeps the package from starting its service: the benchmark starts its own nginx.
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  for (const step of [
    ['update', '--quiet'],
    ['install', '--yes', '--no-install-recommends', ...packages],
  ]) {
    const { status, stderr } = spawnSync('apt-get', step, { env: environment, encoding: 'utf8' })
    if (status !== 0) throw new BenchUnavailable(`Cannot install ${packages.join(' ')}: apt-get ${step[0]} said "${lastLine(stderr)}"`)
  }
  const absent = tools.filter((tool) => !isInstalled(tool))
  if (absent.length > 0) throw new BenchUnavailable(`Cannot find ${absent.map((tool) => tool.command).join(', ')} after installing it`)
}

/** Throws BenchUnavailable unless server and load generator can have a core each. */
export function ensureCores(...wanted: number[]): void {
  const count = cpus().length
  if (new Set(wanted).size < wanted.length || wanted.some((cpu) => cpu >= count)) {
    throw new BenchUnavailable(`Cannot pin to cores ${wanted.join(' and ')}: there are ${count}, and each wants its own`)
  }
}

function isInstalled(tool: Tool): boolean {
  // Debian keeps servers in sbin directories, which an ordinary user's PATH lacks.
  const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` }
  return spawnSync('sh', ['-c', `command -v ${tool.command}`], { env: environment }).status === 0
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
