import { formatByteSize } from '../../src/base/byte-size.ts'
import { SERVER_BOUND_SHARE, type ComparisonRow } from './comparison.ts'
import type { Spread } from './statistics.ts'

const HEADINGS = [
  'load',
  'server',
  'requests/s',
  'body/s',
  'CPU/request',
  'p50',
  'p99',
  'core',
  'generator',
  'requests/s ratio',
  'CPU ratio',
]

/** The comparison as lines of text, columns aligned. A median is followed by its median absolute deviation. */
export function comparisonTable(rows: readonly ComparisonRow[]): string[] {
  const cells = rows.map((row, i) => [
    row.load === rows[i - 1]?.load ? '' : row.load,
    `${row.contender}${row.rounds.voidUsed ? ' (!)' : ''}`,
    withDeviation(row.requestsPerSecond, (value) => Math.round(value).toLocaleString('en-US')),
    `${formatByteSize(Math.round(row.bodyBytesPerSecond))}${row.serverBusy < SERVER_BOUND_SHARE ? ' *' : ''}`,
    `${withDeviation(row.cpuUs, fixed)} µs`,
    `${Math.round(row.p50Us).toLocaleString('en-US')} µs`,
    `${Math.round(row.p99Us).toLocaleString('en-US')} µs`,
    percent(row.serverBusy),
    percent(row.generatorBusy),
    row.throughputRatio === undefined ? '' : withDeviation(row.throughputRatio, (value) => value.toFixed(2)),
    row.cpuRatio === undefined ? '' : withDeviation(row.cpuRatio, (value) => value.toFixed(2)),
  ])
  return [...alignedLines(HEADINGS, cells, (column) => column < 2), ...footnotes(rows)]
}

/** Headings and lines with their columns aligned, to the left where `isLeft` says so. */
export function alignedLines(
  headings: readonly string[],
  lines: readonly (readonly string[])[],
  isLeft: (column: number) => boolean,
): string[] {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...lines.map((line) => line[column]!.length)))
  const align = (line: readonly string[]): string =>
    line
      .map((cell, column) => (isLeft(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd()
  return [align(headings), ...lines.map(align)]
}

function footnotes(rows: readonly ComparisonRow[]): string[] {
  const notes: string[] = []
  notes.push('', 'Ratios are to the first server of each load in the same round: requests/s above 1 and CPU below 1 favour the other.')
  if (rows.some((row) => row.serverBusy < SERVER_BOUND_SHARE)) {
    notes.push(
      `* the server used less than ${percent(SERVER_BOUND_SHARE)} of its core: the load generator was the limit, compare CPU/request.`,
    )
  }
  if (rows.some((row) => row.rounds.voidUsed)) notes.push('(!) no round was free of foreign load or steal: these figures do not count.')
  return notes
}

function withDeviation(spread: Spread, format: (value: number) => string): string {
  return `${format(spread.median)} ±${format(spread.deviation)}`
}

function fixed(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
