import http from 'node:http'
import { S3 } from '@aws-sdk/client-s3'
import type { CheckResult, Suite, SuiteTarget } from '../suite.ts'
import { emptyBucket } from './empty-bucket.ts'
import { RawClient } from './raw-client.ts'
import { type Check, type CheckGroup, Trial } from './trial.ts'

/** Our own checks of every S3 operation: what the origin answers to each is what hotbucket must answer. */
export function operationsSuite(groups: readonly CheckGroup[], only?: RegExp): Suite {
  return {
    name: 'operations',
    title: `${groups.reduce((sum, group) => sum + Object.keys(group.checks).length, 0)} checks over the AWS SDK for JavaScript and raw HTTP`,
    readOnly: false,
    callsBetween: true,
    prepare: async () => undefined,
    run: async (target) => runGroups(groups, target, only),
  }
}

async function runGroups(groups: readonly CheckGroup[], target: SuiteTarget, only: RegExp | undefined): Promise<CheckResult[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  const raw = new RawClient(target.endpoint, target.credentials)
  const sdk = new S3({
    endpoint: target.endpoint,
    region: target.credentials.region,
    credentials: target.credentials,
    forcePathStyle: true,
    requestHandler: { httpAgent: agent },
  })
  // Names of equal length on both sides: they are parts of answers whose length is compared.
  const prefix = `hotbucket-conform-${target.side === 'direct' ? 'd' : 't'}${process.pid.toString(36)}${Date.now().toString(36).slice(-5)}`
  let made = 0
  const newBucketName = (): string => `${prefix}-${String(++made).padStart(4, '0')}`
  const results: CheckResult[] = []
  const buckets: string[] = []
  try {
    for (const group of groups) {
      if (group.accounts === true && target.origin.other === undefined) continue
      if (group.tenants === true && target.origin.tenant === undefined) continue
      const chosen = Object.entries(group.checks).filter(([name]) => only?.test(`${group.name}: ${name}`) !== false)
      if (chosen.length === 0) continue
      const bucket = newBucketName()
      await sdk.createBucket({ Bucket: bucket })
      buckets.push(bucket)
      for (const [name, check] of chosen) {
        await target.between()
        const options = {
          name: keyName(name),
          endpoint: target.endpoint,
          credentials: target.credentials,
          other: target.origin.other,
          tenant: target.origin.tenant,
          bucket,
          raw,
          agent,
          newBucketName,
        }
        results.push(await runCheck(`${group.name}: ${name}`, check, { options, buckets }))
      }
    }
    await target.beforeCleanUp()
  } finally {
    if (!target.origin.disposable) for (const bucket of buckets) await emptyBucket(sdk, bucket)
    raw.close()
    agent.destroy()
    sdk.destroy()
  }
  return results
}

async function runCheck(
  name: string,
  check: Check,
  { options, buckets }: { options: ConstructorParameters<typeof Trial>[0]; buckets: string[] },
): Promise<CheckResult> {
  const trial = new Trial(options)
  let [outcome, detail]: [CheckResult['outcome'], string] = ['pass', '']
  try {
    await check(trial)
  } catch (error) {
    ;[outcome, detail] = ['fail', error instanceof Error ? `${error.name}: ${error.message}` : String(error)]
  }
  trial.s3.destroy()
  buckets.push(...trial.buckets)
  return { name, outcome, detail: trial.transcript.plain(detail), seen: trial.transcript.lines }
}

/** What stands in front of a check's keys: its name as far as it needs no encoding. */
function keyName(name: string): string {
  return name.replaceAll(/[^\w-]+/g, '-').slice(0, 60)
}
