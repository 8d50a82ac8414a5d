/** One thing that is wrong with a configuration. */
export interface Problem {
  /** The option: `limits.headTimeout`, `origins[0].url`; or `--config`. */
  readonly key: string
  /** The value as it was given; undefined where there is none. Secrets never stand here. */
  readonly value: string | undefined
  /** What was wrong, or ends the sentence "wanted …". */
  readonly wanted: string
  /** Where the value came from: `--memory`, `HOTBUCKET_MEMORY`, `hotbucket.yaml:12`. */
  readonly from: string | undefined
}

/** `Cannot use memory "1KiB" (--memory): wanted a size from 16MiB to 256GiB`. */
export function formatProblem(problem: Problem): string {
  const value = problem.value === undefined ? '' : ` ${JSON.stringify(problem.value)}`
  const from = problem.from === undefined ? '' : ` (${problem.from})`
  return `Cannot use ${problem.key}${value}${from}: wanted ${problem.wanted}`
}

/** Every problem on its own line, under one that says how many. For standard error, before exit code 2. */
export function formatProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return `Cannot start: ${count} in the configuration\n${problems.map((problem) => `  ${formatProblem(problem)}\n`).join('')}`
}
