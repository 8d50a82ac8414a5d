import { formatByteSize } from '../../base/byte-size.ts'
import type { LinkConfig } from '../../config/config.ts'
import { cutTo, PLAIN, type Paint } from './paint.ts'
import type { OutcomeFigures, TrafficFigures, ViewState } from './view-state.ts'

const LABEL_WIDTH = 14
const COLUMN_WIDTH = 12
const BARS = '▁▂▃▄▅▆▇█'
const HISTORY_WIDTH_MAX = 60
const NOTHING = '-'
const HOURS_PER_MONTH = 730

/** The live view as lines of at most `width` columns; commands to copy are wrapped, everything else is cut. */
export function renderView(state: ViewState, width: number, paint: Paint = PLAIN): string[] {
  const lines = [
    heading(state, paint),
    '',
    labelled('hit ratio', ratios(state.total, paint)),
    labelled(`last ${Math.max(1, Math.round(state.recentMs / 1000))} s`, ratios(state.recent, paint)),
    labelled('', paint.accent(sparkline(state.history, Math.min(HISTORY_WIDTH_MAX, width - LABEL_WIDTH - 2)))),
    labelled('throughput', throughput(state)),
    labelled('saved', savings(state, paint)),
    labelled('at this rate', hourly(state, paint)),
    '',
    ...latencies(state.outcomes, paint),
    '',
    labelled('memory', memory(state)),
    labelled('origin link', link(state.link)),
    labelled('load', load(state, paint)),
    labelled('metrics', paint.accent(`${state.adminUrl}/metrics`)),
    '',
    paint.bold('Try it in another terminal:'),
  ]
  const keys = state.keys ? [labelled('keys', paint.dim('+ - latency   [ ] bandwidth   p pause load   q quit'))] : []
  const cut = (line: string): string => cutTo(line, width)
  return [...lines.map(cut), ...tryIt(state).flatMap((command) => wrapCommand(command, width)), ...keys.map(cut)]
}

/** One line for logs and pipes. */
export function renderLine(state: ViewState): string {
  const { recent, load } = state
  const parts = [
    duration(state.elapsedMs),
    `hit ratio ${percent(recent.hitRatio)} of requests, ${percent(recent.byteHitRatio)} of bytes`,
    throughput(state),
    `saved ${formatByteSize(state.savedBytes)}, ${dollars(state.savedDollars)}`,
    ...state.outcomes.map((outcome) => `${outcome.name} p50 ${milliseconds(outcome.p50Ms)} p99 ${milliseconds(outcome.p99Ms)}`),
    `${count(load.reads)} reads, ${count(load.wrong)} wrong, ${count(load.failed)} failed`,
  ]
  return parts.join(' | ')
}

/** What a demo that has ended says: its figures as they were at the end. */
export function renderSummary(state: ViewState, width: number, paint: Paint = PLAIN): string[] {
  const { load } = state
  const checked = `${formatByteSize(load.verifiedBytes)} of ${formatByteSize(load.bodyBytes)} compared byte by byte`
  const problem = load.lastProblem === undefined ? [] : [labelled('last problem', paint.bad(load.lastProblem))]
  return [
    paint.bold(`hotbucket demo: ${duration(state.elapsedMs)}`),
    labelled('reads', `${reads(state, paint)}   ${checked}`),
    ...problem,
    labelled('hit ratio', ratios(state.total, paint)),
    labelled(
      'bytes',
      `${formatByteSize(state.total.clientBytes)} served   ${formatByteSize(state.total.originBytes)} fetched from the origin`,
    ),
    labelled('saved', savings(state, paint)),
    ...latencies(state.outcomes, paint),
  ].map((line) => cutTo(line, width))
}

/** The lines that a person copies into another terminal. */
export function tryIt(state: ViewState): string[] {
  const { accessKeyId, secretAccessKey } = state.credentials
  return [
    `export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_DEFAULT_REGION=${state.region}`,
    `aws --endpoint-url ${state.endpoint} s3 ls --recursive s3://analytics/`,
  ]
}

/** A shell command over as many lines as the width asks for, with the backslashes that keep it one command. */
export function wrapCommand(command: string, width: number): string[] {
  const continuation = ' \\'
  const lines: string[] = []
  let line = ''
  const words = command.split(' ')
  for (const [i, word] of words.entries()) {
    const extended = line === '' ? `  ${lines.length === 0 ? '' : '  '}${word}` : `${line} ${word}`
    const needed = extended.length + (i === words.length - 1 ? 0 : continuation.length)
    if (needed > width && line !== '') {
      lines.push(line + continuation)
      line = `    ${word}`
    } else line = extended
  }
  return [...lines, line]
}

