/** How hotbucket is run under a suite. */
export interface ConformMode {
  readonly name: ModeName
  readonly title: string
  readonly flags: readonly string[]
  /** Other objects are read all the time, so that what was cached is evicted all the time. */
  readonly churn: boolean
  /** hotbucket is killed and started again between requests. */
  readonly restarts: boolean
}

export const MODE_NAMES = ['strict', 'ttl', 'tiny', 'restart'] as const
export type ModeName = (typeof MODE_NAMES)[number]

/** The smallest cache that hotbucket takes. */
const TINY = '16MiB'

export const MODES: Readonly<Record<ModeName, ConformMode>> = {
  strict: {
    name: 'strict',
    title: 'every hit validated',
    flags: ['--mode', 'strict', '--memory', '256MiB'],
    churn: false,
    restarts: false,
  },
  ttl: { name: 'ttl', title: 'hits for an hour', flags: ['--mode', 'ttl=1h', '--memory', '256MiB'], churn: false, restarts: false },
  tiny: { name: 'tiny', title: 'constant eviction', flags: ['--mode', 'ttl=1h', '--memory', TINY], churn: true, restarts: false },
  restart: {
    name: 'restart',
    title: 'killed and started midway',
    flags: ['--mode', 'ttl=1h', '--memory', '256MiB'],
    churn: false,
    restarts: true,
  },
}
