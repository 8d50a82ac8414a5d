import { posix } from 'node:path'
import { type Finding, lineAt, matchAll } from './finding.ts'
import { folderOf } from './layers.ts'
import type { SourceTree } from './source-tree.ts'

const LIFE_OF_A_GET = 'The life of a GET'

/** Every runtime dependency has its reason in DECISIONS.md. */
export function checkDependencies(tree: SourceTree): Finding[] {
  const manifest = JSON.parse(tree.get('package.json') ?? '{}') as { dependencies?: Record<string, string> }
  const decisions = tree.get('DECISIONS.md') ?? ''
  const missing = Object.keys(manifest.dependencies ?? {}).filter((name) => !decisions.includes(`\`${name}\``))
  return missing.map((name) => ({
    file: 'DECISIONS.md',
    line: 1,
    message: `the dependency \`${name}\` has no entry: wanted why it is here`,
  }))
}

/** ARCHITECTURE.md describes every folder of src/, and every file that it names exists. */
export function checkArchitecture(tree: SourceTree): Finding[] {
  const file = 'ARCHITECTURE.md'
  const text = tree.get(file) ?? ''
  const folders = new Set([...tree.keys()].flatMap((path) => folderOf(path) ?? []))
  const found: Finding[] = []
  for (const folder of folders) {
    if (!text.includes(`\`src/${folder}/\``)) found.push({ file, line: 1, message: `the folder \`src/${folder}/\` is not described` })
  }
  if (!text.includes(`## ${LIFE_OF_A_GET}\n`)) found.push({ file, line: 1, message: `no section "${LIFE_OF_A_GET}"` })
  const gone = [...text.matchAll(/`((?:src|scripts|test|bench)\/[\w./-]+\.ts)`/g)].filter((match) => !tree.has(match[1] ?? ''))
  return [...found, ...gone.map((match) => ({ file, line: lineAt(text, match.index), message: `${match[1] ?? ''} does not exist` }))]
}

/** CHANGELOG.md begins with what is not released yet. */
export function checkChangelog(tree: SourceTree): Finding[] {
  const file = 'CHANGELOG.md'
  const first = /^## (.+)$/m.exec(tree.get(file) ?? '')?.[1]
  return first === 'Unreleased' ? [] : [{ file, line: 1, message: 'the first section is not "Unreleased"' }]
}

/** Every metric that a document names is in the generated list. */
export function checkMetricNames(tree: SourceTree): Finding[] {
  const listed = tree.get('docs/metrics.md') ?? ''
  return [...tree].flatMap(([file, text]) => {
    if (!file.endsWith('.md') || file === 'docs/metrics.md') return []
    const names = matchAll(file, text, { pattern: /\bhotbucket_[a-z_]+\b/g, message: ([name]) => name })
    return names
      .filter(({ message }) => !listed.includes(`\`${message}\``))
      .map((finding) => ({ ...finding, message: `the metric ${finding.message} is not in docs/metrics.md` }))
  })
}

/** Links between documents lead somewhere, and every `npm run` that a document names exists. */
export function checkReferences(tree: SourceTree): Finding[] {
  const manifest = JSON.parse(tree.get('package.json') ?? '{}') as { scripts?: Record<string, string> }
  const scripts = manifest.scripts ?? {}
  return [...tree].flatMap(([file, text]) => {
    if (!file.endsWith('.md')) return []
    const links = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => ({ match, target: posix.normalize(posix.join(posix.dirname(file), match[1] ?? '')) }))
      .filter(({ target }) => !tree.has(target) && ![...tree.keys()].some((path) => path.startsWith(`${target.replace(/\/$/, '')}/`)))
      .map(({ match, target }) => ({ file, line: lineAt(text, match.index), message: `the link leads to ${target}, which does not exist` }))
    const commands = matchAll(file, text, { pattern: /npm run (?:-s )?([\w:.-]+)/g, message: (match) => match[1] ?? '' })
      .filter(({ message }) => scripts[message] === undefined)
      .map((finding) => ({ ...finding, message: `npm run ${finding.message} is no script of package.json` }))
    return [...links, ...commands]
  })
}
