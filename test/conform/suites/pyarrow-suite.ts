import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { awsEnvironment } from '../../clients/adapters/libraries.ts'
import { run } from '../../clients/command.ts'
import type { Installer } from '../../clients/install.ts'
import { ReferenceClient } from '../../clients/reference-client.ts'
import type { CheckResult, Suite, SuiteTarget } from '../suite.ts'

const PLUGIN_DIRECTORY = fileURLToPath(new URL('../python', import.meta.url))
const TIMEOUT_MS = 20 * 60_000

/** Their S3 tests; what is left out wants AWS itself, or servers of other kinds. */
const MODULES = ['pyarrow.tests.test_fs', 'pyarrow.tests.test_dataset', 'pyarrow.tests.parquet.test_dataset']
const CHOSEN =
  '(s3 or S3) and not s3fs and not FSSpec and not test_s3_real_aws and not wrong_region and not s3_options and not proxy_options and not from_uri_s3'

/** Buckets that the tests leave as they are, and stumble over when they run again. */
const LEFT_BUCKETS = ['mybucket', 'theirbucket']

/** pyarrow's own tests of its S3 file system, data sets and Parquet files: the AWS SDK for C++. */
export function pyarrowSuite(installer: Installer): Suite {
  let python = ''
  return {
    name: 'pyarrow',
    title: "pyarrow's own S3 tests",
    readOnly: false,
    callsBetween: false,
    needsPlainKey: true,
    prepare: async () => void (python = join(await installer.python('suites'), 'python')),
    run: async (target) => runPytest(python, target),
  }
}

async function destroyLeftBuckets({ origin }: SuiteTarget): Promise<void> {
  if (!origin.disposable) return
  const direct = new ReferenceClient(origin.endpoint, origin.credentials)
  for (const bucket of LEFT_BUCKETS) await direct.destroyBucket(bucket).catch(() => undefined)
  direct.close()
}

async function runPytest(python: string, target: SuiteTarget): Promise<CheckResult[]> {
  await destroyLeftBuckets(target)
  const results = join(target.workDirectory, 'pytest.jsonl')
  const env = awsEnvironment(
    { endpoint: target.endpoint, credentials: target.credentials, home: target.workDirectory, style: 'path', caFile: undefined },
    {
      CONFORM_ENDPOINT: target.endpoint,
      CONFORM_RESULTS: results,
      CONFORM_WORK: target.workDirectory,
      PYARROW_TEST_S3: 'ON',
      PYTHONPATH: PLUGIN_DIRECTORY,
    },
  )
  const words = ['-m', 'pytest', '-q', '-p', 'conform_plugin', '-p', 'no:cacheprovider', '--pyargs', ...MODULES, '-k', CHOSEN]
  await run(python, words, { env, cwd: target.workDirectory, timeoutMs: TIMEOUT_MS, okCodes: [0, 1] })
  return readResults(await readFile(results, 'utf8'))
}

function readResults(text: string): CheckResult[] {
  const outcomes = { passed: 'pass', failed: 'fail', skipped: 'skip' } as const
  const results = new Map<string, CheckResult>()
  for (const line of text.trimEnd().split('\n')) {
    const { name, outcome, detail } = JSON.parse(line) as { name: string; outcome: keyof typeof outcomes; detail: string }
    if (results.get(name)?.outcome !== 'fail') results.set(name, { name, outcome: outcomes[outcome], detail })
  }
  return [...results.values()]
}
