import type { ModeName } from './modes.ts'
import type { SweepResult } from './sweep.ts'
import type { Verdict } from './verdict.ts'

/** One suite in one mode. */
export interface Row {
  readonly suite: string
  readonly mode: ModeName
  readonly verdict: Verdict
  readonly swept: SweepResult
  readonly restarts: number
  readonly elapsedMs: number
}

const DETAIL_CHARACTERS_MAX = 2_500
const SWEEP_LINES_MAX = 10

type Say = (line: string) => void

export function printRow(row: Row, say: Say): void {
  const { verdict, swept } = row
  const seconds = Math.round(row.elapsedMs / 1000)
  say(
    `  ${row.mode}: ${verdict.passedThrough} of ${verdict.checks} pass, ${verdict.differences.length} differ, ${verdict.explained.length} differ as explained; ` +
      `swept ${swept.objects} objects, ${swept.cached} cached, ${swept.differences.length} differ; ${row.restarts} restarts; ${seconds} s`,
  )
  for (const { check, detail } of verdict.differences)
    say(`  DIFFERENCE ${row.suite}/${row.mode} "${check}"\n    ${detail.slice(0, DETAIL_CHARACTERS_MAX).replaceAll('\n', '\n    ')}`)
  for (const line of swept.differences.slice(0, SWEEP_LINES_MAX)) say(`  DIFFERENCE ${row.suite}/${row.mode} sweep: ${line}`)
}

/** All suites and modes, and what fails at the origin already. */
export function printTable(rows: readonly Row[], origin: string, say: Say): void {
  const header = [
    'suite',
    'mode',
    'checks',
    'direct',
    'through',
    'difference',
    'explained',
    'swept',
    'cached',
    'sweep difference',
    'restarts',
    'time',
  ]
  const lines = rows.map(({ suite, mode, verdict, swept, restarts, elapsedMs }) => [
    suite,
    mode,
    ...[verdict.checks, verdict.passedDirect, verdict.passedThrough, verdict.differences.length, verdict.explained.length].map(String),
    ...[swept.objects, swept.cached, swept.differences.length, restarts].map(String),
    `${Math.round(elapsedMs / 1000)} s`,
  ])
  const all = [header, ...lines]
  const widths = header.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)))
  say(`\norigin: ${origin}`)
  for (const line of all)
    say(
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  for (const [suite, members] of Map.groupBy(rows, (row) => row.suite)) {
    const failing = members[0]?.verdict.failsDirect ?? []
    if (failing.length > 0) say(`\n${suite}: ${failing.length} checks fail at the origin itself and do not count: ${failing.join(', ')}`)
    const reasons = new Map(members.flatMap(({ verdict }) => verdict.explained.map(({ check, why }) => [check, why] as const)))
    for (const [why, checks] of Map.groupBy([...reasons], ([, why]) => why)) {
      say(`${suite}: explained: ${why} (${checks.map(([check]) => check).join('; ')})`)
    }
  }
}
