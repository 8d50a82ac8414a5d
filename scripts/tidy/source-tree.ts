import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The text files of the repository by path, as they are in the work tree. */
export type SourceTree = ReadonlyMap<string, string>

const TEXT_FILE = /(\.(ts|js|json|md|yml|yaml|sh|py|txt|toml|xml)|(^|\/)(run|LICENSE|NOTICE|\.gitignore|\.npmrc))$/

/** Test vectors are bytes that others published, not text of ours. */
const FOREIGN = /^test\/vectors\//

/** Everything that git tracks or would track. A file that was deleted but not yet committed is not there. */
export function readSourceTree(root: string): SourceTree {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  const paths = listed.split('\0').filter((path) => TEXT_FILE.test(path) && !FOREIGN.test(path) && existsSync(join(root, path)))
  return new Map(paths.toSorted((left, right) => (left < right ? -1 : 1)).map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

/** The TypeScript files of a tree. */
export function* typeScriptFiles(tree: SourceTree): Generator<readonly [path: string, text: string]> {
  for (const [path, text] of tree) if (path.endsWith('.ts')) yield [path, text]
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}
