import type { ReadOnceResult } from '../generators/read-once-plan.ts'
import { runReadOnce } from '../generators/run-generator.ts'
import { account } from '../harness/accounting.ts'
import { ratioOver } from '../harness/comparison.ts'
import type { Finding } from '../harness/finding.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { plainRequests, signedRequests } from '../harness/requests.ts'
import { roundsToUse, takeTurns, type Turn } from '../harness/rounds.ts'
import { median, spreadOf } from '../harness/statistics.ts'
import { generatedPath } from '../servers/generated-origin.ts'
import { startHotbucket } from '../servers/hotbucket.ts'
import { authority, type BenchServer } from '../servers/server.ts'
import { startSimulatedS3 } from '../servers/start-simulated-s3.ts'

const LINK = { latencyMs: 20, bytesPerSecond: 100e6 }
const CLIENTS = 4
const SMALL_BYTES = 4096
/**
 * Room for every object of a round, so that what is measured is misses and not eviction of what is read; and filled by two rounds, because memory that was
 * never touched costs a page fault per 4 KiB.
 */
const MEMORY_MIB = 512

interface ColdTurn extends Turn {
  readonly result: ReadOnceResult
}

/** One way to read, and the name of the next object that nobody has read yet. */
interface Reader {
  readonly name: string
  readonly server: BenchServer
  readonly signed: boolean
}

/** Misses through hotbucket beside direct reads of the same plain server behind a simulated link. */
export async function cold(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus, place, sizes } = context
  return withServers(async (keep) => {
    const origin = await keep(startSimulatedS3(place.cpus, LINK))
    const source = { kind: 's3', port: origin.port } as const
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }))
    const readers: Reader[] = [
      { name: 'direct', server: origin, signed: false },
      { name: 'hotbucket signed', server: hotbucket, signed: true },
    ]
    const numbers = counter()
    const turns = async (what: string, shape: ColdShape): Promise<ColdTurn[][]> => {
      context.say(`\ncold: ${what}`)
      const contenders = readers.map((reader) => ({
        name: reader.name,
        run: () => readCold(reader, { ...shape, fixtures: origin.pids(), numbers }, context),
      }))
      return takeTurns({ contenders, rounds: context.rounds, say: context.say })
    }
    const large = { sizeBytes: sizes.coldObjectBytes, clients: CLIENTS }
    const own = await turns(`${CLIENTS} clients, an object each`, { ...large, objects: CLIENTS, readsEach: 1 })
    const shared = await turns(`${CLIENTS} clients, the same object`, { ...large, objects: 1, readsEach: CLIENTS })
    const small = await turns('new objects of 4 KiB', {
      sizeBytes: SMALL_BYTES,
      clients: CLIENTS,
      objects: sizes.coldFirstBytes,
      readsEach: 1,
    })
    const note = `cold: an origin with ${LINK.latencyMs} ms and ${LINK.bytesPerSecond / 1e6} MB/s a stream; direct readers ask the same server, unsigned`
    const findings: Finding[] = [
      { name: 'cold-64m', ...rateRatio(own), notes: [note, ratesNote('an object each', own)] },
      { name: 'cold-64m-shared', ...rateRatio(shared), notes: [note, ratesNote('the same object', shared)] },
      addedFirstByte(small, note),
    ]
    return { findings, rows: [], details: { own, shared, small } }
  })
}

interface ColdShape {
  readonly sizeBytes: number
  readonly clients: number
  readonly objects: number
  readonly readsEach: number
}

function counter(): () => number {
  let next = 0
  return () => next++
}

async function readCold(
  reader: Reader,
  shape: ColdShape & { readonly fixtures: readonly number[]; readonly numbers: () => number },
  { place }: PartContext,
): Promise<ColdTurn> {
  const paths = Array.from({ length: shape.objects }, () => generatedPath(shape.sizeBytes, shape.numbers()))
  const targets = Array.from({ length: shape.readsEach }, () => paths).flat()
  const host = authority(reader.server)
  const requests = reader.signed ? signedRequests(targets, host, Date.now()) : plainRequests(targets, host)
  const plan = { host: reader.server.host, port: reader.server.port, requests, bodyBytes: shape.sizeBytes, connections: shape.clients }
  // The direct reader's server is the origin: it may not be counted twice.
  const server = reader.signed ? reader.server.pids() : []
  const measured = await account({ server, fixtures: shape.fixtures }, () => runReadOnce(plan, place))
  const result = measured.value
  if (result.errors > 0 || result.requests !== targets.length) {
    throw new Error(`Cannot compare ${reader.name}: ${result.requests} of ${targets.length} reads were answered, ${result.errors} wrongly`)
  }
  return { contender: reader.name, result, void: measured.void }
}

function rateRatio(rounds: readonly (readonly ColdTurn[])[]): Pick<Finding, 'measured' | 'rounds'> {
  return ratioOver(rounds, { of: 'hotbucket signed', to: 'direct' }, ({ result }) => result.bytes / result.seconds)
}

function ratesNote(what: string, rounds: readonly (readonly ColdTurn[])[]): string {
  const rate = (name: string): string => {
    const rates = rounds.flatMap((round) =>
      round.filter((turn) => turn.contender === name).map(({ result }) => result.bytes / result.seconds),
    )
    return `${((median(rates) ?? 0) / 1e6).toFixed(0)} MB/s`
  }
  return `${what}: direct ${rate('direct')}, hotbucket ${rate('hotbucket signed')}`
}

/** Median through hotbucket minus median direct, round by round, milliseconds. */
function addedFirstByte(rounds: readonly (readonly ColdTurn[])[], note: string): Finding {
  const { used, counts } = roundsToUse(rounds)
  const of = (round: readonly ColdTurn[], name: string): number => round.find((turn) => turn.contender === name)?.result.firstByteP50Us ?? 0
  const addedMs = used.map((round) => (of(round, 'hotbucket signed') - of(round, 'direct')) / 1000)
  const direct = (median(used.map((round) => of(round, 'direct'))) ?? 0) / 1000
  return {
    name: 'cold-first-byte',
    measured: spreadOf(addedMs),
    rounds: counts,
    notes: [note, `first byte direct: ${direct.toFixed(2)} ms`],
  }
}
