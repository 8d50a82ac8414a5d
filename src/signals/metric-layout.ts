import { definitionOf, labelEntries, METRIC_NAMES, type MetricName } from './catalog.ts'
import { NAME_BYTES_MAX, NAME_TABLES, type LabelDomain, type MetricDefinition, type TableName } from './metric-definition.ts'

/** Where one label stands in the numbering of a metric's series. */
export interface LabelLayout {
  readonly name: string
  /** The closed words; for a dynamic label the table, whose last number is `_other`. */
  readonly words: readonly string[] | TableName
  /** How many values the label has. */
  readonly size: number
}

/** Where the series of a metric lie. Series number = labels in mixed radix, first label most significant. */
export interface MetricLayout {
  readonly definition: MetricDefinition
  readonly labels: readonly LabelLayout[]
  /** First cell. */
  readonly offset: number
  /** Cells of one series: 1, or a histogram's buckets, +Inf and sum. */
  readonly stride: number
  readonly seriesCount: number
}

/** The layout of every registry: a pure function of the catalog, so that writer and reader agree without talking. */
export interface RegistryLayout {
  readonly metrics: Readonly<Record<MetricName, MetricLayout>>
  /** Float64 cells, from byte 0. */
  readonly cellCount: number
  /** First byte of each table of names, and of the thread's own name. */
  readonly tableOffsets: Readonly<Record<TableName, number>>
  readonly threadNameOffset: number
  readonly byteLength: number
}

/** A name in shared memory: an Int32 length (0: none yet), then the bytes. */
export const NAME_RECORD_BYTES = 4 + NAME_BYTES_MAX + 1

export const LAYOUT: RegistryLayout = computeLayout()

function computeLayout(): RegistryLayout {
  const metrics: Partial<Record<MetricName, MetricLayout>> = {}
  let cell = 0
  for (const name of METRIC_NAMES) {
    const layout = layoutMetric(definitionOf(name), cell)
    metrics[name] = layout
    cell += layout.seriesCount * layout.stride
  }
  const bucket = cell * Float64Array.BYTES_PER_ELEMENT
  const origin = bucket + NAME_TABLES.bucket * NAME_RECORD_BYTES
  const threadNameOffset = origin + NAME_TABLES.origin * NAME_RECORD_BYTES
  return {
    metrics: metrics as Record<MetricName, MetricLayout>,
    cellCount: cell,
    tableOffsets: { bucket, origin },
    threadNameOffset,
    byteLength: threadNameOffset + NAME_RECORD_BYTES,
  }
}

function layoutMetric(definition: MetricDefinition, offset: number): MetricLayout {
  const labels = labelEntries(definition).map(([name, domain]) => layoutLabel(name, domain))
  const seriesCount = labels.reduce((product, label) => product * label.size, 1)
  const stride = definition.type === 'histogram' ? definition.edges.length + 2 : 1
  return { definition, labels, offset, stride, seriesCount }
}

function layoutLabel(name: string, domain: LabelDomain): LabelLayout {
  if ('table' in domain) return { name, words: domain.table, size: NAME_TABLES[domain.table] + 1 }
  return { name, words: domain, size: domain.length }
}
