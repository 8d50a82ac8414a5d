import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'

import { account } from '../harness/accounting.ts'
import { notMeasured, type Finding } from '../harness/finding.ts'
import { makeObjectRoot, writeObjectSet } from '../harness/objects.ts'
import type { PartContext, PartResult } from '../harness/part.ts'
import { residentBytes } from '../harness/proc-memory.ts'
import { plainRequests } from '../harness/requests.ts'
import { roundsToUse, takeTurns, type Turn } from '../harness/rounds.ts'
import { spreadOf } from '../harness/statistics.ts'
import { HOTBUCKET_MAIN, hotbucketConfig, startOr, type HotbucketSetup } from '../servers/hotbucket.ts'
import { freePort } from '../servers/server.ts'

const MIB = 1024 ** 2
const SIZE_BYTES = 4096
const MEMORY_MIB = 256
const SETTLE_MS = 5000
const START_MS_MAX = 30_000
const RETRY_MS = 1

interface StartTurn extends Turn {
  readonly ms: number
}

/** From starting the process to its first answer, with and without what Node compiled before; and what it holds when idle. */
export async function startUp(context: PartContext): Promise<PartResult> {
  const { workDirectory, say, sizes } = context
  const root = await makeObjectRoot(workDirectory)
  const set = await writeObjectSet(root, SIZE_BYTES)
  const path = set.paths[0]!
  const cpus = `${context.serverCpus},${context.place.cpus}`
  const setup: HotbucketSetup = { source: { kind: 'files', root }, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }
  say('\nstart')
  const warm = join(workDirectory, 'compiled')
  await startOnce(setup, path, warm)
  const contenders = [
    { name: 'warm', run: async () => turn('warm', () => startOnce(setup, path, warm)) },
    { name: 'cold', run: async () => turn('cold', () => startCold(setup, path)) },
  ]
  const { used, counts } = roundsToUse(await takeTurns({ contenders, rounds: sizes.starts, say }))
  const of = (name: string): number[] => used.flat().flatMap((each) => (each.contender === name ? [each.ms] : []))
  const note = 'start: one worker, on all cores; from starting the process to the last byte of the first 4 KiB read'
  const findings: Finding[] = [
    { name: 'start-warm', measured: spreadOf(of('warm')), rounds: counts, notes: [note] },
    { name: 'start-cold', measured: spreadOf(of('cold')), rounds: counts, notes: [note] },
    ...(await idle(setup, context.rounds)),
  ]
  return { findings, rows: [] }
}

async function turn(contender: string, start: () => Promise<number>): Promise<StartTurn> {
  const { value: ms, void: noise } = await account({ server: [] }, start)
  return { contender, ms, void: noise }
}

async function startCold(setup: HotbucketSetup, path: string): Promise<number> {
  const directory = await mkdtemp(join(setup.workDirectory, 'compiled-'))
  try {
    return await startOnce(setup, path, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Starts, reads one object, ends; gives milliseconds from start to the whole answer. */
async function startOnce(setup: HotbucketSetup, path: string, compileCache: string): Promise<number> {
  const port = await freePort()
  const configPath = join(setup.workDirectory, 'start.yaml')
  await writeFile(configPath, hotbucketConfig(setup, port, await freePort()))
  const [request] = plainRequests([path], `127.0.0.1:${port}`)
  const startedMs = performance.now()
  const child = spawn(process.execPath, [HOTBUCKET_MAIN, 'serve', '--config', configPath], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  try {
    while (!(await answers(port, request!))) {
      if (child.exitCode !== null || performance.now() - startedMs > START_MS_MAX) throw new Error('Cannot measure the start: no answer')
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
    return performance.now() - startedMs
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

/** True after a whole 200; false where nobody listens. */
function answers(port: number, request: string): Promise<boolean> {
  return new Promise((resolve) => {
    let received = 0
    let ok = false
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(request))
    socket.on('data', (bytes) => {
      if (received === 0) ok = bytes.toString('latin1', 0, 12) === 'HTTP/1.1 200'
      received += bytes.length
      if (received > SIZE_BYTES || !ok) socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(ok && received > SIZE_BYTES))
  })
}

/** Resident memory some seconds after the start, with two workers, of some processes one after another. */
async function idle(setup: HotbucketSetup, rounds: number): Promise<Finding[]> {
  const workers = 2
  const mib: number[] = []
  for (let round = 0; round < rounds; round++) {
    const server = await startOr({ ...setup, workers })
    if (typeof server === 'string') return notMeasured(['idle-rss'], `no second worker: ${server}`)
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    mib.push(residentBytes(server.pids()) / MIB)
    await server.stop()
  }
  const note = `idle: ${SETTLE_MS / 1000} s after the start, no request so far, memory ${MEMORY_MIB} MiB`
  return [{ name: 'idle-rss', measured: spreadOf(mib), rounds: undefined, notes: [note] }]
}
