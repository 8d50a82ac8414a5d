import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, run } from '../../clients/command.ts'
import { goProgramOfFile } from '../../clients/install-go.ts'
import type { CheckResult, Suite, SuiteTarget } from '../suite.ts'

const MODULE = 'github.com/minio/minio-go/v7@v7.4.1'
const TIMEOUT_MS = 40 * 60_000

/** The functional tests of the MinIO client for Go; they are what MinIO's "mint" runs of it. */
export function minioGoSuite(stateDirectory: string): Suite {
  let program = ''
  return {
    name: 'minio-go',
    title: `functional tests of ${MODULE}`,
    readOnly: false,
    callsBetween: false,
    prepare: async () => void (program = await goProgramOfFile(join(stateDirectory, 'go'), MODULE, 'functional_tests.go')),
    run: async (target) => runTests(program, target),
  }
}

async function runTests(program: string, target: SuiteTarget): Promise<CheckResult[]> {
  const { host, protocol } = new URL(target.endpoint)
  const env = cleanEnvironment(target.workDirectory, {
    SERVER_ENDPOINT: host,
    ACCESS_KEY: target.credentials.accessKeyId,
    SECRET_KEY: target.credentials.secretAccessKey,
    ENABLE_HTTPS: protocol === 'https:' ? '1' : '0',
    SKIP_CERT_VALIDATION: '1',
    ENABLE_KMS: '0',
    MINT_MODE: 'full',
    RUN_ON_FAIL: '1',
  })
  const { stdout, stderr } = await run(program, [], { env, cwd: target.workDirectory, timeoutMs: TIMEOUT_MS, okCodes: [0, 1, 2] })
  await writeFile(join(target.workDirectory, 'minio-go.log'), `${stdout}\n${stderr}`)
  return readResults(stdout)
}

interface LogLine {
  readonly name?: string
  readonly function?: string
  readonly status?: string
  readonly error?: string
  readonly message?: string
}

const OUTCOMES: Readonly<Record<string, CheckResult['outcome']>> = { PASS: 'pass', FAIL: 'fail' }

/** One test may log several lines, and is as good as the worst of them. */
function readResults(text: string): CheckResult[] {
  const results = new Map<string, CheckResult>()
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) continue
    const { name = '', status, error = '', message = '' } = JSON.parse(line) as LogLine
    if (name === '' || status === undefined) continue
    const outcome = OUTCOMES[status] ?? 'skip'
    const before = results.get(name)?.outcome
    if (decides(outcome, before))
      results.set(name, { name, outcome, detail: before === 'fail' ? (results.get(name)?.detail ?? '') : `${message} ${error}`.trim() })
  }
  return [...results.values()]
}

function decides(outcome: CheckResult['outcome'], before: CheckResult['outcome'] | undefined): boolean {
  return before === undefined || outcome === 'fail' || (before === 'skip' && outcome === 'pass')
}
