import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { LoadPlan, LoadResult } from './load-plan.ts'
import { processCpu } from './proc-stat.ts'
import { parseWrkOutput, wrkScript } from './wrk.ts'

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
  if (plan.generator === 'bulk-reader') return [process.execPath, fileURLToPath(new URL('./bulk-reader.ts', import.meta.url)), scriptPath]
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
