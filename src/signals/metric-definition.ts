/** The layer that a metric tells about, so that dashboards and alerts can say which one is to blame. */
export const LAYERS = {
  app: 'hotbucket itself',
  origin: 'the origin and the way to it',
  cgroup: 'the limits that this process was given (container, unit, pod)',
  guest: 'the kernel that this process runs on',
  host: 'the machine below the kernel: the hypervisor',
} as const

type Layer = keyof typeof LAYERS

/** How far users may rely on a metric: `stable` changes only with a major version. */
type Stability = 'stable' | 'experimental'

/** Words of a label that are not known beforehand, bounded: the first `slots` names get their own series, the rest `_other`. */
interface DynamicLabel {
  readonly table: TableName
}

export type LabelDomain = readonly string[] | DynamicLabel

/** Tables of names, each at most `NAME_BYTES_MAX` long in UTF-8, per registry. */
export const NAME_TABLES = { bucket: 64, origin: 16 } as const

export type TableName = keyof typeof NAME_TABLES

/** Longest bucket names: 63 bytes now, 255 in the oldest S3 region. */
export const NAME_BYTES_MAX = 255

/** The label value of every name that has no slot of its own. */
export const OTHER_NAME = '_other'

/**
 * How the registries of several threads become one exposition. `sum`: added up. `by-thread`: one series per thread, under the
 * label `thread`.
 */
type Merge = 'sum' | 'by-thread'

export interface MetricDefinition {
  /** Full Prometheus name, with the suffix of its unit and `_total` for counters. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly unit: 'seconds' | 'bytes' | 'dollars' | 'ratio' | 'none'
  readonly labels: Readonly<Record<string, LabelDomain>>
  readonly layer: Layer
  readonly stability: Stability
  readonly merge: Merge
  /**
   * `counted`: begins at 0. `sampled`: read from elsewhere, and absent until it was read; also absent where the platform does
   * not have it, which is not the same as 0.
   */
  readonly origin: 'counted' | 'sampled'
  /** Upper bounds of a histogram's buckets in ascending order, without +Inf; empty for other types. */
  readonly edges: readonly number[]
  /** Whether a series with these values is exposed while it is zero; absent: all are. */
  readonly expected: ((labels: Readonly<Record<string, string>>) => boolean) | undefined
}

type Given = Partial<Pick<MetricDefinition, 'unit' | 'layer' | 'stability' | 'merge' | 'origin' | 'expected'>>

type Labels = Readonly<Record<string, LabelDomain>>

/** A definition that remembers its label names and their words for the compiler. */
export type Defined<T extends MetricDefinition['type'], L extends Labels> = Omit<MetricDefinition, 'type' | 'labels'> & {
  readonly type: T
  readonly labels: L
}

const PREFIX = 'hotbucket_'

/** A metric that only grows, from 0 at the start of the process. */
export function counter<const L extends Labels = Record<string, never>>(
  name: string,
  help: string,
  given: Given & { readonly labels?: L } = {},
): Defined<'counter', L> {
  return { ...completed(name, help, given), type: 'counter', edges: [], labels: given.labels ?? ({} as L) }
}

/** A value that goes up and down; always `sampled`. */
export function gauge<const L extends Labels = Record<string, never>>(
  name: string,
  help: string,
  given: Given & { readonly labels?: L } = {},
): Defined<'gauge', L> {
  return { ...completed(name, help, given), origin: 'sampled', type: 'gauge', edges: [], labels: given.labels ?? ({} as L) }
}

/** A distribution over fixed buckets. */
export function histogram<const L extends Labels = Record<string, never>>(
  name: string,
  help: string,
  given: Given & { readonly edges: readonly number[]; readonly labels?: L },
): Defined<'histogram', L> {
  return { ...completed(name, help, given), type: 'histogram', edges: given.edges, labels: given.labels ?? ({} as L) }
}

function completed(name: string, help: string, given: Given): Omit<MetricDefinition, 'type' | 'edges' | 'labels'> {
  return {
    name: PREFIX + name,
    help,
    unit: given.unit ?? 'none',
    layer: given.layer ?? 'app',
    stability: given.stability ?? 'stable',
    merge: given.merge ?? 'sum',
    origin: given.origin ?? 'counted',
    expected: given.expected,
  }
}
