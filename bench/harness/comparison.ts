import { roundsToUse, type Round, type RoundCounts, type Run, type Turn } from './rounds.ts'
import { spreadOf, type Spread } from './statistics.ts'

/** One line of the table: a contender under one load, medians over rounds. */
export interface ComparisonRow {
  readonly load: string
  readonly contender: string
  readonly requestsPerSecond: Spread
  readonly bodyBytesPerSecond: number
  /** CPU time of the server per request, microseconds. */
  readonly cpuUs: Spread
  readonly p50Us: number
  readonly p99Us: number
  /** Share of a core that server and load generator used. */
  readonly serverBusy: number
  readonly generatorBusy: number
  /** This contender : the first one, round by round. Undefined for the first one itself. */
  readonly throughputRatio: Spread | undefined
  readonly cpuRatio: Spread | undefined
  readonly rounds: RoundCounts
}

export interface ComparedLoad {
  readonly name: string
  readonly bodyBytes: number
  readonly baseline: string
  readonly contenders: readonly string[]
}

/** Below this share of a core the server was waiting for the generator, so the throughput says nothing about the server. */
export const SERVER_BOUND_SHARE = 0.9

/**
 * Medians of the valid rounds. Ratios are taken within each round before the median, so that what slows a whole round cancels out.
 * Where no round was valid, all are used and the rows say so.
 */
export function compare(load: ComparedLoad, rounds: readonly Round[]): ComparisonRow[] {
  const { used, counts } = roundsToUse(rounds)
  return load.contenders.flatMap((contender) => {
    const pairs = used.flatMap((round) => {
      const run = round.find((each) => each.contender === contender)
      const base = round.find((each) => each.contender === load.baseline)
      return run === undefined || base === undefined ? [] : [{ run, base }]
    })
    const row = summarise({ load, contender, pairs, counts })
    return row === undefined ? [] : [row]
  })
}

/** One contender : another, taken within each round before the median. Undefined where no round has both. */
export function ratioOver<Result extends Turn>(
  rounds: readonly (readonly Result[])[],
  pair: { readonly of: string; readonly to: string },
  measure: (turn: Result) => number,
): { readonly measured: Spread | undefined; readonly rounds: RoundCounts } {
  const { used, counts } = roundsToUse(rounds)
  const ratios = used.flatMap((round) => {
    const above = round.find((turn) => turn.contender === pair.of)
    const below = round.find((turn) => turn.contender === pair.to)
    return above === undefined || below === undefined ? [] : [measure(above) / measure(below)]
  })
  return { measured: spreadOf(ratios), rounds: counts }
}

interface Gathered {
  readonly load: ComparedLoad
  readonly contender: string
  readonly pairs: readonly { readonly run: Run; readonly base: Run }[]
  readonly counts: ComparisonRow['rounds']
}

function summarise({ load, contender, pairs, counts }: Gathered): ComparisonRow | undefined {
  const over = (measure: (run: Run) => number): Spread | undefined => spreadOf(pairs.map(({ run }) => measure(run)))
  const ratio = (measure: (run: Run) => number): Spread | undefined =>
    contender === load.baseline ? undefined : spreadOf(pairs.map(({ run, base }) => measure(run) / measure(base)))
  const requestsPerSecond = over(throughput)
  const cpuUs = over(cpuUsPerRequest)
  if (requestsPerSecond === undefined || cpuUs === undefined) return undefined
  return {
    load: load.name,
    contender,
    requestsPerSecond,
    bodyBytesPerSecond: requestsPerSecond.median * load.bodyBytes,
    cpuUs,
    p50Us: over((run) => run.load.p50Us)?.median ?? 0,
    p99Us: over((run) => run.load.p99Us)?.median ?? 0,
    serverBusy: over((run) => run.serverSeconds / run.load.seconds)?.median ?? 0,
    generatorBusy: over((run) => run.generatorSeconds / run.load.seconds)?.median ?? 0,
    throughputRatio: ratio(throughput),
    cpuRatio: ratio(cpuUsPerRequest),
    rounds: counts,
  }
}

/** Requests per second. */
export function throughput(run: Run): number {
  return run.load.requests / run.load.seconds
}

/** CPU time of the server per request, microseconds. */
export function cpuUsPerRequest(run: Run): number {
  return (run.serverSeconds * 1e6) / run.load.requests
}
