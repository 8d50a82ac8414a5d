import { BUILD_INFO, definitionOf, METRIC_NAMES } from './catalog.ts'
import { OTHER_NAME, type MetricDefinition } from './metric-definition.ts'
import { LAYOUT } from './metric-layout.ts'
import { readRegistries, type SeriesReading } from './registry-reader.ts'

/** What `hotbucket_build_info` tells. */
export interface BuildInfo {
  readonly version: string
}

/** Memory for one thread's metrics, to be handed to that thread and kept for reading. */
export function allocateRegistry(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(LAYOUT.byteLength)
  const cells = new Float64Array(buffer, 0, LAYOUT.cellCount)
  for (const { definition, offset, seriesCount } of Object.values(LAYOUT.metrics)) {
    if (definition.origin === 'sampled') cells.fill(NaN, offset, offset + seriesCount)
  }
  return buffer
}

/** The media type of `renderMetrics`. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Sums the registries and renders them in the Prometheus text format 0.0.4. */
export function renderMetrics(registries: readonly SharedArrayBuffer[], build: BuildInfo): string {
  const readings = readRegistries(registries)
  const info = `${BUILD_INFO.name}${renderLabels({ version: build.version, node: process.version })} 1`
  const lines = [`# HELP ${BUILD_INFO.name} ${BUILD_INFO.help}`, `# TYPE ${BUILD_INFO.name} gauge`, info]
  for (const name of METRIC_NAMES) {
    const definition = definitionOf(name)
    const exposed = (readings.get(name) ?? []).filter((series) => isExposed(definition, series))
    if (exposed.length === 0) continue
    lines.push(`# HELP ${definition.name} ${escapeHelp(definition.help)}`, `# TYPE ${definition.name} ${definition.type}`)
    for (const series of exposed) renderSeries(definition, series, lines)
  }
  return `${lines.join('\n')}\n`
}

/**
 * A counter is exposed from the start where it can be expected to count, so that its first event is seen as an increase.
 * A histogram with labels is exposed from its first observation: most of its series stay empty for ever.
 */
function isExposed(definition: MetricDefinition, series: SeriesReading): boolean {
  if (definition.type === 'gauge' || series.value !== 0) return true
  if (definition.type === 'histogram') return Object.keys(definition.labels).length === 0 || series.counts.some((count) => count > 0)
  if (Object.values(series.labels).includes(OTHER_NAME)) return false
  return definition.expected?.(series.labels) ?? true
}

function renderSeries(definition: MetricDefinition, series: SeriesReading, lines: string[]): void {
  if (definition.type !== 'histogram') {
    lines.push(`${definition.name}${renderLabels(series.labels)} ${renderNumber(series.value)}`)
    return
  }
  let cumulative = 0
  for (const [i, count] of series.counts.entries()) {
    cumulative += count
    const le = renderNumber(definition.edges[i] ?? Infinity)
    lines.push(`${definition.name}_bucket${renderLabels({ ...series.labels, le })} ${cumulative}`)
  }
  const labels = renderLabels(series.labels)
  lines.push(`${definition.name}_sum${labels} ${renderNumber(series.value)}`, `${definition.name}_count${labels} ${cumulative}`)
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function renderNumber(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
