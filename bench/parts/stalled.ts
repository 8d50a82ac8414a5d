import { holdConnections } from '../generators/run-generator.ts'
import { shapeFor } from '../harness/closed-loop.ts'
import { throughput } from '../harness/comparison.ts'
import { scrape, sumOf } from '../harness/metrics-text.ts'
import type { ObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { residentBytes } from '../harness/proc-memory.ts'
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
/** Half of what the stalled readers ask for: they cannot all be kept. */
const MEMORY_MIB = 512
const SAMPLE_MS = 250
/** Longer than the 30 s after which a reader that takes nothing is cut: the cut is part of what is measured. */
const RENEW_SECONDS = 35

/** Readers that ask and do not read: what they cost in memory, and what they take from others. */
export async function stalled(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus, place, sizes, say } = context
  return withServers(async (keep) => {
    const origin = await keep(startSimulatedS3(place.cpus, undefined))
    const source = { kind: 's3', port: origin.port } as const
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }))
    const hot: ObjectSet = { name: '64KiB', sizeBytes: HOT_BYTES, paths: paths(HOT_BYTES, HOT_OBJECTS) }
    const shape = shapeFor(hot, context)
    const contender = { name: 'hotbucket', server: hotbucket, requests: () => plainRequests(hot.paths, authority(hotbucket)) }
    await measure(contender, shape)
    say(`\n${sizes.stalledReaders} stalled readers of 1 MiB for ${sizes.stalledSeconds} s`)
    const runs = async (seconds: number): Promise<Run[]> => {
      const list: Run[] = []
      for (let left = seconds; left > 0; left -= shape.seconds) list.push(await measure(contender, shape))
      return list
    }
    const before = await runs(Math.min(sizes.stalledSeconds, context.rounds * shape.seconds))
    const peak = watchMemory(hotbucket)
    const { host, port } = hotbucket
    const requests = plainRequests(paths(MIB, sizes.stalledReaders), authority(hotbucket))
    const plan = {
      host,
      port,
      requests,
      bodyBytes: MIB,
      connections: sizes.stalledReaders,
      kind: 'stalled',
      renewSeconds: RENEW_SECONDS,
    } as const
    const holder = await keep(holdConnections(plan, place))
    const during = await runs(sizes.stalledSeconds)
    const samples = await scrape(hotbucket.admin)
    await holder.stop()
    const peakBytes = peak.stop()
    const rate = (list: readonly Run[]): number => median(list.map(throughput)) ?? Number.NaN
    const ratios = during.map((run) => throughput(run) / rate(before))
    const cut = sumOf(samples, 'hotbucket_http_parse_refusals_total', { reason: 'slow-reader' })
    const note = `stalled: memory ${MEMORY_MIB} MiB, resident at most ${Math.round(peakBytes / MIB)} MiB; ${cut} readers were cut by the minimum rate and came back; ${Math.round(rate(before))} and ${Math.round(rate(during))} requests/s of 64 KiB before and during`
    return {
      findings: [
        { name: 'stalled-memory', measured: spreadOf([peakBytes / MIB - MEMORY_MIB]), rounds: undefined, notes: [note] },
        { name: 'stalled-rate', measured: spreadOf(ratios), rounds: roundsToUse(during.map((run) => [run])).counts, notes: [note] },
      ],
      rows: [],
      details: { before, during, peakBytes, cut },
    }
  })
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
