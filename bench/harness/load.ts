import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { processCpu } from './proc-stat.ts'
import { parseWrkOutput, wrkScript } from './wrk.ts'

/** A closed loop of GETs: every connection asks for the next object as soon as it has the last one. */
export interface LoadPlan {
  readonly generator: LoadGenerator
  readonly host: string
  readonly port: number
  /** Whole requests as they go on the wire; each connection walks through them in turn. */
  readonly requests: readonly string[]
  /** What every response body must measure. */
  readonly bodyBytes: number
  readonly connections: number
  readonly seconds: number
  /** The core that the generator is bound to. */
  readonly cpu: number
  /** Directory for the script that tells the generator what to do. */
  readonly workDirectory: string
}

/**
 * `wrk` for responses up to a MiB. It reads 8 KiB at a time, so for larger bodies it uses up its core long before nginx does; those
 * are read by `bulk-reader`, which takes 256 KiB at a time (and costs more per request, so it would be the limit for small ones).
 */
export type LoadGenerator = 'wrk' | 'bulk-reader'

/** What one run of a load generator counted. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** All bytes received, heads included. */
  readonly bytes: number
  /** Connections that failed or broke, answers that were no 200 or of the wrong length, timeouts. */
  readonly errors: number
  readonly p50Us: number
  readonly p99Us: number
}

/** A result and the CPU time that it cost the generator, seconds. */
export interface MeasuredLoad extends LoadResult {
  readonly generatorSeconds: number
}

const OUTPUT_BYTES_MAX = 1024 ** 2
const START_AND_STOP_MS_MAX = 30_000

/** Runs a load to its end. Rejects where the generator cannot run or what it prints cannot be read. */
export async function runLoad(plan: LoadPlan): Promise<MeasuredLoad> {
  const scriptPath = join(plan.workDirectory, `load-${plan.generator}${plan.generator === 'wrk' ? '.lua' : '.json'}`)
  await writeFile(scriptPath, plan.generator === 'wrk' ? wrkScript(plan.requests) : JSON.stringify(plan))
  const before = processCpu('self').childrenSeconds
  try {
    const output = await runPinned(plan, commandOf(plan, scriptPath))
    const result = plan.generator === 'wrk' ? parseWrkOutput(output) : (JSON.parse(output) as LoadResult)
    return { ...result, generatorSeconds: processCpu('self').childrenSeconds - before }
  } finally {
    await rm(scriptPath, { force: true })
  }
}

function commandOf(plan: LoadPlan, scriptPath: string): string[] {
  if (plan.generator === 'bulk-reader') return [process.execPath, join(import.meta.dirname, 'bulk-reader.ts'), scriptPath]
  const url = `http://${plan.host}:${plan.port}/`
  return ['wrk', '--threads', '1', '--connections', `${plan.connections}`, '--duration', `${plan.seconds}s`, '--script', scriptPath, url]
}

function runPinned(plan: LoadPlan, command: readonly string[]): Promise<string> {
  const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: plan.seconds * 1000 + START_AND_STOP_MS_MAX }
  return new Promise((resolve, reject) => {
    execFile('taskset', ['--cpu-list', `${plan.cpu}`, ...command], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`Cannot run ${plan.generator}: ${stderr.trim() || error.message}`))
    })
  })
}
