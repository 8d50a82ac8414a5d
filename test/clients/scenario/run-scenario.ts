import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ByteRelay } from '../byte-relay.ts'
import type { Client } from '../client.ts'
import { HotbucketProcess } from '../hotbucket-process.ts'
import type { TestOrigin } from '../origins/test-origin.ts'
import { ReferenceClient } from '../reference-client.ts'
import { type Check, Checks } from './checks.ts'
import { checkReads } from './reads.ts'
import { checkWrites } from './writes.ts'
import { DOMAIN, type TlsFiles, type Variant, bucketOf } from '../variant.ts'

export type Mode = 'direct' | 'hotbucket'

export interface ScenarioResult {
  readonly checks: readonly Check[]
  readonly elapsedMs: number
  /** The end of hotbucket's log, where something failed. */
  readonly log: string
}

export interface Where {
  readonly origin: TestOrigin
  readonly runDirectory: string
  /** hotbucket's entry point. */
  readonly program: string
  /** More of hotbucket's flags. */
  readonly flags: readonly string[]
  readonly variant: Variant
  /** Where the scheme is https. */
  readonly tls: TlsFiles | undefined
}

interface Through {
  readonly hotbucket: HotbucketProcess
  readonly bytesFromOrigin: (() => number) | undefined
  /** Ends it once, however often it is called. */
  stop(): Promise<Check>
}

/** Everything for one client in one mode, in a bucket and, through hotbucket, with a hotbucket of its own. */
export async function runScenario(client: Client, mode: Mode, where: Where): Promise<ScenarioResult> {
  const { origin, variant } = where
  const startedMs = Date.now()
  const home = join(where.runDirectory, `${client.name}-${mode}`)
  await mkdir(home, { recursive: true })
  const bucket = bucketOf(client.name, mode, variant.runId)
  let [results, log]: [readonly Check[], string] = [[], '']
  {
    await using held = new AsyncDisposableStack()
    const direct = new ReferenceClient(origin.endpoint, origin.credentials)
    held.defer(() => direct.close())
    await direct.createBucket(bucket)
    held.defer(async () => direct.destroyBucket(bucket))
    const front = mode === 'hotbucket' ? await startThrough(where, home) : undefined
    held.defer(async () => void (await front?.stop()))
    const tls = front === undefined ? undefined : where.tls
    const plainEndpoint = front?.hotbucket.endpoint ?? origin.endpoint
    const ca = tls === undefined ? {} : { ca: await readFile(tls.ca, 'utf8') }
    const through = front === undefined ? undefined : new ReferenceClient(plainEndpoint, origin.credentials, ca)
    const endpoint = variant.style === 'path' ? plainEndpoint : plainEndpoint.replace('127.0.0.1', DOMAIN)
    held.defer(() => through?.close())
    const session = await client.open({ endpoint, credentials: origin.credentials, home, style: variant.style, caFile: tls?.ca })
    held.defer(async () => session.close())
    const checks = new Checks({
      client,
      session,
      bucket,
      direct,
      through,
      bytesFromOrigin: front?.bytesFromOrigin,
      workDirectory: home,
      brief: variant.brief,
      caFile: tls?.ca,
    })
    await checkReads(checks)
    await checkWrites(checks)
    if (front !== undefined) results = [...checks.results, await front.stop()]
    else ({ results } = checks)
    if (results.some((check) => check.outcome === 'fail')) log = (await front?.hotbucket.logTail()) ?? ''
  }
  return { checks: results, elapsedMs: Date.now() - startedMs, log }
}

async function startThrough({ origin, program, flags, tls }: Where, home: string): Promise<Through> {
  const relay = origin.port === undefined ? undefined : await ByteRelay.listen(origin.port)
  try {
    const logFile = join(home, 'hotbucket.log')
    const hotbucket = await HotbucketProcess.start({
      program,
      origin: relay?.endpoint ?? origin.endpoint,
      credentials: origin.credentials,
      home,
      logFile,
      flags: [
        '--memory',
        '256MiB',
        '--domain',
        DOMAIN,
        ...flags,
        ...(tls === undefined ? [] : ['--tls-cert', tls.certificate, '--tls-key', tls.key]),
      ],
    })
    let stopped: Promise<Check> | undefined
    return {
      hotbucket,
      bytesFromOrigin: relay === undefined ? undefined : () => relay.bytesFromOrigin,
      stop: async () => (stopped ??= stopThrough(hotbucket, relay)),
    }
  } catch (error) {
    relay?.close()
    throw error
  }
}

/** Ends hotbucket; how that went is a check of its own. */
async function stopThrough(hotbucket: HotbucketProcess, relay: ByteRelay | undefined): Promise<Check> {
  const label = 'hotbucket lived, drained and ended with code 0'
  try {
    await hotbucket.stop()
    return { column: 'process', label, outcome: 'pass', detail: '' }
  } catch (error) {
    return { column: 'process', label, outcome: 'fail', detail: error instanceof Error ? error.message : String(error) }
  } finally {
    relay?.close()
  }
}
