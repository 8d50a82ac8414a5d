import { spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../bin/hotbucket.js', import.meta.url))

/** A hotbucket that runs as a process of its own, as a user would start it. */
export interface HotbucketProcess {
  /** `http://127.0.0.1:PORT` of the S3 side. */
  readonly endpoint: string
  /** The same of the admin side. */
  readonly admin: string
  readonly pid: number
  /** Everything it has printed so far. */
  output(): string
  /** Resident set size now, bytes. */
  rssBytes(): Promise<number>
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>
  /** Ends it by SIGTERM; gives the exit code. */
  stop(): Promise<number | null>
}

/** Starts `hotbucket serve` with these arguments on free ports, and waits until it listens. `node`: arguments of Node's own. */
export async function startHotbucket(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  node: readonly string[] = [],
): Promise<HotbucketProcess> {
  const child = spawn(process.execPath, [...node, MAIN, 'serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const ready = await new Promise<{ listen: string; admin: string }>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString('latin1')
      const line = output.split('\n').find((candidate) => candidate.includes('"msg":"listening"') && candidate.endsWith('}'))
      if (line !== undefined) resolve(JSON.parse(line) as { listen: string; admin: string })
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => reject(new Error(`hotbucket ended with ${code} before it listened:\n${output}`)))
  })
  return {
    endpoint: `http://${ready.listen}`,
    admin: `http://${ready.admin}`,
    pid: child.pid ?? 0,
    output: () => output,
    rssBytes: async () => residentBytes(child),
    ended: exited,
    stop: async () => {
      child.kill('SIGTERM')
      return exited
    },
  }
}

/** Runs hotbucket with these arguments to its end. */
export async function runHotbucket(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

async function residentBytes(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid ?? 0}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}
