import type { z } from 'zod'
import type { Config, Machine } from './config.ts'
import { SECRET_SHOWN } from './describe.ts'
import { gather, type ConfigSources, type Gathered } from './gather.ts'
import { nearest } from './nearest.ts'
import { genericKey, keyOf, rowAt, SECTION_KEYS } from './option-rows.ts'
import type { Problem } from './problem.ts'
import { resolveConfig } from './resolve.ts'
import { configSchema, type RawConfig } from './schema.ts'

export interface LoadInput extends ConfigSources {
  readonly machine: Machine
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const VALUE_LENGTH_SHOWN_MAX = 200

/** Defaults, then the file, then the environment, then flags; everything that is wrong, at once. */
export function loadConfig(input: LoadInput): LoadResult {
  const gathered = gather(input)
  const problems = [...gathered.problems]
  const warnings = [...gathered.warnings]
  const { raw, broken } = parseTree(gathered, problems)
  const config = resolveConfig(raw, {
    env: input.env,
    machine: input.machine,
    broken,
    report: (place, value, wanted) => problems.push({ key: keyOf(place), value, wanted, from: gathered.fromAt(place) }),
    note: (text) => warnings.push(text),
  })
  return problems.length === 0 ? { ok: true, config, warnings } : { ok: false, problems: withoutRepeats(problems) }
}

/** The options that parse. What does not is reported, and its top-level option left at its default. */
function parseTree(gathered: Gathered, problems: Problem[]): { raw: RawConfig; broken: ReadonlySet<string> } {
  const broken = new Set(problems.map((problem) => topLevel(problem.key)))
  // A file that could not be read may have said anything.
  if (broken.has('--config')) for (const key of SECTION_KEYS.get('') ?? []) broken.add(key)
  const first = configSchema.safeParse(gathered.tree)
  if (first.success) return { raw: first.data, broken }
  for (const issue of first.error.issues) {
    for (const problem of toProblems(issue, gathered)) {
      problems.push(problem)
      broken.add(topLevel(problem.key))
    }
  }
  const known = SECTION_KEYS.get('') ?? []
  const intact = Object.entries(gathered.tree).filter(([key]) => known.includes(key) && !broken.has(key))
  return { raw: configSchema.parse(Object.fromEntries(intact)), broken }
}

function topLevel(key: string): string {
  return /^[^.[]*/.exec(key)?.[0] ?? key
}

function toProblems(issue: z.core.$ZodIssue, gathered: Gathered): Problem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...issue.path, key], gathered))
  const value = valueAt(gathered.tree, issue.path)
  const row = rowAt(issue.path)
  const wanted = issue.code === 'custom' ? issue.message : wantedShape(issue)
  return [{ key: keyOf(issue.path), value: shown(value, row?.secret ?? false), wanted, from: gathered.fromAt(issue.path) }]
}

function unknownKey(place: readonly PropertyKey[], gathered: Gathered): Problem {
  const name = String(place.at(-1))
  const section = genericKey(place.slice(0, -1))
  const candidates = SECTION_KEYS.get(section) ?? []
  const suggestion = nearest(name, candidates)
  const wanted = suggestion === undefined ? `one of ${candidates.join(', ')}` : `a known option; did you mean "${suggestion}"?`
  return { key: keyOf(place), value: undefined, wanted, from: gathered.fromAt(place) }
}

function wantedShape(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small') return `at least ${issue.minimum}`
  if (issue.code === 'too_big') return `at most ${issue.maximum}`
  const section = SECTION_KEYS.get(genericKey(issue.path))
  if (section !== undefined) return `a section with ${section.join(', ')}`
  return issue.code === 'invalid_type'
    ? `a list of items with ${(SECTION_KEYS.get(`${genericKey(issue.path)}[]`) ?? []).join(', ')}`
    : issue.message
}

function valueAt(tree: unknown, place: readonly PropertyKey[]): unknown {
  let value = tree
  for (const part of place) {
    if (typeof value === 'string') return value.split(',')[Number(part)]?.trim()
    value = (value as Readonly<Record<PropertyKey, unknown>> | undefined | null)?.[part]
  }
  return value
}

function shown(value: unknown, secret: boolean): string | undefined {
  if (value === undefined) return undefined
  if (secret) return SECRET_SHOWN
  // A section where a value should be may hold secrets further down.
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '(a list)' : '(a section)'
  // A URL that was refused for its password must not show it.
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).replace(/\/\/[^/@]*@/, '//…@')
  return text.length <= VALUE_LENGTH_SHOWN_MAX ? text : `${text.slice(0, VALUE_LENGTH_SHOWN_MAX)}…`
}

/** One problem per key: the first says why the others are there. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  return problems.filter((problem) => {
    const id = problem.key === 'clients' || problem.key === '--config' ? `${problem.key} ${problem.wanted}` : problem.key
    return seen.has(id) ? false : seen.add(id)
  })
}
