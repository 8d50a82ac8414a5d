/**
 * `npm run test:desync`: clients that pipeline, upload, expect, leave; an origin that answers early, late, half or not at all; and between
 * them the real server over real sockets. No answer may reach a request that is not its own, and a connection goes on in step or ends.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { S3Origin } from '../../src/origin/s3-origin.ts'
import { startInProcess } from '../support/in-process-proxy.ts'
import { configOf } from '../support/origin-requests.ts'
import { playConnection, type DesyncTarget } from './desync-client.ts'
import { DesyncOrigin } from './desync-origin.ts'
import { planCase, type PlannedConnection, type PlannedRequest } from './desync-plan.ts'

export interface DesyncSummary {
  readonly cases: number
  readonly statuses: ReadonlyMap<number, number>
  /** Connections that went on in step after all that was done on them. */
  readonly inSync: number
  readonly connections: number
}

/** An answer that went astray, or a connection out of step. */
export class OutOfStep extends Error {
  override readonly name = 'OutOfStep'
}

const CREDENTIALS = { accessKeyId: 'DESYNC', secretAccessKey: 'desync-secret' } as const
const ORIGIN_CONNECTIONS = 4
/** More than any case takes on a busy machine: a case that takes longer hangs. */
const CASE_TIMEOUT_MS = 30_000
const SHARED: PlannedRequest['id'][] = Array.from({ length: 12 }, (_, i) => `shared${i}`)

/** Plays `count` cases from `first` on. Throws OutOfStep, which names seed and case. */
export async function fuzzDesync(options: {
  readonly seed: number
  readonly count: number
  readonly first?: number
}): Promise<DesyncSummary> {
  const { seed, count, first = 0 } = options
  const origin = new DesyncOrigin()
  for (const id of SHARED) origin.expect(sharedRequest(id))
  const upstream = new S3Origin(configOf(await origin.fault.start(), { connections: ORIGIN_CONNECTIONS }), { clock: systemClock })
  const proxy = await startInProcess({
    origin: upstream,
    mode: { kind: 'immutable' },
    memoryBytes: 32 * 1024 * 1024,
    anonymous: false,
    clients: [
      { ...CREDENTIALS, sessionToken: undefined, grants: [{ bucket: '*', prefix: '', actions: ['read', 'list', 'write', 'delete'] }] },
    ],
  })
  const target = { port: Number(new URL(proxy.endpoint).port), nowMs: proxy.clock.nowMs(), credentials: CREDENTIALS }
  const tally = { cases: count, statuses: new Map<number, number>(), inSync: 0, connections: 0 }
  try {
    for (let index = first; index < first + count; index++) {
      const plan = planCase(seed, index)
      const violations = await playCase(plan, { origin, target, tally })
      if (violations.length > 0) throw new OutOfStep(describe(seed, index, violations, plan))
    }
  } finally {
    await proxy.close()
    await upstream.close()
    await origin.fault.stop()
  }
  const held = proxy.held()
  if (held.pins + held.flights + held.fillsInProgress > 0) throw new OutOfStep(`seed ${seed}: held at the end: ${JSON.stringify(held)}`)
  return tally
}

interface Run {
  readonly origin: DesyncOrigin
  readonly target: DesyncTarget
  readonly tally: { readonly statuses: Map<number, number>; inSync: number; connections: number }
}

async function playCase(plan: readonly PlannedConnection[], run: Run): Promise<string[]> {
  const { origin, target, tally } = run
  for (const { requests } of plan) for (const request of requests) if (!request.id.startsWith('shared')) origin.expect(request)
  const hung = Promise.withResolvers<never>()
  const timer = setTimeout(() => hung.reject(new Error('a case hangs')), CASE_TIMEOUT_MS)
  const reports = await Promise.race([Promise.all(plan.map((connection) => playConnection(connection, target))), hung.promise]).catch(
    (error: unknown) => String(error),
  )
  clearTimeout(timer)
  origin.settle()
  if (typeof reports === 'string') return [reports, ...origin.violations]
  for (const { statuses, inSync } of reports) {
    for (const status of statuses) tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1)
    tally.inSync += inSync ? 1 : 0
    tally.connections += 1
  }
  return [...reports.flatMap(({ violations }) => violations), ...origin.violations]
}

function sharedRequest(id: string): PlannedRequest {
  const nothing = { framing: 'none', bodyBytes: 0, expect: 'none' } as const
  return { id, act: 'answer', method: 'GET', signature: 'right', answerBytes: 4096, ...nothing }
}

function describe(seed: number, index: number, violations: readonly string[], plan: readonly PlannedConnection[]): string {
  const again = `node test/fuzz/desync-fuzz.ts --seed ${seed} --first ${index} --count 1`
  const played = plan.map((connection) => JSON.stringify(connection)).join('\n')
  return `seed ${seed}, case ${index}:\n${violations.join('\n')}\n${played}\nagain: ${again} (or from an earlier case on: connections are kept)`
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' }, first: { type: 'string' } } })
  const seed = Number(values.seed ?? process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007)
  const count = Number(values.count ?? 10_000)
  console.log(`desync: seed ${seed}, ${count} cases`)
  const startMs = performance.now()
  const summary = await fuzzDesync({ seed, count, first: Number(values.first ?? 0) })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`${summary.connections} connections in ${seconds} s, every answer with its own request; ${summary.inSync} went on to the end`)
  for (const [status, answers] of [...summary.statuses].sort((a, b) => b[1] - a[1]))
    console.log(`  ${status} ${String(answers).padStart(8)}`)
}

if (import.meta.main) await main()
