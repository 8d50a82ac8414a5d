import { METRIC_NAMES, type MetricName } from './catalog.ts'
import { NAME_TABLES, OTHER_NAME, type TableName } from './metric-definition.ts'
import { LAYOUT, type MetricLayout } from './metric-layout.ts'
import { NameTable } from './name-table.ts'

/** One series, summed over the threads that it is summed over. */
export interface SeriesReading {
  readonly labels: Readonly<Record<string, string>>
  /** The value; for a histogram the sum of what was observed. */
  readonly value: number
  /** A histogram's observations per bucket, not cumulative, +Inf last; empty for other types. */
  readonly counts: readonly number[]
}

/** Every series that is not absent, by metric. */
export type Readings = ReadonlyMap<MetricName, readonly SeriesReading[]>

/** Reads the registries of all threads. Costs them nothing; each number is at most one update old. */
export function readRegistries(registries: readonly SharedArrayBuffer[]): Readings {
  const sources = registries.map((buffer, position) => openSource(buffer, position))
  const readings = new Map<MetricName, readonly SeriesReading[]>()
  for (const name of METRIC_NAMES) {
    const layout = LAYOUT.metrics[name]
    const merged = new Map<string, MutableReading>()
    for (const source of sources) readMetric(layout, source, merged)
    readings.set(name, [...merged.values()])
  }
  return readings
}

/** Threads whose event loop has not come round for this long do not work any more. The sampler runs each second. */
const HEARTBEAT_LATE_MS = 30_000

/** Whether every thread's event loop still runs, by its heartbeat; a thread without a first one is still starting. */
export function readLiveness(registries: readonly SharedArrayBuffer[], nowMs: number): { live: boolean; reasons: string[] } {
  const reasons: string[] = []
  for (const [position, buffer] of registries.entries()) {
    const { cells, thread } = openSource(buffer, position)
    const lateMs = nowMs - (cells[LAYOUT.metrics.heartbeat.offset] ?? NaN) * 1000
    if (lateMs > HEARTBEAT_LATE_MS) reasons.push(`stuck: the event loop of ${thread} has not run for ${Math.round(lateMs / 1000)} s`)
  }
  return { live: reasons.length === 0, reasons }
}

interface MutableReading {
  readonly labels: Readonly<Record<string, string>>
  value: number
  readonly counts: number[]
}

interface Source {
  readonly cells: Float64Array
  readonly thread: string
  readonly names: Readonly<Record<TableName, readonly string[]>>
}

function openSource(buffer: SharedArrayBuffer, position: number): Source {
  return {
    cells: new Float64Array(buffer, 0, LAYOUT.cellCount),
    thread: new NameTable(buffer, LAYOUT.threadNameOffset, 1).names()[0] ?? `thread-${position}`,
    names: {
      bucket: new NameTable(buffer, LAYOUT.tableOffsets.bucket, NAME_TABLES.bucket).names(),
      origin: new NameTable(buffer, LAYOUT.tableOffsets.origin, NAME_TABLES.origin).names(),
    },
  }
}

function readMetric(layout: MetricLayout, source: Source, merged: Map<string, MutableReading>): void {
  const { definition, stride } = layout
  const buckets = definition.type === 'histogram' ? definition.edges.length + 1 : 0
  for (let series = 0; series < layout.seriesCount; series++) {
    const at = layout.offset + series * stride
    const value = source.cells[at + stride - 1] ?? NaN
    if (Number.isNaN(value)) continue
    const labels = labelsOf(layout, series, source)
    if (labels === undefined) continue
    const key = Object.values(labels).join('\n')
    const known = merged.get(key)
    if (known === undefined) {
      merged.set(key, { labels, value, counts: Array.from(source.cells.subarray(at, at + buckets)) })
      continue
    }
    known.value += value
    for (let bucket = 0; bucket < buckets; bucket++) known.counts[bucket] = (known.counts[bucket] ?? 0) + (source.cells[at + bucket] ?? 0)
  }
}

/** The labels of a series by its number, or undefined where a name is not taken yet. */
function labelsOf(layout: MetricLayout, series: number, source: Source): Record<string, string> | undefined {
  const values: string[] = []
  let rest = series
  for (const label of layout.labels.toReversed()) {
    const position = rest % label.size
    rest = Math.floor(rest / label.size)
    const value = typeof label.words === 'string' ? nameAt(source, label.words, position) : label.words[position]
    if (value === undefined) return undefined
    values.unshift(value)
  }
  const labels: Record<string, string> = {}
  for (const [i, label] of layout.labels.entries()) labels[label.name] = values[i] ?? ''
  if (layout.definition.merge === 'by-thread') labels['thread'] = source.thread
  return labels
}

function nameAt(source: Source, table: TableName, position: number): string | undefined {
  return position === NAME_TABLES[table] ? OTHER_NAME : source.names[table][position]
}
