import type { MachineCpu } from './proc-stat.ts'

/** What the machine did during one round besides the round itself. */
export interface Noise {
  /** CPU time of anything that is not the round, as a share of all cores' time. */
  readonly foreignShare: number
  /** CPU time taken by the hypervisor, as a share of all cores' time. */
  readonly stealShare: number
}

/** What was measured over one round, in seconds. */
export interface RoundCpu {
  readonly elapsedSeconds: number
  readonly cores: number
  readonly before: MachineCpu
  readonly after: MachineCpu
  /** CPU time of servers, load generator and this script. */
  readonly ownSeconds: number
}

/** The kernel's per-core counters are sampled at its tick, so a share of two or three per cent is within their error. */
const FOREIGN_SHARE_MAX = 0.05
const STEAL_SHARE_MAX = 0.01

/** How noisy the machine was during a round. */
export function noiseOf(round: RoundCpu): Noise {
  const capacitySeconds = round.elapsedSeconds * round.cores
  const busySeconds = round.after.busySeconds - round.before.busySeconds
  return {
    foreignShare: Math.max(0, busySeconds - round.ownSeconds) / capacitySeconds,
    stealShare: (round.after.stealSeconds - round.before.stealSeconds) / capacitySeconds,
  }
}

/** Why a round does not count, or undefined where it does. */
export function voidReason(noise: Noise): string | undefined {
  if (noise.stealShare > STEAL_SHARE_MAX) return `steal ${percent(noise.stealShare)}`
  if (noise.foreignShare > FOREIGN_SHARE_MAX) return `foreign load ${percent(noise.foreignShare)}`
  return undefined
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
