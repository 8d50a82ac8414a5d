import { type Finding, matchAll } from './finding.ts'
import { isTest, type SourceTree, typeScriptFiles } from './source-tree.ts'

/** Longest file; src/http, src/cache and the rest have no reason for more. Tables may be longer, by name. */
const FILE_LINES_MAX = 400
const TABLE_LINES_MAX = 500
const TABLES: readonly string[] = []

const BANNED_FILE_NAME = /(^|[./-])(utils?|helpers?|common|misc)\.[a-z.]+$/

/** They hold examples of everything that is refused. */
const EXAMPLES: readonly string[] = ['scripts/tidy/text-rules.ts', 'scripts/tidy/text-rules.test.ts']

interface TextRule {
  readonly pattern: RegExp
  readonly message: (match: RegExpExecArray) => string
  readonly applies: (file: string) => boolean
}

// Each has a character in brackets, so that this file does not find itself.
const LEFTOVER_WORDS = /\b(?:TO[D]O|FIX[M]E|X[X]X)\b/g
const MACHINE_PATHS = /(?<![\w.-])(?:\/wor[k]\/(?:main|shared)|\/roo[t]\/|\/hom[e]\/[a-z]|\/User[s]\/[a-z]|\/tm[p]\/[a-z]+_jobs)/g
const REGISTRY_HOSTS = /registry\.npm[j]s|artifac[t]ory|verdacci[o]|codeartifac[t]|jfro[g]/g

const isScriptText = (file: string) => file.endsWith('.ts')

const TEXT_RULES: readonly TextRule[] = [
  {
    pattern: LEFTOVER_WORDS,
    message: ([word]) => `"${word}" is not left in the repository: do it, or open an issue`,
    applies: (file) => file !== 'package-lock.json',
  },
  {
    pattern: MACHINE_PATHS,
    message: ([path]) => `"${path}" is a path of one machine: wanted a path relative to the repository, or a temporary directory`,
    applies: () => true,
  },
  {
    pattern: REGISTRY_HOSTS,
    message: ([host]) => `"${host}" names a package registry: which one is used is no business of the repository`,
    applies: () => true,
  },
  {
    pattern:
      /\b(?:test|it|describe|suite)\.(?:skip|todo|only)\b|\b(?:t|context)\.(?:skip|todo)\(|[{,]\s*(?:skip|todo|only)\s*:\s*(?:true|['"`])/g,
    message: ([found]) => `"${found.trim()}" leaves a test out: wanted a test that runs, or none`,
    applies: isTest,
  },
  {
    pattern: /setTimeout\(\s*(?:resolve|done)\b|=>\s*setTimeout\(resolve|from 'node:timers\/promises'/g,
    message: () => 'a test that sleeps is slow or flaky: wanted a barrier, an event, or a manual clock',
    applies: isTest,
  },
  {
    pattern: /\bmock\.(?:module|method|fn|getter|setter)\b/g,
    message: ([found]) => `"${found}" replaces code of ours: wanted the real thing, or a second implementation of a port`,
    applies: isScriptText,
  },
  {
    pattern: /(?:oxlint|eslint)-disable(?:-next-line|-line)?(?![^\n]*\s-- \S.{9,})[^\n]*/g,
    message: ([found]) => `"${found.trim()}" has no reason: wanted "-- why" after it`,
    applies: isScriptText,
  },
  {
    pattern: /@ts-expect-error(?!: \S.{9,})[^\n]*/g,
    message: ([found]) => `"${found.trim()}" has no reason: wanted "@ts-expect-error: why"`,
    applies: isScriptText,
  },
  {
    pattern: /@ts-(?:ignore|nocheck)\b/g,
    message: ([found]) => `"${found}" hides errors that are not there yet: wanted @ts-expect-error with a reason`,
    applies: isScriptText,
  },
  {
    pattern:
      /(?:\b(?:const|let|readonly|static)\s+#?|#)(\w*(?:[tT]imeout|[dD]elay|[iI]nterval|(?<![a-z])ttl|Ttl))\s*(?::\s*number|=\s*\d)|\b(\w*(?:[tT]imeout|[dD]elay|[iI]nterval|Ttl))\??:\s*number\b/g,
    message: (match) => `"${match[1] ?? match[2] ?? ''}" is a time without its unit: wanted …Ms or …Seconds at its end`,
    applies: isScriptText,
  },
]

/** What a line of text may not have. */
export function checkText(tree: SourceTree): Finding[] {
  const found: Finding[] = []
  for (const [file, text] of tree) {
    if (EXAMPLES.includes(file)) continue
    for (const rule of TEXT_RULES) if (rule.applies(file)) found.push(...matchAll(file, text, rule))
  }
  return found
}

export function checkFiles(tree: SourceTree): Finding[] {
  return [...typeScriptFiles(tree)].flatMap(([file, text]) => {
    const lines = text.split('\n').length - 1
    const linesMax = TABLES.includes(file) ? TABLE_LINES_MAX : FILE_LINES_MAX
    const found: Finding[] = []
    if (lines > linesMax) found.push({ file, line: linesMax, message: `${lines} lines: wanted at most ${linesMax}` })
    if (BANNED_FILE_NAME.test(file))
      found.push({ file, line: 1, message: 'a file is named after its main export, not "utils", "helpers", "common" or "misc"' })
    return found
  })
}
