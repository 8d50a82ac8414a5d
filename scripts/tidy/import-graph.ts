import type { Finding } from './finding.ts'
import type { ImportGraph } from './imports.ts'
import { isTest } from './source-tree.ts'

/** Where running code begins. Unit tests are not among them: a file that only its own test imports is dead. */
const ROOTS = /^(src\/(main|worker|disk-reader)\.ts|scripts\/[^/]+\.ts|bench\/[^/]+\.ts|test\/.*)$/
/** Made for tests, and therefore reached only by them. */
const FOR_TESTS = /\/testing\/|\.contract\.ts$/

/** Files that no program reaches. */
export function checkReachable(graph: ImportGraph): Finding[] {
  const reached = new Set<string>()
  const queue = [...graph.keys()].filter((file) => ROOTS.test(file))
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (reached.has(file)) continue
    reached.add(file)
    for (const { target } of graph.get(file) ?? []) if (target !== undefined && graph.has(target)) queue.push(target)
  }
  const dead = [...graph.keys()].filter((file) => !reached.has(file) && !isTest(file) && !FOR_TESTS.test(file))
  return dead.map((file) => ({
    file,
    line: 1,
    message: 'no program reaches this file: use it, delete it, or put it into a folder testing/ if it is for tests',
  }))
}

/** Product code does not import what was made for tests. */
export function checkTestingStaysOut(graph: ImportGraph): Finding[] {
  return [...graph].flatMap(([file, imports]) => {
    if (!file.startsWith('src/') || isTest(file) || FOR_TESTS.test(file)) return []
    const wrong = imports.filter(
      ({ target }) => target !== undefined && (FOR_TESTS.test(target) || isTest(target) || target.startsWith('test/')),
    )
    return wrong.map(({ line, specifier }) => ({ file, line, message: `${specifier} is made for tests: wanted only product code here` }))
  })
}

/** Files that need each other at run time, with one way round. A type may look back: it is gone before anything runs. */
export function checkCycles(graph: ImportGraph): Finding[] {
  const findings: Finding[] = []
  const done = new Set<string>()
  const path: string[] = []

  const visit = (file: string): void => {
    const start = path.indexOf(file)
    if (start !== -1) {
      const cycle = [...path.slice(start), file]
      const line = graph.get(path.at(-1) ?? '')?.find(({ target }) => target === file)?.line ?? 1
      findings.push({ file: path.at(-1) ?? file, line, message: `import cycle: ${cycle.join(' -> ')}` })
      return
    }
    if (done.has(file)) return
    path.push(file)
    for (const { target, typeOnly } of graph.get(file) ?? []) if (!typeOnly && target !== undefined && graph.has(target)) visit(target)
    path.pop()
    done.add(file)
  }

  for (const file of graph.keys()) visit(file)
  return findings
}
