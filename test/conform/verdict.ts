import type { ExplainedDifference } from './explained.ts'
import type { CheckResult } from './suite.ts'

/** What came of one suite in one mode, beside what the origin did with it. */
export interface Verdict {
  readonly checks: number
  readonly passedDirect: number
  readonly passedThrough: number
  /** Passes direct and fails or differs through hotbucket, without an explanation. */
  readonly differences: readonly Difference[]
  readonly explained: readonly (Difference & { readonly why: string })[]
  /** Fails at the origin already; hotbucket is not judged by it. */
  readonly failsDirect: readonly string[]
  /** Fails at the origin, and passes through hotbucket. */
  readonly onlyThrough: readonly string[]
}

export interface Difference {
  readonly check: string
  readonly detail: string
}

const LINES_SHOWN_MAX = 3

/** Judges a suite by the difference between its run at the origin and its run through hotbucket. */
export function judge(
  direct: readonly CheckResult[],
  through: readonly CheckResult[],
  by: { readonly explained: readonly ExplainedDifference[]; readonly comparable: (line: string) => string },
): Verdict {
  const throughByName = new Map(through.map((result) => [result.name, result]))
  const found: Difference[] = []
  const failsDirect: string[] = []
  const onlyThrough: string[] = []
  for (const one of direct) {
    const other = throughByName.get(one.name)
    if (one.outcome === 'skip') continue
    if (one.outcome === 'fail') {
      failsDirect.push(one.name)
      if (other?.outcome === 'pass') onlyThrough.push(one.name)
    }
    const detail = differenceOf(one, other, by.comparable)
    if (detail !== undefined) found.push({ check: one.name, detail })
  }
  const whyOf = (check: string): string | undefined => by.explained.find((one) => one.check.test(check))?.why
  return {
    checks: direct.filter((result) => result.outcome !== 'skip').length,
    passedDirect: direct.filter((result) => result.outcome === 'pass').length,
    passedThrough:
      through.filter((result) => result.outcome === 'pass').length -
      found.filter(({ check }) => throughByName.get(check)?.outcome === 'pass').length,
    differences: found.filter(({ check }) => whyOf(check) === undefined),
    explained: found.flatMap((one) => {
      const why = whyOf(one.check)
      return why === undefined ? [] : [{ ...one, why }]
    }),
    failsDirect,
    onlyThrough,
  }
}

/** In words; undefined where hotbucket did what the origin did, or where the origin failed and nothing was seen on the wire. */
function differenceOf(direct: CheckResult, through: CheckResult | undefined, comparable: (line: string) => string): string | undefined {
  if (through === undefined) return direct.outcome === 'pass' ? 'did not run through hotbucket' : undefined
  if (direct.outcome === 'pass' && through.outcome !== 'pass') return through.detail === '' ? through.outcome : through.detail
  if (direct.seen === undefined || through.seen === undefined) return undefined
  const lines = differentLines(direct.seen.map(comparable), through.seen.map(comparable))
  return lines.length === 0 ? undefined : lines.join('\n')
}

/** An answer that Node's own parser cannot read, 5xx, or a web framework's own page shows nothing of what hotbucket should do. */
function originFailed(line: string): boolean {
  return line.includes(': no answer: ') || line.includes('content-type: text/html') || /^[\w ]+: 5\d\d \[/.test(line)
}

function differentLines(direct: readonly string[], through: readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i < Math.max(direct.length, through.length); i++) {
    const [one, other] = [direct[i], through[i]]
    if (one === other || (one !== undefined && originFailed(one))) continue
    if (lines.length === LINES_SHOWN_MAX) return [...lines, 'and more']
    lines.push(`answer ${i + 1}\n    direct:  ${one ?? 'none'}\n    through: ${other ?? 'none'}`)
  }
  return lines
}
