import { cpus } from 'node:os'

import type { RoundCounts } from './rounds.ts'
import { noiseOf, voidReason } from './noise.ts'
import { cpuSecondsOf, machineCpu, processCpu } from './proc-stat.ts'

/** Who is accounted for while something is measured. */
export interface Accounted {
  /** Processes whose CPU time is the figure. */
  readonly server: readonly number[]
  /** Processes that belong to the measurement and outlive it: an origin, held connections. Generators that end are found by themselves. */
  readonly fixtures?: readonly number[]
}

/** A measurement with the kernel's account of it. */
export interface Account<Value> {
  readonly value: Value
  readonly elapsedSeconds: number
  /** CPU time of the server's processes. */
  readonly serverSeconds: number
  /** CPU time of the child processes that ended meanwhile: the load generator. */
  readonly generatorSeconds: number
  /** Why it does not count; undefined where it does. */
  readonly void: string | undefined
}

/** Does the work and accounts for it. What neither server, fixtures, children nor this process used is foreign. */
export async function account<Value>(who: Accounted, work: () => Promise<Value>): Promise<Account<Value>> {
  const snapshot = (): Snapshot => ({
    ms: performance.now(),
    machine: machineCpu(),
    server: cpuSecondsOf(who.server),
    fixtures: cpuSecondsOf(who.fixtures ?? []),
    self: processCpu('self'),
  })
  const before = snapshot()
  const value = await work()
  const after = snapshot()
  const elapsedSeconds = (after.ms - before.ms) / 1000
  const serverSeconds = after.server - before.server
  const generatorSeconds = after.self.childrenSeconds - before.self.childrenSeconds
  const otherSeconds = after.fixtures - before.fixtures + after.self.ownSeconds - before.self.ownSeconds
  const noise = noiseOf({
    elapsedSeconds,
    cores: cpus().length,
    before: before.machine,
    after: after.machine,
    ownSeconds: serverSeconds + generatorSeconds + otherSeconds,
  })
  return { value, elapsedSeconds, serverSeconds, generatorSeconds, void: voidReason(noise) }
}

/** How often something that takes long is tried until the machine is quiet. */
const ATTEMPTS_MAX = 2

/** A measurement that is made once: again where the machine was noisy, at most twice in all. The last one is given, valid or not. */
export async function onceValid<Value>(
  who: Accounted,
  work: () => Promise<Value>,
  say: (line: string) => void,
): Promise<{ readonly value: Value; readonly counts: RoundCounts }> {
  for (let attempt = 1; ; attempt++) {
    const { value, void: reason } = await account(who, work)
    say(`  attempt ${attempt}: ${reason === undefined ? 'ok' : `void (${reason})`}`)
    if (reason === undefined) return { value, counts: { used: 1, void: attempt - 1, voidUsed: false } }
    if (attempt === ATTEMPTS_MAX) return { value, counts: { used: 1, void: attempt, voidUsed: true } }
  }
}

interface Snapshot {
  readonly ms: number
  readonly machine: ReturnType<typeof machineCpu>
  readonly server: number
  readonly fixtures: number
  readonly self: ReturnType<typeof processCpu>
}
