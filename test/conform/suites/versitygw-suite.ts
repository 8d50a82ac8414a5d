import { S3 } from '@aws-sdk/client-s3'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailure, cleanEnvironment, run } from '../../clients/command.ts'
import { goProgram } from '../../clients/install-go.ts'
import { emptyBucket } from '../operations/empty-bucket.ts'
import type { CheckResult, Suite, SuiteTarget } from '../suite.ts'

const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'
const TEST_TIMEOUT_MS = 60_000
/** Each process counts its buckets anew. */
const BUCKET = /test-bucket-/

/** What only the gateway itself can pass: users of its own, its file system, its web server. */
const OF_THE_GATEWAY = /^(?:IAM|S3IAM|AccessControl|Scoutfs|Posix|WebsiteHosting|NoACL|VSA)/i

/** The tests that the Versity gateway brings for S3 servers: codes and fields as AWS has them. */
export function versitygwSuite(stateDirectory: string): Suite {
  let program = ''
  let names: readonly string[] = []
  return {
    name: 'versitygw',
    title: `tests of ${MODULE}`,
    readOnly: false,
    callsBetween: false,
    prepare: async () => {
      program = await goProgram(join(stateDirectory, 'go'), MODULE)
      names = await testNames(program)
    },
    run: async (target) => runTests(program, names, target),
  }
}

/** Where such a test fails, its bucket cannot be emptied for years, and its name is that of the next test's bucket. */
const LEAVES_LOCKS = /WORM|Retention|LegalHold|object_lock/i

async function testNames(program: string): Promise<string[]> {
  const { stdout } = await run(program, ['test', '--help'])
  const all = [...stdout.matchAll(/^\s+(\w+)\s+Runs \w+ integration test/gm)].map(([, name = '']) => name)
  return all.filter((name) => !OF_THE_GATEWAY.test(name) && !LEAVES_LOCKS.test(name)).sort()
}

/** Each in a process of its own: at servers of others some of them crash. */
async function runTests(program: string, names: readonly string[], target: SuiteTarget): Promise<CheckResult[]> {
  const { credentials, disposable } = target.origin
  // Not around hotbucket, which would not know of it.
  const s3 = new S3({ endpoint: target.endpoint, region: credentials.region, credentials, forcePathStyle: true })
  const results: CheckResult[] = []
  for (const name of names) {
    const result = await runTest(program, name, target)
    results.push(result)
    if (result.outcome !== 'pass' && disposable) await removeLeftBuckets(s3)
  }
  s3.destroy()
  await writeFile(join(target.workDirectory, 'versitygw.json'), JSON.stringify(results, undefined, 1))
  return results.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A test that breaks off leaves its buckets, in which all that follow would fail. */
async function removeLeftBuckets(s3: S3): Promise<void> {
  const { Buckets = [] } = await s3.listBuckets({})
  for (const { Name = '' } of Buckets) {
    if (BUCKET.test(Name)) await emptyBucket(s3, Name).catch(() => undefined)
  }
}

async function runTest(program: string, name: string, target: SuiteTarget): Promise<CheckResult> {
  const { accessKeyId, secretAccessKey } = target.credentials
  const words = ['test', '-a', accessKeyId, '-s', secretAccessKey, '-e', target.endpoint, name]
  const options = { env: cleanEnvironment(target.workDirectory), cwd: target.workDirectory, timeoutMs: TEST_TIMEOUT_MS, okCodes: [0, 1] }
  try {
    const { stdout, stderr } = await run(program, words, options)
    return readResult(name, `${stdout}\n${stderr}`)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return { name, outcome: 'fail', detail: error.message.slice(0, 500) }
  }
}

/** A line of `PASS  name` or `FAIL  name: why`, in colour. */
function readResult(name: string, text: string): CheckResult {
  // oxlint-disable-next-line no-control-regex -- terminal colours begin with one
  const plain = text.replaceAll(/\x1b\[[\d;]*m/g, '')
  const [, word, detail = ''] = /^\s*(PASS|FAIL)\s+\w+(?::\s*(.*))?$/m.exec(plain) ?? []
  return word === undefined
    ? { name, outcome: 'skip', detail: plain.slice(0, 500) }
    : { name, outcome: word === 'PASS' ? 'pass' : 'fail', detail }
}
