import type { OpenLoopResult } from '../generators/open-loop-plan.ts'
import { runOpenLoop } from '../generators/run-generator.ts'
import { account } from '../harness/accounting.ts'
import { shapeFor } from '../harness/closed-loop.ts'
import { ratioOver, throughput } from '../harness/comparison.ts'
import { makeObjectRoot, objectCount, writeObjectSet, type ObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { plainRequests, signedRequests } from '../harness/requests.ts'
import { measure, takeTurns, type Contender, type Turn } from '../harness/rounds.ts'
import { median } from '../harness/statistics.ts'
import { warmUp } from '../harness/warm-up.ts'
import { startHotbucket } from '../servers/hotbucket.ts'
import { startNginx } from '../servers/nginx.ts'
import { authority } from '../servers/server.ts'

const SIZE_BYTES = 4096
const MEMORY_MIB = 512
const CONNECTIONS = 64
const WARM_UP_SECONDS = 1
const PEAK_RUNS = 3
const PEAK_SHARE = 0.5
/** The generator's own lateness may be at most this share of the latency that it reports, both at the 99th percentile. */
const LATE_SHARE_MAX = 0.25
/** Below this share of the wanted rate the generator or the server could not keep up, and the run is no open loop. */
const RATE_SHARE_MIN = 0.99

/** What one contender did under fixed arrivals. */
export interface OpenLoopTurn extends Turn {
  readonly result: OpenLoopResult
}

/** Fixed arrivals at half of our own peak; nginx gets the same rate, unsigned. */
export async function openLoop(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus } = context
  const root = await makeObjectRoot(workDirectory)
  return withServers(async (keep) => {
    const source = { kind: 'files', root } as const
    const nginx = await keep(startNginx({ source, workers: 1, cpus, workDirectory }))
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }))
    const set = await writeObjectSet(root, SIZE_BYTES)
    await warmUp(nginx, root, set, undefined)
    await warmUp(hotbucket, root, set, 'hit')
    const ours: Contender = {
      name: 'hotbucket signed',
      server: hotbucket,
      requests: () => signedRequests(set.paths, authority(hotbucket), Date.now()),
    }
    const theirs: Contender = { name: 'nginx', server: nginx, requests: () => plainRequests(set.paths, authority(nginx)) }
    const rate = await halfOfPeak(ours, set, context)
    context.say(`\nopen loop: ${objectCount(SIZE_BYTES)} objects of 4 KiB, ${CONNECTIONS} connections, ${rate} requests/s`)
    const contenders = [theirs, ours].map((contender) => ({ name: contender.name, run: () => runTurn(contender, rate, context) }))
    const rounds = await takeTurns({ contenders, rounds: context.rounds, say: context.say })
    const p99 = ratioOver(rounds, { of: ours.name, to: theirs.name }, (turn) => turn.result.p99Us)
    const note = `open loop at ${rate.toLocaleString('en-US')} requests/s: ${describe(rounds, [ours.name, theirs.name])}`
    return { findings: [{ name: 'open-loop-p99', ...p99, notes: [note] }], rows: [], details: { rate, rounds } }
  })
}

/** Half of what the contender does in a closed loop, requests per second. */
export async function halfOfPeak(contender: Contender, set: ObjectSet, context: PartContext): Promise<number> {
  const rates: number[] = []
  for (let run = 0; run < PEAK_RUNS; run++) rates.push(throughput(await measure(contender, shapeFor(set, context))))
  return Math.round((median(rates) ?? 0) * PEAK_SHARE)
}

/** One open-loop run; void where the machine was noisy or the generator late. */
export async function runTurn(contender: Contender, requestsPerSecond: number, context: PartContext): Promise<OpenLoopTurn> {
  const { host, port } = contender.server
  const plan = {
    host,
    port,
    requests: contender.requests(),
    bodyBytes: SIZE_BYTES,
    connections: CONNECTIONS,
    requestsPerSecond,
    seconds: context.seconds,
    warmUpSeconds: WARM_UP_SECONDS,
  }
  const { value: result, void: noise } = await account({ server: contender.server.pids() }, () => runOpenLoop(plan, context.place))
  if (result.errors > 0) throw new Error(`Cannot compare ${contender.name}: ${result.errors} answers were wrong or missing`)
  return { contender: contender.name, result, void: noise ?? whyNotOpen(result, requestsPerSecond) }
}

/** Why a run does not say anything about the server. */
export function whyNotOpen(result: OpenLoopResult, requestsPerSecond: number): string | undefined {
  if (result.lateP99Us > result.p99Us * LATE_SHARE_MAX) {
    return `generator late by ${Math.round(result.lateP99Us)} µs of ${Math.round(result.p99Us)} µs at p99`
  }
  if (result.answeredPerSecond < requestsPerSecond * RATE_SHARE_MIN) {
    return `${Math.round(result.answeredPerSecond)} of ${requestsPerSecond} requests/s`
  }
  return undefined
}

/** Medians over rounds in words. */
function describe(rounds: readonly (readonly OpenLoopTurn[])[], names: readonly string[]): string {
  return names
    .map((name) => {
      const results = rounds.flatMap((round) => round.filter((turn) => turn.contender === name).map((turn) => turn.result))
      const of = (figure: (result: OpenLoopResult) => number): string => `${Math.round(median(results.map(figure)) ?? 0)}`
      const late = `generator late by ${of((result) => result.lateP99Us)} µs at p99`
      return `${name} p50 ${of((result) => result.p50Us)} µs, p99 ${of((result) => result.p99Us)} µs, p99.9 ${of((result) => result.p999Us)} µs (${late})`
    })
    .join('; ')
}
