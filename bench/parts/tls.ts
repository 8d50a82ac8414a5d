import type { BarName } from '../harness/bars.ts'
import { runClosedLoop, shapeFor, throughputFinding } from '../harness/closed-loop.ts'
import type { ComparisonRow } from '../harness/comparison.ts'
import type { Finding } from '../harness/finding.ts'
import { makeObjectRoot, writeObjectSet } from '../harness/objects.ts'
import { withServers, type PartContext, type PartResult } from '../harness/part.ts'
import { plainRequests, signedRequests } from '../harness/requests.ts'
import { ensureTools, OPENSSL } from '../harness/tools.ts'
import { warmUp } from '../harness/warm-up.ts'
import { startHotbucket } from '../servers/hotbucket.ts'
import { makeIdentity, negotiatedByNode, negotiatedByOpenssl } from '../servers/identity.ts'
import { startNginx } from '../servers/nginx.ts'
import { authority, type BenchServer } from '../servers/server.ts'

const MEMORY_MIB = 512

const SIZES: readonly { readonly bytes: number; readonly bar: BarName }[] = [
  { bytes: 64 * 1024, bar: 'tls-64k' },
  { bytes: 1024 ** 2, bar: 'tls-1m' },
]

/** Hot reads over TLS beside nginx with the same certificate; what both negotiate is checked and noted. */
export async function tls(context: PartContext): Promise<PartResult> {
  ensureTools([OPENSSL], context.say)
  const { workDirectory, serverCpus: cpus } = context
  const root = await makeObjectRoot(workDirectory)
  const identity = makeIdentity(workDirectory)
  return withServers(async (keep) => {
    const source = { kind: 'files', root } as const
    const nginx = await keep(startNginx({ source, workers: 1, cpus, identity, workDirectory }))
    const hotbucket = await keep(startHotbucket({ source, memoryMiB: MEMORY_MIB, workers: 1, cpus, identity, workDirectory }))
    const agreed = await agreement([nginx, hotbucket])
    context.say(`\nTLS: both negotiate ${agreed}`)
    const note = `TLS: both negotiate ${agreed}, ECDSA P-256 certificate, no kernel TLS; the load generator decrypts, which costs it as much as encrypting costs the server`
    const findings: Finding[] = []
    const rows: ComparisonRow[] = []
    for (const { bytes, bar } of SIZES) {
      const set = await writeObjectSet(root, bytes)
      await warmUp(nginx, root, set, undefined)
      await warmUp(hotbucket, root, set, 'hit')
      const contenders = [
        { name: 'nginx', server: nginx, requests: () => plainRequests(set.paths, authority(nginx)) },
        { name: 'hotbucket signed', server: hotbucket, requests: () => signedRequests(set.paths, authority(hotbucket), Date.now()) },
      ]
      const compared = await runClosedLoop({ name: `${set.name} TLS`, set, contenders }, context, shapeFor(set, context))
      rows.push(...compared.rows)
      const finding = throughputFinding(bar, compared, { of: 'hotbucket signed', to: 'nginx' })
      findings.push({ ...finding, notes: [note, ...finding.notes] })
    }
    return { findings, rows }
  })
}

/** What all negotiate, with two clients. Throws where they differ: then the comparison would be of ciphers. */
async function agreement(servers: readonly BenchServer[]): Promise<string> {
  const seen = new Set<string>()
  for (const server of servers) {
    for (const { protocol, cipher } of [negotiatedByOpenssl(server), await negotiatedByNode(server)]) seen.add(`${protocol} ${cipher}`)
  }
  if (seen.size !== 1) throw new Error(`Cannot compare over TLS: the servers negotiate ${[...seen].join(' and ')}`)
  return [...seen].join('')
}
