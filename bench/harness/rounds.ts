import { cpus } from 'node:os'

import type { LoadPlan } from './load-plan.ts'
import { runLoad, type MeasuredLoad } from './load.ts'
import { noiseOf, voidReason } from './noise.ts'
import { cpuSecondsOf, machineCpu, processCpu } from './proc-stat.ts'
import type { BenchServer } from './server.ts'

/** One column of a comparison: a server and what it is asked. */
export interface Contender {
  readonly name: string
  readonly server: BenchServer
  /** Called before every run, so that signatures are young. */
  readonly requests: () => readonly string[]
}

/** What one contender did in one round. */
export interface Run {
  readonly contender: string
  readonly load: MeasuredLoad
  /** CPU time of the server's processes, seconds. */
  readonly serverSeconds: number
  /** Why this run does not count; undefined where it does. */
  readonly void: string | undefined
}

/** All contenders, once each, one after the other: what may be compared with one another. */
export type Round = readonly Run[]

export type LoadShape = Omit<LoadPlan, 'host' | 'port' | 'requests'>

export interface RoundsPlan {
  readonly contenders: readonly Contender[]
  readonly shape: LoadShape
  readonly rounds: number
  readonly say: (line: string) => void
}

/** Void rounds are repeated until this many times the wanted number were run in all. */
const ATTEMPTS_FACTOR = 2

/**
 * Runs rounds until the wanted number are valid, forwards and backwards in turn (A B C, C B A, ...), so that a machine that gets
 * slower or faster meanwhile favours nobody. Where the machine stays noisy, fewer valid rounds come back, and the void ones with them.
 */
export async function runRounds(plan: RoundsPlan): Promise<Round[]> {
  const rounds: Round[] = []
  const validCount = (): number => rounds.filter(isValid).length
  while (validCount() < plan.rounds && rounds.length < plan.rounds * ATTEMPTS_FACTOR) {
    const order = rounds.length % 2 === 0 ? plan.contenders : plan.contenders.toReversed()
    const round: Run[] = []
    for (const contender of order) round.push(await measure(contender, plan.shape))
    rounds.push(round)
    const reasons = round.flatMap((run) => (run.void === undefined ? [] : [`${run.contender}: ${run.void}`]))
    plan.say(`  round ${rounds.length}: ${reasons.length === 0 ? 'ok' : `void (${reasons.join(', ')})`}`)
  }
  return rounds
}

export function isValid(round: Round): boolean {
  return round.every((run) => run.void === undefined)
}

/** One run with everything that is known of it. Throws where an answer was wrong: there is nothing to compare then. */
export async function measure(contender: Contender, shape: LoadShape): Promise<Run> {
  const { host, port } = contender.server
  const pids = contender.server.pids()
  const requests = contender.requests()
  const before = { machine: machineCpu(), server: cpuSecondsOf(pids), self: processCpu('self').ownSeconds, ms: performance.now() }
  const load = await runLoad({ ...shape, host, port, requests })
  const after = { machine: machineCpu(), server: cpuSecondsOf(pids), self: processCpu('self').ownSeconds, ms: performance.now() }
  if (load.errors > 0) throw new Error(`Cannot compare ${contender.name}: ${load.errors} of ${load.requests} answers were wrong`)
  const serverSeconds = after.server - before.server
  const noise = noiseOf({
    elapsedSeconds: (after.ms - before.ms) / 1000,
    cores: cpus().length,
    before: before.machine,
    after: after.machine,
    ownSeconds: serverSeconds + load.generatorSeconds + after.self - before.self,
  })
  return { contender: contender.name, load, serverSeconds, void: voidReason(noise) }
}
