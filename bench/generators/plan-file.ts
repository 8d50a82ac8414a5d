import { readFileSync } from 'node:fs'

/** The plan that this process was started with: its first argument is the path of a JSON file. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what it wrote
export function readPlan<Plan>(): Plan {
  const path = process.argv[2]
  if (path === undefined) throw new Error('Cannot run: the path of a plan is wanted')
  return JSON.parse(readFileSync(path, 'utf8')) as Plan
}
