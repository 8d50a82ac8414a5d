import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { reportTests, type RunnerEvent } from './report-tests.ts'

/**
 * Runs the test files of the named suites in one run of Node's test runner, so that there is exactly one summary and it comes
 * last: `node scripts/run-tests.ts unit e2e`. Arguments with a slash are files to run instead.
 */

const SUITES: Readonly<Record<string, readonly string[]>> = {
  unit: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts', 'test/support/**/*.test.ts', 'test/clients/**/*.test.ts'],
  e2e: ['test/e2e/**/*.test.ts', 'test/fuzz/**/*.test.ts', 'test/stress/**/*.test.ts'],
}

/** One test may take this long. */
const TEST_LIMIT_MS = 5 * 60_000
/** A file that says nothing for longer than any test may take will never end. */
const QUIET_LIMIT_MS = TEST_LIMIT_MS + 30_000
/** A file whose tests are all done and that still runs has left something open. Its last hooks get this long. */
const QUIET_AFTER_TESTS_LIMIT_MS = 60_000
/** All together. The gate has to end within half an hour, installation included. */
const RUN_LIMIT_MS = 22 * 60_000
const WATCH_INTERVAL_MS = 5000
/** Each file is a process of its own; end-to-end files start servers and clients besides. */
const CONCURRENCY_MAX = 4

async function main(argv: readonly string[]): Promise<number> {
  const unknown = argv.filter((name) => SUITES[name] === undefined && !name.includes('/'))
  if (argv.length === 0 || unknown.length > 0) {
    console.error(`Cannot run suites "${unknown.join(' ')}": wanted one or more of ${Object.keys(SUITES).join(', ')}, or files`)
    return 2
  }
  const files = argv.flatMap((name) => (SUITES[name] ?? [name]).flatMap((pattern) => globSync(pattern)).toSorted(byText))
  if (files.length === 0) {
    console.error(`Cannot run suites "${argv.join(' ')}": no test file matches`)
    return 1
  }
  return runFiles(files.map((file) => resolve(file)))
}

async function runFiles(files: readonly string[]): Promise<number> {
  const controller = new AbortController()
  const events = run({
    files,
    concurrency: Math.min(CONCURRENCY_MAX, availableParallelism()),
    timeout: TEST_LIMIT_MS,
    signal: controller.signal,
  }) as AsyncIterable<RunnerEvent>
  const watched = new Watch(controller)
  let failed = false
  for await (const text of reportTests(watched.observe(events), () => (failed = true))) process.stdout.write(text)
  return failed ? 1 : 0
}

interface RunningFile {
  /** When it last said something. */
  lastMs: number
  testsBegun: number
  testsEnded: number
}

/** Ends a run that would never end by itself; the runner then reports the files that were still running, and its summary. */
class Watch {
  readonly #controller: AbortController
  readonly #startedMs = performance.now()
  readonly #running = new Map<string, RunningFile>()

  constructor(controller: AbortController) {
    this.#controller = controller
  }

  async *observe(events: AsyncIterable<RunnerEvent>): AsyncGenerator<RunnerEvent> {
    const timer = setInterval(() => this.#check(), WATCH_INTERVAL_MS)
    try {
      for await (const event of events) {
        this.#note(event)
        yield event
      }
    } finally {
      clearInterval(timer)
    }
  }

  #note({ type, data }: RunnerEvent): void {
    const { file } = data
    if (file === undefined) return
    // The file itself is a test that is named by its path.
    if (data.name !== undefined && resolve(data.name) === file) {
      if (type === 'test:dequeue') this.#running.set(file, { lastMs: performance.now(), testsBegun: 0, testsEnded: 0 })
      if (type === 'test:complete') this.#running.delete(file)
      return
    }
    const running = this.#running.get(file)
    if (running === undefined) return
    running.lastMs = performance.now()
    if (type === 'test:dequeue') running.testsBegun++
    if (type === 'test:complete') running.testsEnded++
  }

  #check(): void {
    const nowMs = performance.now()
    if (nowMs - this.#startedMs > RUN_LIMIT_MS) this.#end(`the whole run took longer than ${RUN_LIMIT_MS / 60_000} minutes`)
    for (const [file, { lastMs, testsBegun, testsEnded }] of this.#running) {
      const limitMs = testsEnded > 0 && testsBegun === testsEnded ? QUIET_AFTER_TESTS_LIMIT_MS : QUIET_LIMIT_MS
      if (nowMs - lastMs > limitMs) this.#end(`${relative(process.cwd(), file)} did not end: something it opened is still open`)
    }
  }

  #end(reason: string): void {
    this.#controller.abort(new Error(`The test run was ended: ${reason}`))
  }
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  // The runner takes uncaught errors for failures of tests, and says nothing of those outside one.
  console.error(error)
  process.exitCode = 1
}
