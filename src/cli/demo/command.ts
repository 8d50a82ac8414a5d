import { formatProblems } from '../../config/problem.ts'
import { resolveDemoOptions, type DemoArguments } from './demo-options.ts'
import { runDemo, type DemoSurroundings } from './demo.ts'
import type { StartServer } from './ports.ts'

/** `hotbucket demo`: exit code 0, 1 where a read was wrong, 2 where an option was. */
export async function demo(
  given: DemoArguments,
  parts: { readonly start: StartServer; readonly around: DemoSurroundings },
  stderr: { write(text: string): unknown },
): Promise<number> {
  const resolved = resolveDemoOptions(given)
  if (!resolved.ok) {
    stderr.write(formatProblems(resolved.problems))
    return 2
  }
  return runDemo(resolved.options, parts.start, parts.around)
}
