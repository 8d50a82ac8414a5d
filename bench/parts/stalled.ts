import { holdConnections } from '../generators/run-generator.ts'
import { formatByteSize } from '../../src/base/byte-size.ts'
import type { BarName } from '../harness/bars.ts'
import { shapeFor } from '../harness/closed-loop.ts'
import { throughput } from '../harness/comparison.ts'
import { scrape, sumOf } from '../harness/metrics-text.ts'
import type { ObjectSet } from '../harness/objects.ts'
import type { Finding } from '../harness/finding.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { kernelSocketBytes, residentBytes, socketPressureBytes } from '../harness/proc-memory.ts'
import { plainRequests } from '../harness/requests.ts'
import { measure, roundsToUse, type Run } from '../harness/rounds.ts'
import { median, spreadOf } from '../harness/statistics.ts'
import { generatedPath } from '../servers/generated-origin.ts'
import { startHotbucket, type HotbucketServer } from '../servers/hotbucket.ts'
import { authority } from '../servers/server.ts'
import { startSimulatedS3 } from '../servers/start-simulated-s3.ts'

const MIB = 1024 ** 2
const HOT_BYTES = 64 * 1024
const HOT_OBJECTS = 100
/** At most half of what the stalled readers ask for: it cannot all be kept. */
const MEMORY_MIB = 512
const SAMPLE_MS = 250
/** Longer than the 30 s after which a reader that takes nothing is cut: the cut is part of what is measured. */
const RENEW_SECONDS = 35

interface Case {
  readonly sizeBytes: number
  readonly memory: BarName
  readonly rate: BarName
}

/** 1 MiB fits into what the kernel buffers for a socket, so it is the kernel that holds it; of 8 MiB the server has to hold the rest. */
const CASES: readonly Case[] = [
  { sizeBytes: MIB, memory: 'stalled-1m-memory', rate: 'stalled-1m-rate' },
  { sizeBytes: 8 * MIB, memory: 'stalled-8m-memory', rate: 'stalled-8m-rate' },
]

/** Readers that ask and do not read: what they cost in memory, and what they take from others. */
export async function stalled(context: PartContext): Promise<PartResult> {
  const findings: Finding[] = []
  const details: unknown[] = []
  for (const each of CASES) {
    const result = await stallReaders(each, context)
    findings.push(...result.findings)
    details.push(result.details)
  }
  return { findings, rows: [], details }
}

async function stallReaders(each: Case, context: PartContext): Promise<Omit<PartResult, 'rows'>> {
  const { workDirectory, serverCpus: cpus, place, sizes } = context
  return withServers(async (keep) => {
    const origin = await keep(startSimulatedS3(place.cpus, undefined))
    const source = { kind: 's3', port: origin.port } as const
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }))
    const runs = hotRuns(hotbucket, context)
    await runs(1, origin.pids())
    context.say(`\n${sizes.stalledReaders} stalled readers of ${formatByteSize(each.sizeBytes)} for ${sizes.stalledSeconds} s`)
    const before = await runs(context.rounds, origin.pids())
    const peak = watchMemory(hotbucket)
    const { host, port } = hotbucket
    const requests = plainRequests(paths(each.sizeBytes, sizes.stalledReaders), authority(hotbucket))
    const held = { host, port, requests, bodyBytes: each.sizeBytes, connections: sizes.stalledReaders }
    const holder = await keep(holdConnections({ ...held, kind: 'stalled', renewSeconds: RENEW_SECONDS }, place))
    const during = await runs(Math.ceil(sizes.stalledSeconds / context.seconds), [...origin.pids(), holder.pid])
    const socketBytes = kernelSocketBytes()
    const cut = sumOf(await scrape(hotbucket.admin), 'hotbucket_http_parse_refusals_total', { reason: 'slow-reader' })
    await holder.stop()
    const peakBytes = peak.stop()
    const rate = (list: readonly Run[]): number => median(list.map(throughput)) ?? Number.NaN
    const { used, counts } = roundsToUse(during.map((run) => [run]))
    const note =
      `stalled, ${formatByteSize(each.sizeBytes)}: memory ${MEMORY_MIB} MiB, resident at most ${Math.round(peakBytes / MIB)} MiB, the kernel's socket ` +
      `buffers ${Math.round(socketBytes / MIB)} MiB (all sockets get less from ${Math.round(socketPressureBytes() / MIB)} MiB on); the minimum rate cut ${cut} readers, all came back; ` +
      `${Math.round(rate(before))} and ${Math.round(rate(during))} requests/s of 64 KiB before and during`
    const ratios = used.flat().map((run) => throughput(run) / rate(before))
    return {
      findings: [
        { name: each.memory, measured: spreadOf([peakBytes / MIB - MEMORY_MIB]), rounds: undefined, notes: [note] },
        { name: each.rate, measured: spreadOf(ratios), rounds: counts, notes: [note] },
      ],
      details: { before, during, peakBytes, socketBytes, cut },
    }
  })
}

/** Runs of other clients, who read hot objects. */
function hotRuns(server: HotbucketServer, context: PartContext): (count: number, fixtures: readonly number[]) => Promise<Run[]> {
  const set: ObjectSet = { name: '64KiB', sizeBytes: HOT_BYTES, paths: paths(HOT_BYTES, HOT_OBJECTS) }
  const contender = { name: 'hotbucket', server, requests: () => plainRequests(set.paths, authority(server)) }
  return async (count, fixtures) => {
    const list: Run[] = []
    while (list.length < count) list.push(await measure(contender, { ...shapeFor(set, context), fixtures }))
    return list
  }
}

function paths(sizeBytes: number, count: number): string[] {
  return Array.from({ length: count }, (_, number) => generatedPath(sizeBytes, number))
}

/** Samples resident memory until it is told to stop; then gives the most it saw. */
function watchMemory(server: HotbucketServer): { readonly stop: () => number } {
  let most = 0
  const sample = (): void => {
    most = Math.max(most, residentBytes(server.pids()))
  }
  const timer = setInterval(sample, SAMPLE_MS)
  return {
    stop: () => {
      clearInterval(timer)
      sample()
      return most
    },
  }
}