function heading(state: ViewState, paint: Paint): string {
  const left = state.leftMs === undefined ? '' : paint.dim(` (${duration(state.leftMs)} left)`)
  return `${paint.bold('hotbucket demo')}  ${duration(state.elapsedMs)}${left}   S3 at ${paint.accent(state.endpoint)}`
}

function ratios(figures: TrafficFigures, paint: Paint): string {
  return `${paint.good(percent(figures.hitRatio).padStart(7))} of requests  ${paint.good(percent(figures.byteHitRatio).padStart(7))} of bytes`
}

function throughput(state: ViewState): string {
  const seconds = Math.max(state.recentMs, 1) / 1000
  const perSecond = (bytes: number): string => `${formatByteSize(Math.round(bytes / seconds))}/s`
  const { requests, clientBytes, originBytes } = state.recent
  return `${count(requests / seconds)} requests/s   ${perSecond(clientBytes)} served   ${perSecond(originBytes)} fetched`
}

function savings(state: ViewState, paint: Paint): string {
  const share = state.directDollars === 0 ? undefined : state.savedDollars / state.directDollars
  return `${formatByteSize(state.savedBytes)}   ${paint.good(dollars(state.savedDollars))} of ${dollars(state.directDollars)} without hotbucket (${percent(share)})`
}

/** Rates are what people compare with a bill. */
function hourly(state: ViewState, paint: Paint): string {
  const perHour = state.savedDollarsPerHour
  return `${paint.good(dollars(perHour))} an hour, ${paint.good(dollars(perHour * HOURS_PER_MONTH))} a month`
}

function latencies(outcomes: readonly OutcomeFigures[], paint: Paint): string[] {
  const row = (label: string, cell: (outcome: OutcomeFigures) => string): string =>
    labelled(label, outcomes.map((outcome) => cell(outcome).padStart(COLUMN_WIDTH)).join(''))
  return [
    paint.bold(row('first byte', (outcome) => outcome.name)),
    row('  requests', (outcome) => count(outcome.requests)),
    row('  p50', (outcome) => milliseconds(outcome.p50Ms)),
    row('  p99', (outcome) => milliseconds(outcome.p99Ms)),
  ]
}

function memory(state: ViewState): string {
  const process = `process ${formatByteSize(state.rssBytes)}`
  return `${formatByteSize(state.memoryBytes)} of ${formatByteSize(state.memoryBudgetBytes)} cache   ${process}`
}

function link({ latencyMs, bytesPerSecond }: LinkConfig): string {
  return `${latencyMs} ms, ${(bytesPerSecond / 1e6).toLocaleString('en-US', { maximumFractionDigits: 1 })} MB/s (simulated)`
}

function load(state: ViewState, paint: Paint): string {
  const problem = state.load.lastProblem === undefined ? '' : `   ${paint.bad(state.load.lastProblem)}`
  return `${state.paused ? paint.bold('paused   ') : ''}${reads(state, paint)}${problem}`
}

function reads(state: ViewState, paint: Paint): string {
  const { reads, wrong, failed } = state.load
  const alarm = (value: number, text: string): string => (value === 0 ? text : paint.bad(text))
  return `${count(reads)} signed reads, ${alarm(wrong, `${count(wrong)} wrong`)}, ${alarm(failed, `${count(failed)} failed`)}`
}

function labelled(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${text}`.trimEnd()
}

/** Shares from 0 to 1 as a row of bars, the latest at the right. */
function sparkline(shares: readonly number[], width: number): string {
  if (width <= 0) return ''
  return shares
    .slice(-width)
    .map((share) => BARS[Math.min(BARS.length - 1, Math.max(0, Math.floor(share * BARS.length)))] ?? ' ')
    .join('')
}

function percent(share: number | undefined): string {
  return share === undefined ? NOTHING : `${(share * 100).toFixed(1)} %`
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** More digits for less money: a demo saves cents. */
function dollars(amount: number): string {
  const digits = amount < 10 ? 4 : 2
  return `$${amount.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`
}

function milliseconds(value: number | undefined): string {
  if (value === undefined) return NOTHING
  if (value < 1) return `${value.toFixed(2)} ms`
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`
}

/** Minutes and seconds: "1:05". */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toString().padStart(2, '0')}`
}
