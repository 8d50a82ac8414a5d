import { cpuFinding, runClosedLoop, shapeFor, type Compared } from '../harness/closed-loop.ts'
import { throughput } from '../harness/comparison.ts'
import { notMeasured, type Finding } from '../harness/finding.ts'
import { makeObjectRoot, writeObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { plainRequests, signedRequests } from '../harness/requests.ts'
import { roundsToUse, type Contender } from '../harness/rounds.ts'
import { spreadOf } from '../harness/statistics.ts'
import { warmUp } from '../harness/warm-up.ts'
import { startHotbucket, startOr, type HotbucketSetup } from '../servers/hotbucket.ts'
import { startNginx } from '../servers/nginx.ts'
import { authority, type BenchServer } from '../servers/server.ts'

const SIZE_BYTES = 4096
const MEMORY_MIB = 512
const THREADS = 2
const NOTE = 'workers: all servers and the load generator (2 threads) share both cores, so the ratio says more than the rates'

/** One and two workers beside nginx with as many, everybody on all cores. */
export async function workers(context: PartContext): Promise<PartResult> {
  const { workDirectory } = context
  const root = await makeObjectRoot(workDirectory)
  const cpus = `${context.serverCpus},${context.place.cpus}`
  return withServers(async (keep) => {
    const source = { kind: 'files', root } as const
    const setup: HotbucketSetup = { source, memoryMiB: MEMORY_MIB, workers: 2, cpus, workDirectory }
    const two = await startOr(setup)
    if (typeof two === 'string') return { findings: notMeasured(['workers-ratio', 'workers-cpu'], `no second worker: ${two}`), rows: [] }
    await keep(Promise.resolve(two))
    const one = await keep(startHotbucket({ ...setup, workers: 1 }))
    const nginxTwo = await keep(startNginx({ source, workers: 2, cpus, workDirectory }))
    const nginxOne = await keep(startNginx({ source, workers: 1, cpus, workDirectory }))
    const set = await writeObjectSet(root, SIZE_BYTES)
    for (const server of [nginxOne, nginxTwo]) await warmUp(server, root, set, undefined)
    for (const server of [one, two]) await warmUp(server, root, set, 'hit')
    const plain = (name: string, server: BenchServer): Contender => ({
      name,
      server,
      requests: () => plainRequests(set.paths, authority(server)),
    })
    const signed = (name: string, server: BenchServer): Contender => ({
      name,
      server,
      requests: () => signedRequests(set.paths, authority(server), Date.now()),
    })
    const contenders = [plain('nginx 1', nginxOne), plain('nginx 2', nginxTwo), signed('hotbucket 1', one), signed('hotbucket 2', two)]
    const own: PartContext = { ...context, place: { ...context.place, cpus } }
    const compared = await runClosedLoop({ name: `${set.name} shared cores`, set, contenders }, own, {
      ...shapeFor(set, own),
      threads: THREADS,
    })
    const cpu = cpuFinding('workers-cpu', compared, { of: 'hotbucket 2', to: 'hotbucket 1' })
    return { findings: [ratioOfRatios(compared), { ...cpu, notes: [NOTE] }], rows: compared.rows }
  })
}

/** Ours : nginx with two workers each, over the same with one each. */
function ratioOfRatios({ rounds }: Compared): Finding {
  const { used, counts } = roundsToUse(rounds)
  const ratios = used.map((round) => {
    const rate = (name: string): number => {
      const run = round.find((each) => each.contender === name)
      return run === undefined ? Number.NaN : throughput(run)
    }
    return rate('hotbucket 2') / rate('nginx 2') / (rate('hotbucket 1') / rate('nginx 1'))
  })
  return { name: 'workers-ratio', measured: spreadOf(ratios), rounds: counts, notes: [NOTE] }
}
