import { dirname, resolve } from 'node:path'
import { readFileSource } from './file-source.ts'
import { nearest } from './nearest.ts'
import { keyOf, OPTION_ROWS, type OptionRow, rowAt } from './option-rows.ts'
import type { Problem } from './problem.ts'
import { resolveReference, type ReferenceScope } from './reference.ts'

/** What the command line said, by option key (`memory`, `log.requests`). */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[]>>

/** Everything that a configuration can come from. */
export interface ConfigSources {
  /** `--config`; otherwise HOTBUCKET_CONFIG; otherwise there is no file. */
  readonly file: string | undefined
  readonly flags: FlagValues
  readonly env: Readonly<Record<string, string | undefined>>
  /** What relative paths in flags and variables are relative to. */
  readonly directory: string
}

/** Text forms of all options that were given, merged, and where each came from. */
export interface Gathered {
  readonly tree: Record<string, unknown>
  fromAt(place: readonly PropertyKey[]): string | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

const ENVIRONMENT_PREFIX = 'HOTBUCKET_'

/** No option is nested deeper; what is, is reported when the tree is checked. */
const PLACE_DEPTH_MAX = 8

/** Kubernetes sets these for a Service that is called hotbucket; they are not meant for us. */
const KUBERNETES_SERVICE_VARIABLE = /^HOTBUCKET(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP).*)?)$/

/** Reads the file, the environment and the flags; the later wins, option by option. Lists are replaced, not joined. */
export function gather(sources: ConfigSources): Gathered {
  const problems: Problem[] = []
  const file = sources.file ?? nonEmpty(sources.env['HOTBUCKET_CONFIG'])
  const path = file === undefined ? undefined : resolve(sources.directory, file)
  const read = path === undefined ? undefined : readFileSource(path)
  if (read !== undefined && 'problems' in read) problems.push(...read.problems)
  const source = read !== undefined && 'tree' in read ? read : undefined

  const fromByKey = new Map<string, string>()
  const fromAt = (place: readonly PropertyKey[]) => {
    const override = fromByKey.get(keyOf(place.slice(0, 2))) ?? fromByKey.get(keyOf(place.slice(0, 1)))
    return override ?? source?.lineAt(place)
  }
  let tree: Record<string, unknown> = {}
  if (source !== undefined && path !== undefined) {
    const scope = { env: sources.env, baseDirectory: dirname(path) }
    const report = (place: readonly PropertyKey[], found: Omit<Problem, 'key' | 'from'>) =>
      problems.push({ ...found, key: keyOf(place), from: source.lineAt(place) })
    tree = prepareTree([], source.tree, { scope, report }) as Record<string, unknown>
  }
  const scope = { env: sources.env, baseDirectory: sources.directory }
  for (const override of [...fromEnvironment(sources.env), ...fromFlags(sources.flags)]) {
    const { row, value, from } = override
    const place = row.key.split('.')
    const report = (_: readonly PropertyKey[], found: Omit<Problem, 'key' | 'from'>) => problems.push({ ...found, key: row.key, from })
    setAt(tree, place, prepareTree(place, value, { scope, report }))
    fromByKey.set(row.key, from)
  }
  return { tree, fromAt, problems, warnings: strangers(sources.env) }
}

interface Override {
  readonly row: OptionRow
  readonly value: unknown
  readonly from: string
}

/** An empty variable counts as absent: that is how a template says that it has nothing to say. */
function fromEnvironment(env: ConfigSources['env']): Override[] {
  return OPTION_ROWS.flatMap((row) => {
    const value = row.env === undefined ? undefined : nonEmpty(env[row.env])
    return row.env === undefined || value === undefined ? [] : [{ row, value, from: row.env }]
  })
}

function fromFlags(flags: FlagValues): Override[] {
  return OPTION_ROWS.flatMap((row) => {
    const value = flags[row.key]
    return value === undefined ? [] : [{ row, value, from: `--${row.flag ?? row.key}` }]
  })
}

/** Variables that look as if they were meant for us, but are no option. Not an error: other programs may set them. */
function strangers(env: ConfigSources['env']): string[] {
  const known = new Set([`${ENVIRONMENT_PREFIX}CONFIG`, ...OPTION_ROWS.flatMap((row) => row.env ?? [])])
  return Object.keys(env)
    .filter((name) => name.startsWith(ENVIRONMENT_PREFIX) && !known.has(name) && !KUBERNETES_SERVICE_VARIABLE.test(name))
    .map((name) => {
      const suggestion = nearest(name, [...known])
      return `The environment variable ${name} is no option${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`
    })
}

interface Preparation {
  readonly scope: ReferenceScope
  readonly report: (place: readonly PropertyKey[], found: Omit<Problem, 'key' | 'from'>) => void
}

/** Follows references and makes paths absolute, wherever the table says that a value is one. */
function prepareTree(place: readonly PropertyKey[], value: unknown, preparation: Preparation): unknown {
  if (place.length > PLACE_DEPTH_MAX) return value
  if (Array.isArray(value)) return value.map((item, index) => prepareTree([...place, index], item, preparation))
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, child]) => [key, prepareTree([...place, key], child, preparation)] as const)
    return Object.fromEntries(entries)
  }
  const row = rowAt(place)
  return row === undefined || typeof value !== 'string' ? value : prepareText(place, { row, value }, preparation)
}

function prepareText(place: readonly PropertyKey[], leaf: { row: OptionRow; value: string }, preparation: Preparation): string | undefined {
  const { row, value } = leaf
  const isPath = row.kind === 'path' || row.kind === 'directory' || (row.kind === 'location' && !value.includes('://'))
  if (isPath && value !== '') return resolve(preparation.scope.baseDirectory, value)
  if (!row.reference) return value
  const resolved = resolveReference(value, preparation.scope)
  if (resolved.ok) return resolved.value
  preparation.report(place, { value, wanted: resolved.wanted })
  return undefined
}

function setAt(tree: Record<string, unknown>, place: readonly string[], value: unknown): void {
  const [head = '', ...rest] = place
  if (rest.length === 0) {
    tree[head] = value
    return
  }
  const child = tree[head] ?? {}
  // Something else than a section stands there: that is reported when the tree is checked.
  if (typeof child !== 'object' || Array.isArray(child)) return
  const copy = { ...child } as Record<string, unknown>
  setAt(copy, rest, value)
  tree[head] = copy
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
