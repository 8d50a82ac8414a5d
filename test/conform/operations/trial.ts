import { S3, S3ServiceException } from '@aws-sdk/client-s3'
import type { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Reply } from '../../clients/reference-client.ts'
import { type Credentials, percentEncode } from '../../clients/sign.ts'
import type { RawClient, RawRequest } from './raw-client.ts'
import { type Fields, Transcript, hashOf } from './transcript.ts'

/** One named thing that a server is asked to do; what it answers is the result, and is compared between origin and hotbucket. */
export type Check = (trial: Trial) => Promise<unknown>

/** Checks on one subject, by name. They share a bucket; each has keys of its own. */
export interface CheckGroup {
  readonly name: string
  /** They need a second account at the origin. */
  readonly accounts?: boolean
  /** They need an account in a tenant at the origin. */
  readonly tenants?: boolean
  readonly checks: Readonly<Record<string, Check>>
}

export interface TrialOptions {
  /** The name of the check: keys begin with it. */
  readonly name: string
  readonly endpoint: string
  readonly credentials: Credentials
  /** A key of another account, where the origin has one. */
  readonly other: Credentials | undefined
  /** A key of an account in a tenant, where the origin has one. */
  readonly tenant: Credentials | undefined
  readonly bucket: string
  readonly raw: RawClient
  readonly agent: Agent
  readonly newBucketName: () => string
}

/** A read is made this often: cold, warm, and once more. */
const READS = 3

interface Seen {
  readonly status: number
  readonly fields: Fields
}

/** What a check works with. Everything that it sends is recorded with its answer. */
export class Trial {
  readonly bucket: string
  readonly endpoint: string
  readonly credentials: Credentials
  readonly transcript = new Transcript()
  /** The SDK, one method for every operation; each call is recorded, and rejects where the server answers with an error. */
  readonly s3: S3
  readonly #options: TrialOptions
  readonly #buckets: string[] = []

  constructor(options: TrialOptions) {
    this.#options = options
    this.bucket = options.bucket
    this.endpoint = options.endpoint
    this.credentials = options.credentials
    this.transcript.name(options.bucket, 'bucket')
    this.transcript.name(new URL(options.endpoint).host, 'host')
    this.s3 = this.client()
  }

  /** Buckets that the check made for itself. */
  get buckets(): readonly string[] {
    return this.#buckets
  }

  /** An SDK client that records; `more` replaces settings of it. */
  client(more: Partial<ConstructorParameters<typeof S3>[0]> = {}): S3 {
    const { endpoint, credentials, agent } = this.#options
    const s3 = new S3({
      endpoint,
      region: credentials.region,
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      requestHandler: { httpAgent: agent, requestTimeout: 60_000 },
      ...more,
    })
    this.#record(s3)
    return s3
  }

  /** The key of the other account. */
  get other(): Credentials {
    const { other } = this.#options
    if (other === undefined) throw new Error('Cannot act for another account: the origin has none')
    return other
  }

  /** The key of the account in a tenant. */
  get tenant(): Credentials {
    const { tenant } = this.#options
    if (tenant === undefined) throw new Error('Cannot act for a tenant: the origin has none')
    return tenant
  }

  /** An SDK client whose calls are not recorded. */
  plainClient(): S3 {
    const { endpoint, credentials, agent } = this.#options
    return new S3({
      endpoint,
      region: credentials.region,
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      requestHandler: { httpAgent: agent },
    })
  }

  /** A key of this check's own. */
  key(name = 'object'): string {
    return `${this.#options.name}/${name}`
  }

  /** Bucket and key in the SDK's words. */
  at(name?: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.key(name) }
  }

  /** The path of a key of this check's own on the wire. */
  path(name?: string): string {
    return `/${this.bucket}/${percentEncode(this.key(name), '/')}`
  }

  /** A bucket of this check's own, deleted with all its versions afterwards. */
  async ownBucket(more: Parameters<S3['createBucket']>[0] | Record<string, never> = {}): Promise<string> {
    const name = this.#options.newBucketName()
    this.#buckets.push(name)
    this.transcript.name(name, `bucket${this.#buckets.length}`)
    await this.s3.createBucket({ ...more, Bucket: name })
    return name
  }

  /** Does it, whatever comes of it: the answer is in the transcript. */
  async may<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer
    } catch {
      return undefined
    }
  }

  /** Reads several times: cold, then warm. */
  async reads(read: () => Promise<unknown>): Promise<void> {
    for (let i = 0; i < READS; i++) await this.may(read())
  }

  /** GET, HEAD and a range of a key, cold and warm. */
  async look(name?: string): Promise<void> {
    await this.reads(async () => this.s3.getObject(this.at(name)))
    await this.may(this.s3.headObject(this.at(name)))
    await this.may(this.s3.getObject({ ...this.at(name), Range: 'bytes=1-3' }))
  }

  /** One request that the SDK would not send. */
  async send(request: RawRequest): Promise<Reply> {
    const label = `${request.method} ${request.sign ?? 'header'}`
    try {
      const reply = await this.#options.raw.send(request)
      this.#line(label, { status: reply.status, fields: reply.headers }, this.transcript.body(reply.body, reply.status))
      return reply
    } catch (error) {
      this.transcript.add(`${label}: no answer: ${error instanceof Error ? error.message : String(error)}`)
      throw error
    }
  }

  get raw(): RawClient {
    return this.#options.raw
  }

  note(line: string): void {
    this.transcript.add(line)
  }

  #line(label: string, seen: Seen, rest: string): void {
    const fields = this.transcript.fields(seen.fields, { error: seen.status >= 300 })
    this.transcript.add(`${label}: ${seen.status} [${fields}] ${rest}`)
  }

  /** The outermost layer of the client sees every call; an inner one sees the answer as it came. */
  #record(s3: S3): void {
    const answers = new WeakMap<object, Seen>()
    s3.middlewareStack.add(
      (next, context) => async (args) => {
        const result = await next(args)
        const { statusCode, headers } = result.response as { statusCode: number; headers: Record<string, string> }
        answers.set(context, { status: statusCode, fields: headers })
        return result
      },
      { step: 'deserialize', priority: 'low', name: 'conformAnswer' },
    )
    s3.middlewareStack.add(
      (next, context) => async (args) => {
        const label = String(context.commandName).replace(/Command$/, '')
        try {
          const result = await next(args)
          const output = await this.#read(result.output)
          this.#line(label, answers.get(context) ?? { status: 0, fields: {} }, output)
          return result
        } catch (error) {
          const seen = answers.get(context)
          if (error instanceof S3ServiceException && seen !== undefined) this.#line(label, seen, `error ${error.name}`)
          else this.transcript.add(`${label}: no answer: ${error instanceof Error ? `${error.name} ${error.message}` : String(error)}`)
          throw error
        }
      },
      { step: 'initialize', priority: 'high', name: 'conformCall' },
    )
  }

  /** An output as text, its body by its hash. */
  async #read(output: object): Promise<string> {
    const { Body, Payload, ...rest } = output as { Body?: unknown; Payload?: unknown }
    let text = this.transcript.value(rest)
    if (Body instanceof Readable) text += ` body ${hashOf(await buffer(Body))}`
    if (Payload !== undefined) {
      for await (const event of Payload as AsyncIterable<object>) text += ` event ${this.transcript.value(event)}`
    }
    return text
  }
}
