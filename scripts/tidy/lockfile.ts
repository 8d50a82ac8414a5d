import type { Finding } from './finding.ts'
import type { SourceTree } from './source-tree.ts'

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const GROUPS = ['dependencies', 'devDependencies', 'optionalDependencies'] as const

/**
 * What `npm ci` refuses: a lockfile that disagrees with package.json, or that lacks the native packages of other platforms,
 * which npm leaves out where the registry did not have them when the lockfile was made.
 */
export function checkLockfile(tree: SourceTree): Finding[] {
  const file = 'package-lock.json'
  const manifest = JSON.parse(tree.get('package.json') ?? '{}') as Manifest
  const lock = JSON.parse(tree.get(file) ?? '{}') as { packages?: Readonly<Record<string, Manifest>> }
  const packages = lock.packages ?? {}
  const differing = GROUPS.filter((group) => !sameEntries(manifest[group] ?? {}, packages['']?.[group] ?? {}))
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined)
      .map((name) => `${name}, which ${path === '' ? 'package.json' : path.replace(/^.*node_modules\//, '')} names, has no entry`),
  )
  return [...differing.map((group) => `${group} differ from package.json`), ...missing].map((message) => ({ file, line: 1, message }))
}

function sameEntries(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name])
}
