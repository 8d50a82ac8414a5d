import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, run } from '../../clients/command.ts'
import { goProgram } from '../../clients/install-go.ts'
import type { CheckResult, Suite, SuiteTarget } from '../suite.ts'

const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'
const TIMEOUT_MS = 60 * 60_000

/** The tests that the Versity gateway brings for S3 servers: codes and fields as AWS has them. */
export function versitygwSuite(stateDirectory: string): Suite {
  let program = ''
  return {
    name: 'versitygw',
    title: `tests of ${MODULE}`,
    readOnly: false,
    callsBetween: false,
    prepare: async () => void (program = await goProgram(join(stateDirectory, 'go'), MODULE)),
    run: async (target) => runTests(program, target),
  }
}

async function runTests(program: string, target: SuiteTarget): Promise<CheckResult[]> {
  const { accessKeyId, secretAccessKey } = target.credentials
  const words = ['test', '-a', accessKeyId, '-s', secretAccessKey, '-e', target.endpoint, 'full-flow']
  const options = { env: cleanEnvironment(target.workDirectory), cwd: target.workDirectory, timeoutMs: TIMEOUT_MS, okCodes: [0, 1] }
  const { stdout, stderr } = await run(program, words, options)
  await writeFile(join(target.workDirectory, 'versitygw.log'), `${stdout}\n${stderr}`)
  return readResults(`${stdout}\n${stderr}`)
}

/** Lines of `PASS  name` and `FAIL  name: why`, some of them in colour. */
function readResults(text: string): CheckResult[] {
  const results = new Map<string, CheckResult>()
  // oxlint-disable-next-line no-control-regex -- terminal colours begin with one
  const plain = text.replaceAll(/\x1b\[[\d;]*m/g, '')
  for (const [, word = '', name = '', detail = ''] of plain.matchAll(/^\s*(PASS|FAIL|SKIP)\s+(\w+)(?::\s*(.*))?$/gm)) {
    const outcome = word === 'PASS' ? 'pass' : word === 'FAIL' ? 'fail' : 'skip'
    results.set(name, { name, outcome, detail })
  }
  return [...results.values()]
}
