import type { BarName } from '../harness/bars.ts'
import { runClosedLoop, shapeFor, throughputFinding } from '../harness/closed-loop.ts'
import type { ComparisonRow } from '../harness/comparison.ts'
import { notMeasured, type Finding } from '../harness/finding.ts'
import { makeObjectRoot, writeObjectSet, type ObjectSet } from '../harness/objects.ts'
import { withServers, type Keep, type PartContext, type PartResult } from '../harness/part.ts'
import { plainRequests, signedRequests } from '../harness/requests.ts'
import type { Contender } from '../harness/rounds.ts'
import { BenchUnavailable, ensureTools, VARNISH } from '../harness/tools.ts'
import { warmUp } from '../harness/warm-up.ts'
import { startHotbucket } from '../servers/hotbucket.ts'
import { startNginx } from '../servers/nginx.ts'
import { authority, type BenchServer } from '../servers/server.ts'
import { startVarnish } from '../servers/varnish.ts'

const MEMORY_MIB = 512

const SIZES: readonly {
  readonly bytes: number
  readonly varnish: BarName
  readonly varnishSigned: BarName
  readonly proxyCache: BarName
}[] = [
  { bytes: 4 * 1024, varnish: 'varnish-4k', varnishSigned: 'varnish-4k-signed', proxyCache: 'proxy-cache-4k' },
  { bytes: 1024 ** 2, varnish: 'varnish-1m', varnishSigned: 'varnish-1m-signed', proxyCache: 'proxy-cache-1m' },
]

/** Hot reads beside caches: Varnish with its memory storage, nginx with proxy_cache; nginx with the files is behind both. */
export async function peers(context: PartContext): Promise<PartResult> {
  const { workDirectory, serverCpus: cpus } = context
  const root = await makeObjectRoot(workDirectory)
  return withServers(async (keep) => {
    const origin = await keep(startNginx({ source: { kind: 'files', root }, workers: 1, cpus: context.place.cpus, workDirectory }))
    const proxyCache = await keep(startNginx({ source: { kind: 'cache', originPort: origin.port }, workers: 1, cpus, workDirectory }))
    const varnish = await varnishOr(keep, { originPort: origin.port, memoryMiB: MEMORY_MIB, cpus, workDirectory }, context.say)
    const source = { kind: 'files', root } as const
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, workDirectory }))
    const findings: Finding[] = []
    const rows: ComparisonRow[] = []
    for (const size of SIZES) {
      const set = await writeObjectSet(root, size.bytes)
      const caches = typeof varnish === 'string' ? [proxyCache] : [varnish, proxyCache]
      for (const server of caches) await warmUp(server, root, set, 'HIT')
      await warmUp(hotbucket, root, set, 'hit')
      const name = `${set.name} cached`
      const compared = await runClosedLoop({ name, set, contenders: contenders(caches, hotbucket, set) }, context, shapeFor(set, context))
      rows.push(...compared.rows)
      if (typeof varnish === 'string') findings.push(...notMeasured([size.varnish, size.varnishSigned], varnish))
      else {
        findings.push(throughputFinding(size.varnish, compared, { of: 'hotbucket', to: varnish.name }))
        findings.push(throughputFinding(size.varnishSigned, compared, { of: 'hotbucket signed', to: varnish.name }))
      }
      findings.push(throughputFinding(size.proxyCache, compared, { of: 'hotbucket', to: proxyCache.name }))
    }
    return { findings, rows }
  })
}

/** Varnish, or why it cannot be had. */
async function varnishOr(
  keep: Keep,
  setup: Parameters<typeof startVarnish>[0],
  say: (line: string) => void,
): Promise<BenchServer | string> {
  try {
    ensureTools([VARNISH], say)
  } catch (error) {
    if (!(error instanceof BenchUnavailable)) throw error
    return `no Varnish: ${error.message}`
  }
  return keep(startVarnish(setup))
}

function contenders(caches: readonly BenchServer[], hotbucket: BenchServer, { paths }: ObjectSet): Contender[] {
  return [
    ...caches.map((server) => ({ name: server.name, server, requests: () => plainRequests(paths, authority(server)) })),
    { name: 'hotbucket', server: hotbucket, requests: () => plainRequests(paths, authority(hotbucket)) },
    { name: 'hotbucket signed', server: hotbucket, requests: () => signedRequests(paths, authority(hotbucket), Date.now()) },
  ]
}
