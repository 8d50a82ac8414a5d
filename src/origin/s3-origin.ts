import type { LookupFunction } from 'node:net'
import { precededBy } from '../base/byte-source.ts'
import { withoutHeaders } from '../base/header-list.ts'
import type { Clock } from '../base/clock.ts'
import type { OriginConfig } from '../config/config.ts'
import { renderFields } from '../s3/post/form.ts'
import { signForm } from '../s3/post/policy.ts'
import { encodeAwsChunkedUnsigned } from '../s3/sigv4/chunked-encoder.ts'
import { presign, signRequest, type SigningCredentials } from '../s3/sigv4/sign.ts'
import { SigningKeys } from '../s3/sigv4/signing-keys.ts'
import { createCredentialSource, type CredentialSource } from './credentials.ts'
import { OriginFailure, type Origin, type OriginForm, type OriginRequest, type OriginResponse } from './origin.ts'
import { canBePresigned, withQueryAsFields } from './presigned.ts'
import { OriginDialect } from './s3/dialect.ts'
import { RequestBytes } from './s3/request-bytes.ts'
import { S3Targets, type S3Target } from './s3/s3-target.ts'
import { UpstreamCall, type UpstreamRequest } from './s3/upstream-call.ts'
import { payloadHash, upstreamHeaders } from './s3/upstream-headers.ts'
import { UpstreamPools } from './s3/upstream-pools.ts'

/**
 * An S3 service over HTTP or HTTPS.
 *
 * What it keeps: raw path and query bytes, the order of fields, bodies as they are (nothing is decompressed, no redirect is
 * followed; a 301 or 307 is an answer like any other). What it adds: Host, the signature, and the framing of the body.
 *
 * Sent again, once, is only a GET, HEAD or OPTIONS whose connection was lost before any byte of an answer: what a kept-alive
 * connection does that the origin closed at that moment. DELETE is not among them: on a versioned bucket each one leaves a marker.
 *
 * Gaps: HTTP/1.1 only; no SigV4A, so no multi-region access points; no S3 Express sessions.
 */

export type S3OriginConfig = Extract<OriginConfig, { kind: 's3' }>

export interface S3OriginParts {
  readonly clock: Clock
  /** Resolves host names; the system's resolver where absent. */
  readonly lookup?: LookupFunction | undefined
}

/** What is sent, but for the length of the body. */
interface SentRequest {
  readonly target: S3Target
  readonly rawQuery: string
  readonly headers: readonly string[]
  readonly body: RequestBytes | undefined
  readonly length: number | undefined
}

/** Requests that may wait for a connection, per connection; beyond that the origin is overloaded and waiting would not help. */
const WAITING_PER_CONNECTION_MAX = 32
/** How long a request that was presigned anew may wait for its turn: the longest that clocks may differ. */
const PRESIGNED_SECONDS = 900
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Origin over S3's HTTP API. */
export class S3Origin implements Origin {
  readonly name: string
  readonly #config: S3OriginConfig
  readonly #clock: Clock
  readonly #targets: S3Targets
  readonly #pools: UpstreamPools
  readonly #credentials: CredentialSource
  readonly #signingKeys = new SigningKeys()
  readonly #dialect: OriginDialect
  readonly #queue = { waiting: 0 }

  constructor(config: S3OriginConfig, parts: S3OriginParts) {
    this.name = config.name
    this.#config = config
    this.#clock = parts.clock
    this.#targets = new S3Targets(config)
    this.#dialect = new OriginDialect(config.dialect ?? 'auto', config.url)
    this.#pools = new UpstreamPools({ ...config, lookup: parts.lookup })
    this.#credentials = createCredentialSource(config.credentials, parts.clock)
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    let call = await this.#dispatch(request)
    let response: OriginResponse
    try {
      response = await call.response
    } catch (failure) {
      if (call.answered || !mayRepeat(request, failure)) throw failure
      call = await this.#dispatch(request)
      response = await call.response
    }
    if (this.#dialect.learnsFrom(request, response)) {
      response.body.cancel(new Error('the upload has to be sent again'))
      const reason = `it knows no checksums in trailers (${response.status}); from now on they are checked here and left out`
      throw new OriginFailure('unreachable', `Cannot ${request.method} to origin "${this.name}": ${reason}`)
    }
    return response
  }

  async close(): Promise<void> {
    await this.#pools.close()
  }

