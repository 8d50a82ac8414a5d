import { checkArchitecture, checkChangelog, checkDependencies, checkMetricNames, checkReferences } from './tidy/doc-rules.ts'
import { formatFinding } from './tidy/finding.ts'
import { checkCycles, checkReachable, checkTestingStaysOut } from './tidy/import-graph.ts'
import { importGraph } from './tidy/imports.ts'
import { checkLayers } from './tidy/layers.ts'
import { checkLockfile } from './tidy/lockfile.ts'
import { readSourceTree } from './tidy/source-tree.ts'
import { checkFiles, checkText } from './tidy/text-rules.ts'

/** The house rules that no linter knows: STYLE.md says which. Prints every finding with its place; exit code 1 if there is one. */

const tree = readSourceTree(new URL('..', import.meta.url).pathname)
const graph = importGraph(tree)
const findings = [
  ...checkLayers(graph),
  ...checkCycles(graph),
  ...checkReachable(graph),
  ...checkTestingStaysOut(graph),
  ...checkFiles(tree),
  ...checkText(tree),
  ...checkDependencies(tree),
  ...checkArchitecture(tree),
  ...checkChangelog(tree),
  ...checkLockfile(tree),
  ...checkReferences(tree),
  ...checkMetricNames(tree),
]
for (const finding of findings) console.error(formatFinding(finding))
console.log(findings.length === 0 ? `tidy: ${tree.size} files are in order` : `tidy: ${findings.length} findings`)
process.exitCode = findings.length === 0 ? 0 : 1
