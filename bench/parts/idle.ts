import { holdConnections, type RunningGenerator } from '../generators/run-generator.ts'
import { ratioOver } from '../harness/comparison.ts'
import { makeObjectRoot, writeObjectSet, type ObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { openFilesMax, residentBytes } from '../harness/proc-memory.ts'
import { plainRequests, signedRequests } from '../harness/requests.ts'
import { takeTurns, type Contender } from '../harness/rounds.ts'
import { spreadOf } from '../harness/statistics.ts'
import { warmUp } from '../harness/warm-up.ts'
import { startHotbucket, type HotbucketSetup } from '../servers/hotbucket.ts'
import { authority, type BenchServer } from '../servers/server.ts'
import { halfOfPeak, runTurn } from './open-loop.ts'

const SIZE_BYTES = 4096
const MEMORY_MIB = 256
/** Files and sockets that a process needs besides. */
const OTHER_FILES = 200
const SETTLE_MS = 3000

/** Many idle connections: what each costs, and what they do to others. Two processes, so that rounds with and without can alternate. */
export async function idle(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus, sizes, say } = context
  const root = await makeObjectRoot(workDirectory)
  const count = Math.min(sizes.idleConnections, openFilesMax() - OTHER_FILES)
  return withServers(async (keep) => {
    const setup = { source: { kind: 'files', root }, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory } as const
    const quiet = await keep(startHotbucket(setup))
    const crowded = await keep(startHotbucket(setup))
    const set = await writeObjectSet(root, SIZE_BYTES)
    for (const server of [quiet, crowded]) await warmUp(server, root, set, 'hit')
    const contender = (name: string, server: BenchServer): Contender => ({
      name,
      server,
      requests: () => signedRequests(set.paths, authority(server), Date.now()),
    })
    const contenders = [contender('without', quiet), contender('with', crowded)]
    const rate = await halfOfPeak(contenders[1]!, set, context)
    const eachBytes: number[] = []
    for (let round = 0; round < context.rounds; round++) eachBytes.push(await costOfEach(setup, set, { count, root, context }))
    await keep(holdIdle(crowded, set, { count, context }))
    say(`\n${count} idle connections, ${rate} requests/s on others`)
    const turns = contenders.map((each) => ({ name: each.name, run: () => runTurn(each, rate, context) }))
    const rounds = await takeTurns({ contenders: turns, rounds: context.rounds, say })
    const limited = count < sizes.idleConnections ? [`idle: only ${count} connections, because ${openFilesMax()} files may be open`] : []
    const note =
      'idle: resident memory of the server after and before, after one answered request on each; the kernel holds its own besides'
    return {
      findings: [
        { name: 'idle-connection', measured: spreadOf(eachBytes), rounds: undefined, notes: [note, ...limited] },
        { name: 'idle-p99', ...ratioOver(rounds, { of: 'with', to: 'without' }, (turn) => turn.result.p99Us), notes: limited },
      ],
      rows: [],
      details: { count, eachBytes, rate, rounds },
    }
  })
}

interface Holding {
  readonly count: number
  readonly context: PartContext
}

function holdIdle(server: BenchServer, set: ObjectSet, { count, context }: Holding): Promise<RunningGenerator> {
  const { host, port } = server
  const requests = plainRequests(set.paths, authority(server))
  return holdConnections({ host, port, requests, bodyBytes: SIZE_BYTES, connections: count, kind: 'idle', renewSeconds: 0 }, context.place)
}

/** What a fresh process takes more with the connections than before them, bytes per connection. */
async function costOfEach(setup: HotbucketSetup, set: ObjectSet, holding: Holding & { readonly root: string }): Promise<number> {
  return withServers(async (keep) => {
    const server = await keep(startHotbucket(setup))
    await warmUp(server, holding.root, set, 'hit')
    const beforeBytes = residentBytes(server.pids())
    await keep(holdIdle(server, set, holding))
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    return (residentBytes(server.pids()) - beforeBytes) / holding.count
  })
}
