import { relative } from 'node:path'
import { inspect } from 'node:util'

/** The part of the events of Node's test runner that is read here. */
export interface RunnerEvent {
  readonly type: string
  readonly data: {
    readonly name?: string
    readonly file?: string
    readonly line?: number
    readonly message?: string
    readonly details?: Details
    readonly counts?: Readonly<Record<string, number>>
    readonly duration_ms?: number
  }
}

interface Details {
  readonly duration_ms: number
  readonly type?: string
  readonly error?: Error
}

const SLOW_TEST_MS = 3000

const COUNTS = ['tests', 'suites', 'passed', 'failed', 'cancelled', 'skipped', 'todo'] as const
/** The runner's own words in its summary, where they differ. */
const COUNT_NAMES: Readonly<Record<string, string>> = { passed: 'pass', failed: 'fail' }

/**
 * The events as text: a line per file, every failure in full where it happens, slow tests by name, and the runner's own
 * summary as the very last lines. `onFailure` is called for each test that failed.
 */
export async function* reportTests(events: AsyncIterable<RunnerEvent>, onFailure: () => void): AsyncGenerator<string> {
  let total: RunnerEvent['data'] | undefined
  for await (const { type, data } of events) {
    if (type === 'test:fail') {
      onFailure()
      yield failure(data)
    } else if (type === 'test:pass' && isSlow(data.details)) {
      yield slow(data)
    } else if (type === 'test:stderr' || type === 'test:stdout') {
      yield data.message ?? ''
    } else if (type === 'test:summary' && data.file !== undefined) {
      yield fileLine(data)
    } else if (type === 'test:summary') {
      total = data
    }
  }
  if (total !== undefined) yield summary(total)
}

function isSlow(details: Details | undefined): boolean {
  return details !== undefined && details.type !== 'suite' && details.duration_ms > SLOW_TEST_MS
}

function failure({ name, file, line, details }: RunnerEvent['data']): string {
  const error = details?.error
  const cause: unknown = error?.cause ?? error
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause, { depth: 5 })
  const more = cause instanceof Error && cause.cause !== undefined ? `\n[cause] ${inspect(cause.cause, { depth: 5 })}` : ''
  return `\nnot ok: ${name ?? ''}\n  at ${shortName(file)}:${line ?? 0}\n${`${text}${more}`.replaceAll(/^/gm, '  ')}\n\n`
}

function slow({ name, file, details }: RunnerEvent['data']): string {
  return `slow: ${((details?.duration_ms ?? 0) / 1000).toFixed(1)} s  ${name ?? ''} (${shortName(file)})\n`
}

function fileLine({ file, counts, duration_ms: durationMs }: RunnerEvent['data']): string {
  const failed = (counts?.['failed'] ?? 0) + (counts?.['cancelled'] ?? 0)
  return `${failed === 0 ? 'ok' : 'FAILED'}  ${shortName(file)}  ${counts?.['tests'] ?? 0} tests, ${((durationMs ?? 0) / 1000).toFixed(1)} s\n`
}

function summary({ counts, duration_ms: durationMs }: RunnerEvent['data']): string {
  const lines = COUNTS.map((count) => `# ${COUNT_NAMES[count] ?? count} ${counts?.[count] ?? 0}\n`)
  return `\n${lines.join('')}# duration_ms ${durationMs ?? 0}\n`
}

function shortName(file: string | undefined): string {
  return file === undefined ? '' : relative(process.cwd(), file)
}
