import { COLUMNS, type Check } from './scenario/checks.ts'
import type { Mode, ScenarioResult } from './scenario/run-scenario.ts'

/** What came of one client; a mode that did not run, or could not, is absent. */
export interface ClientResult {
  readonly name: string
  readonly version: string
  readonly direct?: ScenarioResult
  readonly hotbucket?: ScenarioResult
  /** Why the client could not be run at all. */
  readonly broken?: string
}

const WHOLE_FAILURES_MAX = 2
const SHORT_FAILURES_MAX = 4
const DETAIL_CHARACTERS_MAX = 3_000

export interface Verdict {
  readonly lines: readonly string[]
  readonly passed: number
  readonly failed: number
}

interface Judged {
  readonly client: string
  readonly check: Check
  /** Fails direct as well, so hotbucket is not to blame. */
  readonly excused: boolean
}

/**
 * The table, the failures and the count. In a run through hotbucket only those checks count that pass without it: the
 * measure is the origin, not the client's abilities.
 */
export function report(results: readonly ClientResult[], mode: Mode): Verdict {
  const judged = results.flatMap((result) => judge(result, mode))
  const broken = results.filter((result) => result.broken !== undefined)
  const failures = judged.filter(({ check, excused }) => check.outcome === 'fail' && !excused)
  const excused = judged.filter((one) => one.excused)
  const passed = judged.filter(({ check, excused: out }) => check.outcome === 'pass' && !out).length
  const lines = [
    ...table(results, judged),
    '',
    ...unsupportedLines(judged),
    ...excused.map(
      ({ client, check }) =>
        `not counted, fails without hotbucket too: ${client} ${check.column} "${check.label}": ${firstLines(check.detail, 2)}`,
    ),
    ...failureLines(failures),
    ...results.flatMap((result) =>
      result.hotbucket?.log ? ['', `the end of hotbucket's log for ${result.name}:`, indent(result.hotbucket.log)] : [],
    ),
    ...broken.flatMap((result) => ['', `FAIL ${result.name} cannot run`, indent(result.broken ?? '')]),
  ]
  return { lines, passed, failed: failures.length + broken.length }
}

function judge(result: ClientResult, mode: Mode): Judged[] {
  const failsDirect = new Set((result.direct?.checks ?? []).filter((check) => check.outcome === 'fail').map(keyOf))
  return (result[mode]?.checks ?? []).map((check) => ({
    client: result.name,
    check,
    excused: mode === 'hotbucket' && failsDirect.has(keyOf(check)),
  }))
}

function keyOf(check: Check): string {
  return `${check.column}\n${check.label}`
}

function table(results: readonly ClientResult[], judged: readonly Judged[]): string[] {
  const rows = results.map((result) => {
    const seconds = [result.direct, result.hotbucket].flatMap((one) => (one === undefined ? [] : [`${Math.round(one.elapsedMs / 1000)} s`]))
    const cells = [...COLUMNS, 'process' as const].map((column) =>
      cell(judged.filter((one) => one.client === result.name && one.check.column === column)),
    )
    return [`${result.name} ${result.version}`, ...cells, seconds.join(' + ')]
  })
  const all = [['client', ...COLUMNS, 'process', 'time'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** "22" all passed, "20/22" some did not, "-" the client cannot; "22*": others of these the client cannot, or fail direct as well. */
function cell(judged: readonly Judged[]): string {
  if (judged.length === 0) return ''
  const counted = judged.filter(({ check, excused }) => check.outcome !== 'unsupported' && !excused)
  const star = counted.length < judged.length ? '*' : ''
  if (counted.length === 0) return `-${judged.some((one) => one.excused) ? '*' : ''}`
  const passed = counted.filter(({ check }) => check.outcome === 'pass').length
  return passed === counted.length ? `${passed}${star}` : `FAIL ${counted.length - passed}/${counted.length}${star}`
}

function unsupportedLines(judged: readonly Judged[]): string[] {
  const unable = judged.filter(({ check }) => check.outcome === 'unsupported')
  const groups = Map.groupBy(unable, ({ client, check }) => `${client} ${check.detail}`)
  return [...groups].map(([reason, members]) => {
    const columns = [...Map.groupBy(members, ({ check }) => check.column)].map(([column, { length }]) => `${column} ${length}`)
    return `not supported: ${reason} (${columns.join(', ')})`
  })
}

/** The first failures of each client's column whole, some more by name: one cause tends to have many victims. */
function failureLines(failures: readonly Judged[]): string[] {
  return [...Map.groupBy(failures, ({ client, check }) => `${client} ${check.column}`)].flatMap(([where, members]) => {
    const whole = members.slice(0, WHOLE_FAILURES_MAX)
    const short = members.slice(WHOLE_FAILURES_MAX, WHOLE_FAILURES_MAX + SHORT_FAILURES_MAX)
    const rest = members.length - whole.length - short.length
    return [
      ...whole.flatMap(({ check }) => ['', `FAIL ${where} "${check.label}"`, indent(check.detail.slice(0, DETAIL_CHARACTERS_MAX))]),
      ...short.map(({ check }) => `FAIL ${where} "${check.label}": ${firstLines(check.detail, 3)}`),
      ...(rest > 0 ? [`FAIL ${where}: ${rest} more`] : []),
    ]
  })
}

function firstLines(text: string, count: number): string {
  return text.split('\n').slice(0, count).join(' / ').slice(0, 200)
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}
