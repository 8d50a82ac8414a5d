import type { LoadPlan, LoadResult } from '../generators/load-plan.ts'
import { runLoad, type GeneratorPlace } from '../generators/run-generator.ts'
import type { BenchServer } from '../servers/server.ts'
import { account } from './accounting.ts'

/** What one contender did in one round, whatever it was. */
export interface Turn {
  readonly contender: string
  /** Why this turn does not count; undefined where it does. */
  readonly void: string | undefined
}

export interface TurnsPlan<Result extends Turn> {
  readonly contenders: readonly { readonly name: string; readonly run: () => Promise<Result> }[]
  /** Valid rounds wanted. */
  readonly rounds: number
  readonly say: (line: string) => void
}

/** Void rounds are repeated until this many times the wanted number were run in all. */
const ATTEMPTS_FACTOR = 2

/**
 * Runs rounds until the wanted number are valid, forwards and backwards in turn (A B C, C B A, ...), so that a machine that gets
 * slower or faster meanwhile favours nobody. Where the machine stays noisy, fewer valid rounds come back, and the void ones with them.
 */
export async function takeTurns<Result extends Turn>(plan: TurnsPlan<Result>): Promise<Result[][]> {
  const rounds: Result[][] = []
  const validCount = (): number => rounds.filter(isValid).length
  while (validCount() < plan.rounds && rounds.length < plan.rounds * ATTEMPTS_FACTOR) {
    const order = rounds.length % 2 === 0 ? plan.contenders : plan.contenders.toReversed()
    const round: Result[] = []
    for (const contender of order) round.push(await contender.run())
    rounds.push(round)
    const reasons = round.flatMap((turn) => (turn.void === undefined ? [] : [`${turn.contender}: ${turn.void}`]))
    plan.say(`  round ${rounds.length}: ${reasons.length === 0 ? 'ok' : `void (${reasons.join(', ')})`}`)
  }
  return rounds
}

function isValid(round: readonly Turn[]): boolean {
  return round.every((turn) => turn.void === undefined)
}

/** How many rounds a figure stands on. */
export interface RoundCounts {
  readonly used: number
  readonly void: number
  /** No round was valid, so all were used: the figure does not count. */
  readonly voidUsed: boolean
}

/** The rounds that count; where none does, all of them, and the counts say so. */
export function roundsToUse<Result extends Turn>(
  rounds: readonly (readonly Result[])[],
): { readonly used: readonly (readonly Result[])[]; readonly counts: RoundCounts } {
  const valid = rounds.filter(isValid)
  const used = valid.length > 0 ? valid : rounds
  return { used, counts: { used: used.length, void: rounds.length - valid.length, voidUsed: valid.length === 0 } }
}

/** One server under a closed loop, and what it is asked. */
export interface Contender {
  readonly name: string
  readonly server: BenchServer
  /** Called before every run, so that signatures are young. */
  readonly requests: () => readonly string[]
}

/** What one contender did under a closed loop. */
export interface Run extends Turn {
  readonly load: LoadResult
  /** CPU time of the server's processes, seconds. */
  readonly serverSeconds: number
  readonly generatorSeconds: number
}

/** All contenders, once each, one after the other: what may be compared with one another. */
export type Round = readonly Run[]

export interface LoadShape extends Omit<LoadPlan, 'host' | 'port' | 'requests' | 'tls'> {
  readonly place: GeneratorPlace
  /** Processes that belong to the measurement besides the server; their CPU time is nobody's noise. */
  readonly fixtures?: readonly number[]
}

/** Closed loops in turns. */
export async function runRounds(plan: {
  readonly contenders: readonly Contender[]
  readonly shape: LoadShape
  readonly rounds: number
  readonly say: (line: string) => void
}): Promise<Round[]> {
  const contenders = plan.contenders.map((contender) => ({ name: contender.name, run: () => measure(contender, plan.shape) }))
  return takeTurns({ contenders, rounds: plan.rounds, say: plan.say })
}

/** One run with everything that is known of it. Throws where an answer was wrong: there is nothing to compare then. */
export async function measure(contender: Contender, { place, fixtures = [], ...shape }: LoadShape): Promise<Run> {
  const { host, port, tls } = contender.server
  const requests = contender.requests()
  const { value: load, ...rest } = await account({ server: contender.server.pids(), fixtures }, () =>
    runLoad({ ...shape, host, port, tls, requests }, place),
  )
  if (load.errors > 0) {
    const kinds = load.errorKinds === undefined ? '' : ` (${load.errorKinds})`
    throw new Error(`Cannot compare ${contender.name}: ${load.errors} of ${load.requests} answers were wrong${kinds}`)
  }
  return { contender: contender.name, load, serverSeconds: rest.serverSeconds, generatorSeconds: rest.generatorSeconds, void: rest.void }
}
