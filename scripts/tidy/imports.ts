import { posix } from 'node:path'
import { lineAt } from './finding.ts'
import { typeScriptFiles, type SourceTree } from './source-tree.ts'

/** One `import`, `export … from`, `import()` or `new URL('./x.ts', import.meta.url)`. */
export interface Import {
  readonly line: number
  /** As it is written. */
  readonly specifier: string
  /** The file of ours that it means; undefined for packages and node's modules. */
  readonly target: string | undefined
  /** Gone at run time. */
  readonly typeOnly: boolean
}

/** The imports of every TypeScript file, type-only ones included. */
export type ImportGraph = ReadonlyMap<string, readonly Import[]>

/** Static forms stand at the beginning of a line: the formatter sees to that. */
const STATIC = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*'([^'\n]+)'/gm
const DYNAMIC = /\bimport\(\s*'([^'\n]+)'\s*\)|\bnew URL\(\s*'(\.{1,2}\/[^'\n]+\.ts)'\s*,\s*import\.meta\.url/g

export function importGraph(tree: SourceTree): ImportGraph {
  return new Map([...typeScriptFiles(tree)].map(([path, text]) => [path, importsOf(path, text)]))
}

export function importsOf(path: string, text: string): Import[] {
  const matches = [...text.matchAll(STATIC), ...text.matchAll(DYNAMIC)]
  return matches.map((match) => {
    const specifier = match[1] ?? match[2] ?? ''
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
    return { line: lineAt(text, match.index), specifier, target, typeOnly: /^(?:import|export) type\s/.test(match[0]) }
  })
}
