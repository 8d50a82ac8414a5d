import { execFile, spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { HOLD_READY, type HoldPlan } from './hold-plan.ts'
import type { LoadPlan, LoadResult } from './load-plan.ts'
import type { OpenLoopPlan, OpenLoopResult } from './open-loop-plan.ts'
import type { ReadOncePlan, ReadOnceResult } from './read-once-plan.ts'
import { parseWrkOutput, wrkScript } from './wrk.ts'

/** Where a generator runs. */
export interface GeneratorPlace {
  /** The cores that it is bound to, as `taskset` takes them: `1`, `0,1`. */
  readonly cpus: string
  /** Directory for the file that tells the generator what to do. */
  readonly workDirectory: string
}

/** A generator that goes on until it is stopped. */
export interface RunningGenerator {
  readonly pid: number
  stop(): Promise<void>
}

const BULK_READER = new URL('./bulk-reader.ts', import.meta.url)
const OPEN_LOOP = new URL('./open-loop.ts', import.meta.url)
const READ_ONCE = new URL('./read-once.ts', import.meta.url)
const HOLD = new URL('./hold.ts', import.meta.url)

/** A slow answer is a slow answer, not an error: it shows in rate and latency. */
const WRK_TIMEOUT = '60s'
const OUTPUT_BYTES_MAX = 1024 ** 2
const START_AND_STOP_MS_MAX = 30_000
const READ_ONCE_MS_MAX = 30 * 60_000
const HOLD_MS_MAX = 120_000

/** Runs a closed loop to its end. Rejects where the generator cannot run or what it prints cannot be read. */
export async function runLoad(plan: LoadPlan, place: GeneratorPlace): Promise<LoadResult> {
  const limitMs = plan.seconds * 1000 + START_AND_STOP_MS_MAX
  if (plan.generator === 'bulk-reader') return JSON.parse(await runScript(BULK_READER, { plan, place, limitMs })) as LoadResult
  return withFile(place, 'wrk.lua', wrkScript(plan.requests), async (path) => {
    const url = `${plan.tls ? 'https' : 'http'}://${plan.host}:${plan.port}/`
    const shape = [
      '--threads',
      `${plan.threads}`,
      '--connections',
      `${plan.connections}`,
      '--duration',
      `${plan.seconds}s`,
      '--timeout',
      WRK_TIMEOUT,
    ]
    return parseWrkOutput(await runPinned(['wrk', ...shape, '--script', path, url], place.cpus, limitMs))
  })
}

/** Runs an open loop to its end; rejects as `runLoad` does. */
export async function runOpenLoop(plan: OpenLoopPlan, place: GeneratorPlace): Promise<OpenLoopResult> {
  const limitMs = (plan.seconds + plan.warmUpSeconds) * 1000 + START_AND_STOP_MS_MAX
  return JSON.parse(await runScript(OPEN_LOOP, { plan, place, limitMs })) as OpenLoopResult
}

/** Reads every object of the plan once; rejects as `runLoad` does. */
export async function runReadOnce(plan: ReadOncePlan, place: GeneratorPlace): Promise<ReadOnceResult> {
  return JSON.parse(await runScript(READ_ONCE, { plan, place, limitMs: READ_ONCE_MS_MAX })) as ReadOnceResult
}

/** Opens connections that stay open until `stop`. Resolves when all are. */
export async function holdConnections(plan: HoldPlan, place: GeneratorPlace): Promise<RunningGenerator> {
  const path = join(place.workDirectory, `hold-${process.hrtime.bigint()}.json`)
  await writeFile(path, JSON.stringify(plan))
  const child = spawn('taskset', ['--cpu-list', place.cpus, process.execPath, fileURLToPath(HOLD), path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errorText = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errorText += text))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
    await rm(path, { force: true })
  }
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), HOLD_MS_MAX)
    const settle = (value: boolean): void => {
      clearTimeout(timer)
      resolve(value)
    }
    child.stdout.on('data', (text: Buffer) => (text.toString().includes(HOLD_READY) ? settle(true) : undefined))
    void ended.then(() => settle(false))
  })
  if (!ready) {
    await stop()
    throw new Error(`Cannot hold ${plan.connections} connections: ${lastLines(errorText) || `not open within ${HOLD_MS_MAX} ms`}`)
  }
  return { pid: child.pid ?? 0, stop }
}

interface ScriptRun {
  readonly plan: unknown
  readonly place: GeneratorPlace
  readonly limitMs: number
}

function runScript(script: URL, { plan, place, limitMs }: ScriptRun): Promise<string> {
  return withFile(place, 'plan.json', JSON.stringify(plan), (path) =>
    runPinned([process.execPath, fileURLToPath(script), path], place.cpus, limitMs),
  )
}

async function withFile<Value>(place: GeneratorPlace, name: string, text: string, use: (path: string) => Promise<Value>): Promise<Value> {
  const path = join(place.workDirectory, `${process.hrtime.bigint()}-${name}`)
  await writeFile(path, text)
  try {
    return await use(path)
  } finally {
    await rm(path, { force: true })
  }
}

function runPinned(command: readonly string[], cpus: string, limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: limitMs }
    execFile('taskset', ['--cpu-list', cpus, ...command], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`Cannot run ${command.slice(0, 2).join(' ')}: ${lastLines(stderr) || error.message}`))
    })
  })
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-8).join('\n')
}
