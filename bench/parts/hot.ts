import type { BarName } from '../harness/bars.ts'
import { cpuFinding, runClosedLoop, shapeFor, throughputFinding } from '../harness/closed-loop.ts'
import type { ComparisonRow } from '../harness/comparison.ts'
import type { Finding } from '../harness/finding.ts'
import { makeObjectRoot, writeObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { forgedFields, plainRequests, signedRequests } from '../harness/requests.ts'
import type { Contender } from '../harness/rounds.ts'
import { expectRefusal, warmUp } from '../harness/warm-up.ts'
import { startHotbucket } from '../servers/hotbucket.ts'
import { startNginx } from '../servers/nginx.ts'
import { authority, type BenchServer } from '../servers/server.ts'

const KIB = 1024
const MIB = 1024 ** 2
const MEMORY_MIB = 512

/** What each size has to reach. */
const SIZES: readonly { readonly bytes: number; readonly plain?: BarName; readonly signed: BarName; readonly by: 'cpu' | 'throughput' }[] =
  [
    { bytes: 4 * KIB, plain: 'hot-4k-plain', signed: 'hot-4k-signed', by: 'cpu' },
    { bytes: 64 * KIB, signed: 'hot-64k-signed', by: 'throughput' },
    { bytes: MIB, signed: 'hot-1m-signed', by: 'throughput' },
    { bytes: 8 * MIB, signed: 'hot-8m-signed', by: 'throughput' },
  ]

/** Hot reads beside nginx serving the same files; unsigned and signed. */
export async function hot(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus } = context
  const root = await makeObjectRoot(workDirectory)
  return withServers(async (keep) => {
    const nginx = await keep(startNginx({ source: { kind: 'files', root }, workers: 1, cpus, workDirectory }))
    const source = { kind: 'files', root } as const
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }))
    const findings: Finding[] = []
    const rows: ComparisonRow[] = []
    for (const size of SIZES) {
      const set = await writeObjectSet(root, size.bytes)
      await warmUp(nginx, root, set, undefined)
      await warmUp(hotbucket, root, set, 'hit')
      await expectSignaturesChecked(hotbucket, set.paths[0]!)
      const compared = await runClosedLoop(
        { name: set.name, set, contenders: contenders(nginx, hotbucket, set.paths) },
        context,
        shapeFor(set, context),
      )
      rows.push(...compared.rows)
      const finding = size.by === 'cpu' ? cpuFinding : throughputFinding
      if (size.plain !== undefined) findings.push(finding(size.plain, compared, { of: 'hotbucket', to: 'nginx' }))
      findings.push(finding(size.signed, compared, { of: 'hotbucket signed', to: 'nginx' }))
    }
    return { findings, rows }
  })
}

function contenders(nginx: BenchServer, hotbucket: BenchServer, paths: readonly string[]): Contender[] {
  return [
    { name: 'nginx', server: nginx, requests: () => plainRequests(paths, authority(nginx)) },
    { name: 'hotbucket', server: hotbucket, requests: () => plainRequests(paths, authority(hotbucket)) },
    { name: 'hotbucket signed', server: hotbucket, requests: () => signedRequests(paths, authority(hotbucket), Date.now()) },
  ]
}

/** Throws where a wrong signature is not refused. */
async function expectSignaturesChecked(hotbucket: BenchServer, path: string): Promise<void> {
  await expectRefusal(hotbucket, path, forgedFields(path, authority(hotbucket), Date.now()))
}