  async #dispatch(given: OriginRequest): Promise<UpstreamCall> {
    const task = `${given.method} from origin "${this.name}"`
    try {
      const sent = given.asSent === undefined ? await this.#signedRequest(given) : this.#untouched(given, given.asSent)
      const { waiting } = this.#queue
      if (waiting >= this.#config.connections * WAITING_PER_CONNECTION_MAX) {
        throw new OriginFailure('unreachable', `Cannot ${task}: ${waiting} requests already wait for a connection`)
      }
      const path = sent.rawQuery === '' ? sent.target.rawPath : `${sent.target.rawPath}?${sent.rawQuery}`
      const { method, signal } = given
      const { body, length } = sent
      const headers = body === undefined || length === undefined ? sent.headers : [...sent.headers, 'content-length', String(length)]
      const queueTimeoutMs = this.#config.connectTimeoutMs + this.#config.headTimeoutMs
      const { servername } = sent.target
      const upstream: UpstreamRequest = { method, path, headers, body, servername, signal, queueTimeoutMs, queue: this.#queue, task }
      const { base } = sent.target
      const expecting = given.awaitsContinue === true && body !== undefined
      return new UpstreamCall(expecting ? this.#pools.expecting(base) : this.#pools.of(base), upstream)
    } catch (cause) {
      given.body.cancel(cause instanceof Error ? cause : new Error(String(cause)))
      if (cause instanceof OriginFailure) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new OriginFailure('protocol', `Cannot ${task}: ${reason}`, { cause })
    }
  }

  async #signedRequest(given: OriginRequest): Promise<SentRequest> {
    const credentials = await this.#credentials.get()
    const adapted = this.#dialect.adapt(given)
    const request = credentials !== undefined && canBePresigned(adapted) ? adapted : withQueryAsFields(adapted)
    const target = this.#targets.of(request.bucket, request.rawKey)
    if (request.form !== undefined) return this.#form(request, request.form, { credentials, target })
    const unsigned = upstreamHeaders(request, target.host)
    const { rawQuery, headers } = this.#signed(request, credentials, { target, headers: unsigned })
    return { target, rawQuery, headers: [...unsigned, ...headers], ...this.#body(request) }
  }

  /** A form upload carries its signature in its fields and none beside them. */
  #form(
    request: OriginRequest,
    form: OriginForm,
    to: { readonly credentials: SigningCredentials | undefined; readonly target: S3Target },
  ): SentRequest {
    const { region } = this.#config
    const { credentials, target } = to
    const signing = { bucket: request.bucket ?? '', region, nowMs: this.#clock.nowMs(), signingKey: this.#signingKeys.of }
    const fields = credentials === undefined ? form.fields : signForm(form, { ...signing, credentials })
    const head = Buffer.from(renderFields(form.boundary, fields), 'latin1')
    const length = request.bodyLength === undefined ? undefined : head.length + request.bodyLength
    const body = new RequestBytes(precededBy(head, request.body), length)
    return { target, rawQuery: request.rawQuery, headers: upstreamHeaders(request, target.host), body, length }
  }

  /** In the client's name: the Host is the client's, the connection and its certificate are the origin's. */
  #untouched(request: OriginRequest, { host, rawPath }: NonNullable<OriginRequest['asSent']>): SentRequest {
    const target = { ...this.#targets.of(undefined, undefined), rawPath }
    const headers = ['host', host, ...withoutHeaders(request.headers, (name) => name === 'host')]
    return { target, rawQuery: request.rawQuery, headers, ...this.#body(request) }
  }

  #body(request: OriginRequest): { readonly body: RequestBytes | undefined; readonly length: number | undefined } {
    const { payload, body, bodyLength } = request
    if (payload.kind === 'trailer') {
      const options = { decodedLength: bodyLength, trailerNames: payload.names, trailers: payload.fields }
      const framed = encodeAwsChunkedUnsigned(body, options)
      return { body: new RequestBytes(framed, framed.length), length: framed.length }
    }
    if (payload.kind === 'none' || bodyLength === 0) return { body: undefined, length: 0 }
    return { body: new RequestBytes(body, bodyLength), length: bodyLength }
  }

  /** The query to send and the fields to add; to an origin without credentials only the payload's form is told. */
  #signed(
    request: OriginRequest,
    credentials: SigningCredentials | undefined,
    sent: { readonly target: S3Target; readonly headers: readonly string[] },
  ): { readonly rawQuery: string; readonly headers: readonly string[] } {
    const hash = payloadHash(request.payload)
    const { method, rawQuery } = request
    if (credentials === undefined) {
      const { kind } = request.payload
      return { rawQuery, headers: kind === 'trailer' || kind === 'sha256' ? ['x-amz-content-sha256', hash] : [] }
    }
    const { rawPath, host } = sent.target
    const { headers } = sent
    const signing = { method, rawPath, rawQuery, headers, nowMs: this.#clock.nowMs(), credentials, region: this.#config.region }
    if (request.presigned === true) {
      const query = presign({ ...signing, host, expiresSeconds: PRESIGNED_SECONDS, signingKey: this.#signingKeys.of })
      return { rawQuery: query, headers: [] }
    }
    return { rawQuery, headers: signRequest({ ...signing, payloadHash: hash, signingKey: this.#signingKeys.of }) }
  }
}

function mayRepeat(request: OriginRequest, failure: unknown): boolean {
  const bodiless = request.payload.kind === 'none' || request.bodyLength === 0
  return failure instanceof OriginFailure && failure.kind === 'reset' && bodiless && IDEMPOTENT.has(request.method)
}
