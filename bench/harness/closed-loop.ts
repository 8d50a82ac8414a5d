import type { LoadGenerator } from '../generators/load-plan.ts'
import { compare, SERVER_BOUND_SHARE, throughput, type ComparisonRow, ratioOver, cpuUsPerRequest } from './comparison.ts'
import type { BarName } from './bars.ts'
import type { Finding } from './finding.ts'
import type { ObjectSet } from './objects.ts'
import type { PartContext } from './part.ts'
import { measure, runRounds, type Contender, type LoadShape, type Round } from './rounds.ts'

const WRK_BODY_BYTES_MAX = 1024 ** 2
const WARM_UP_SECONDS = 2

/** One closed-loop comparison. */
export interface ClosedLoop {
  readonly name: string
  readonly set: ObjectSet
  /** The first one is the baseline of the table. */
  readonly contenders: readonly Contender[]
}

/** What came of it. */
export interface Compared {
  readonly rows: readonly ComparisonRow[]
  readonly rounds: readonly Round[]
}

/** Few connections keep large bodies from overflowing the core's cache; many keep the server from waiting for the next request. */
export function shapeFor(set: ObjectSet, context: PartContext): LoadShape {
  const { sizeBytes } = set
  const generator: LoadGenerator = sizeBytes <= WRK_BODY_BYTES_MAX ? 'wrk' : 'bulk-reader'
  const large = sizeBytes <= WRK_BODY_BYTES_MAX ? 16 : 8
  const connections = sizeBytes <= 16 * 1024 ? 64 : sizeBytes <= 256 * 1024 ? 32 : large
  return { generator, bodyBytes: sizeBytes, connections, threads: 1, seconds: context.seconds, place: context.place }
}

/** Runs a comparison: everybody once to warm up, then in turns. */
export async function runClosedLoop(loop: ClosedLoop, context: PartContext, shape: LoadShape): Promise<Compared> {
  const { name, set, contenders } = loop
  context.say(`\n${name}: ${set.paths.length} objects, ${shape.connections} connections, ${shape.generator}`)
  for (const contender of contenders) await measure(contender, { ...shape, seconds: Math.min(WARM_UP_SECONDS, shape.seconds) })
  const rounds = await runRounds({ contenders, shape, rounds: context.rounds, say: context.say })
  const names = contenders.map((contender) => contender.name)
  return { rounds, rows: compare({ name, bodyBytes: set.sizeBytes, baseline: names[0] ?? '', contenders: names }, rounds) }
}

/** The finding for a bar that is a ratio of requests per second, with a note where one of the two was not at its limit. */
export function throughputFinding(name: BarName, compared: Compared, pair: { readonly of: string; readonly to: string }): Finding {
  const ratio = ratioOver(compared.rounds, pair, throughput)
  const cpu = ratioOver(compared.rounds, pair, cpuUsPerRequest).measured
  const waiting = compared.rows
    .filter((row) => (row.contender === pair.of || row.contender === pair.to) && row.serverBusy < SERVER_BOUND_SHARE)
    .map((row) => `${row.contender} used ${Math.round(row.serverBusy * 100)} % of its core`)
  const load = compared.rows[0]?.load ?? ''
  const notes =
    waiting.length === 0 || cpu === undefined
      ? []
      : [`${load}: ${waiting.join(', ')}: the load generator was the limit there; the ratio of CPU/request is ${cpu.median.toFixed(2)}`]
  return { name, ...ratio, notes }
}

/** The finding for a bar that is a ratio of CPU time per request. */
export function cpuFinding(name: BarName, compared: Compared, pair: { readonly of: string; readonly to: string }): Finding {
  return { name, ...ratioOver(compared.rounds, pair, cpuUsPerRequest), notes: [] }
}
