import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, connect } from 'node:net'

import { processTree } from '../harness/proc-stat.ts'

/** A server under test, running as processes of its own, bound to some cores. */
export interface BenchServer {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** The processes whose CPU time counts. */
  pids(): readonly number[]
  stop(): Promise<void>
}

export interface PinnedProcess {
  readonly command: readonly string[]
  /** Cores as `taskset` takes them: `0`, `0,1`. */
  readonly cpus: string
  readonly environment?: Readonly<Record<string, string>>
}

const LOOPBACK = '127.0.0.1'
const START_MS_MAX = 20_000
const STOP_MS_MAX = 10_000
const RETRY_MS = 50
const ERROR_TEXT_MAX = 4000

/** Starts a process bound to its cores and waits until its port answers. Rejects with what it wrote to stderr where it ends before. */
export async function startPinned(pinned: PinnedProcess, port: number): Promise<ChildProcess> {
  const environment = { ...process.env, ...pinned.environment }
  const child = spawn('taskset', ['--cpu-list', pinned.cpus, ...pinned.command], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errorText = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-ERROR_TEXT_MAX)
  })
  const name = pinned.command.slice(0, 3).join(' ')
  const deadline = performance.now() + START_MS_MAX
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`Cannot start "${name}": it ended with code ${child.exitCode}: ${errorText.trim()}`)
    if (performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`Cannot start "${name}": port ${port} did not answer within ${START_MS_MAX} ms: ${errorText.trim()}`)
    }
    await pause(RETRY_MS)
  }
  return child
}

/** The face of a started process to those who measure it. */
export function benchServer(name: string, child: ChildProcess, at: { readonly port: number; readonly tls?: boolean }): BenchServer {
  const { pid } = child
  if (pid === undefined) throw new Error(`Cannot measure ${name}: it has no process id`)
  return {
    name,
    host: LOOPBACK,
    port: at.port,
    tls: at.tls === true,
    pids: () => processTree(pid),
    stop: () => stopProcess(child, 'SIGTERM'),
  }
}

/** What a request names as its host. */
export function authority(server: BenchServer): string {
  return `${server.host}:${server.port}`
}

/** Ends a process, first politely. */
async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill(signal)
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await ended
  clearTimeout(killer)
}

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port: the listener has no address')
  return address.port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
