import { formatByteSize } from '../../src/base/byte-size.ts'
import { BARS, type Bar, type BarName, type Unit } from './bars.ts'
import type { RoundCounts } from './rounds.ts'
import type { Spread } from './statistics.ts'
import { alignedLines } from './table.ts'

/** A bar and what was measured. */
export interface Finding {
  readonly name: BarName
  /** Undefined where it could not be measured: the notes say why. */
  readonly measured: Spread | undefined
  readonly rounds: RoundCounts | undefined
  readonly notes: readonly string[]
}

/** `aim` and `bar`: reached. `reported`: there is no bar. `void`: the machine was too noisy for the figure to count. */
export type Verdict = 'aim' | 'bar' | 'MISSED' | 'reported' | 'void' | 'not measured'

/** What could not be measured, and why. */
export function notMeasured(names: readonly BarName[], why: string): Finding[] {
  return names.map((name) => ({ name, measured: undefined, rounds: undefined, notes: [why] }))
}

/** Undefined bars and aims are never missed. */
export function verdictOf(finding: Finding): Verdict {
  if (finding.measured === undefined) return 'not measured'
  if (finding.rounds?.voidUsed === true) return 'void'
  const { bar, aim, better }: Bar = BARS[finding.name]
  const { median } = finding.measured
  const reaches = (wanted: number): boolean => (better === 'lower' ? median <= wanted : median >= wanted)
  if (bar === undefined) return 'reported'
  if (!reaches(bar)) return 'MISSED'
  return aim !== undefined && reaches(aim) ? 'aim' : 'bar'
}

/** All findings as one table; notes are numbered below it. */
export function findingsTable(findings: readonly Finding[]): string[] {
  const notes = [...new Set(findings.flatMap((finding) => finding.notes))]
  const rows = findings.map((finding) => {
    const bar: Bar = BARS[finding.name]
    const sign = bar.better === 'lower' ? '≤' : '≥'
    const limit = (value: number | undefined): string => (value === undefined ? '' : `${sign} ${formatValue(value, bar.unit)}`)
    const { measured, rounds } = finding
    return [
      bar.load,
      bar.figure,
      measured === undefined ? '-' : `${formatValue(measured.median, bar.unit)} ±${formatValue(measured.deviation, bar.unit)}`,
      limit(bar.bar),
      limit(bar.aim),
      verdictOf(finding),
      rounds === undefined ? `${measured?.count ?? 0}` : `${rounds.used}${rounds.void > 0 ? ` (${rounds.void} void)` : ''}`,
      finding.notes.map((note) => notes.indexOf(note) + 1).join(' '),
    ]
  })
  const headings = ['load', 'figure', 'measured', 'bar', 'aim', 'verdict', 'rounds', 'notes']
  return [
    ...alignedLines(headings, rows, (column) => column < 2 || column === 5),
    '',
    'Ratios are ours : peer, medians over rounds ± median absolute deviation.',
    ...notes.map((note, i) => `${i + 1}: ${note}`),
  ]
}

function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'ratio':
      return value.toFixed(2)
    case 'ms':
      return `${value.toFixed(Math.abs(value) < 10 ? 2 : 0)} ms`
    case 'MiB':
      return `${value.toFixed(1)} MiB`
    case 'bytes':
      return formatByteSize(Math.round(value))
    case 'count':
      return Math.round(value).toLocaleString('en-US')
  }
}
