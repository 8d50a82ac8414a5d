import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, connect } from 'node:net'

/** A server under test, running as a process of its own and bound to one core. */
export interface BenchServer {
  readonly name: string
  readonly host: string
  readonly port: number
  /** The processes whose CPU time counts. */
  pids(): readonly number[]
  stop(): Promise<void>
}

export interface PinnedProcess {
  readonly command: readonly string[]
  readonly cpu: number
  readonly environment?: Readonly<Record<string, string>>
}

const START_MS_MAX = 20_000
const STOP_MS_MAX = 10_000
const RETRY_MS = 50
const ERROR_TEXT_MAX = 4000

/** Starts a process bound to one core and waits until its port answers. Rejects with what it wrote to stderr where it ends before. */
export async function startPinned(pinned: PinnedProcess, port: number): Promise<ChildProcess> {
  const environment = { ...process.env, ...pinned.environment }
  const child = spawn('taskset', ['--cpu-list', `${pinned.cpu}`, ...pinned.command], {
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

/** Ends a process, first politely. */
export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port: the listener has no address')
  return address.port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
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
