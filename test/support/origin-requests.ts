import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { collect, type ByteSource } from '../../src/base/byte-source.ts'
import { systemClock } from '../../src/base/clock.ts'
import { BODILESS, OriginFailure, type OriginRequest } from '../../src/origin/origin.ts'
import { S3Origin, type S3OriginConfig } from '../../src/origin/s3-origin.ts'
import { FaultOrigin, type FaultScript } from './fault-origin.ts'

/** What the origins under test sign with. */
export const CREDENTIALS = { kind: 'static', accessKeyId: 'AKID', secretAccessKey: 'SECRET', sessionToken: 'TOKEN' } as const
const BODY_BYTES_MAX = 64 * 1024 * 1024

/** A configuration with short timeouts and one connection. */
export function configOf(url: string, overrides: Partial<S3OriginConfig> = {}): S3OriginConfig {
  return {
    name: 'test',
    buckets: ['*'],
    kind: 's3',
    url,
    region: 'eu-west-1',
    style: 'path',
    credentials: CREDENTIALS,
    connectTimeoutMs: 2_000,
    headTimeoutMs: 2_000,
    bodyTimeoutMs: 2_000,
    connections: 1,
    ca: undefined,
    ...overrides,
  }
}

/** An S3 origin in front of a scripted server; both end with the test. */
export async function startS3Origin(
  context: TestContext,
  script: FaultScript,
  overrides: Partial<S3OriginConfig> = {},
): Promise<{ fault: FaultOrigin; origin: S3Origin }> {
  const fault = new FaultOrigin(script)
  const origin = new S3Origin(configOf(await fault.start(), overrides), { clock: systemClock })
  context.after(async () => {
    await origin.close()
    await fault.stop()
  })
  return { fault, origin }
}

/** GET of `bucket/key`, without a body. */
export function requestOf(overrides: Partial<OriginRequest> = {}): OriginRequest {
  return {
    method: 'GET',
    bucket: 'bucket',
    rawKey: 'key',
    rawQuery: '',
    headers: [],
    ...BODILESS,
    signal: undefined,
    ...overrides,
  }
}

/** A whole body as latin1. */
export async function text(body: ByteSource): Promise<string> {
  return Buffer.from((await collect(body, BODY_BYTES_MAX)) ?? []).toString('latin1')
}

/** A check for `assert.rejects`. */
export function failsAs(kind: OriginFailure['kind']): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof OriginFailure, String(error))
    assert.equal(error.kind, kind, error.message)
    return true
  }
}

/** A body that a test feeds piece by piece. */
export class FedBody implements ByteSource {
  readonly length = undefined
  cancelled: Error | undefined
  readonly #pieces: (Uint8Array | Error | undefined)[] = []
  #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined

  feed(piece: Uint8Array | Error | undefined): void {
    if (this.#waiting === undefined) this.#pieces.push(piece)
    else if (piece instanceof Error) this.#waiting.reject(piece)
    else this.#waiting.resolve(piece)
    this.#waiting = undefined
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#pieces.length > 0) {
      const piece = this.#pieces.shift()
      return piece instanceof Error ? Promise.reject(piece) : Promise.resolve(piece)
    }
    this.#waiting = Promise.withResolvers()
    return this.#waiting.promise
  }

  cancel(reason: Error): void {
    this.cancelled ??= reason
  }
}
