import type { ByteSource } from '../base/byte-source.ts'
import { headerValue } from '../base/header-list.ts'
import type { OriginForm, Payload } from '../origin/origin.ts'
import { Refusal } from '../s3/errors.ts'
import type { Operation } from '../s3/operation.ts'
import { decodeAwsChunked, parseDecodedLength, parseTrailerNames } from '../s3/sigv4/chunked.ts'
import { parsePayload, type ChunkedMode } from '../s3/sigv4/payload.ts'
import type { RequestContext } from './context.ts'

/** A request body without aws-chunked framing, and what is known of its integrity. */
export interface ClientPayload {
  readonly payload: Payload
  readonly body: ByteSource
  /** Decoded bytes; undefined for a body in chunks of HTTP, which goes up in chunks: origins differ in whether they take it. */
  readonly length: number | undefined
  /** The fields before it, where it is a form. */
  readonly form?: OriginForm
}

/** An empty object must be meant: a request without a length is more likely one that lost its body (S3 answers 411 as well). */
const NEEDS_LENGTH: ReadonlySet<Operation> = new Set<Operation>(['PutObject', 'UploadPart'])

/** The body as the origin shall get it: framing removed, every chunk signature checked before its bytes go on. */
export function clientPayload(context: RequestContext): ClientPayload {
  const { exchange, verified, request } = context
  const { body } = exchange
  const hasLength = body.present || headerValue(request.headers, 'content-length') !== undefined
  if (context.passThrough) {
    if (!hasLength && NEEDS_LENGTH.has(request.operation)) throw new Refusal('MissingContentLength')
    return { payload: { kind: body.present ? 'unsigned' : 'none' }, body, length: body.present ? body.length : 0 }
  }
  const declared = parsePayload(verified?.payload ?? headerValue(request.headers, 'x-amz-content-sha256'))
  if (declared.kind === 'chunked') return decodedPayload(context, declared.mode)
  if (!hasLength && NEEDS_LENGTH.has(request.operation)) throw new Refusal('MissingContentLength')
  if (!body.present) return { payload: declared.kind === 'sha256' ? declared : { kind: 'none' }, body, length: 0 }
  return { payload: declared, body, length: body.length }
}

function decodedPayload(context: RequestContext, mode: ChunkedMode): ClientPayload {
  const { exchange, verified, request } = context
  if (mode !== 'unsigned-trailer' && verified === undefined) {
    throw new Refusal('AccessDenied', { message: 'Cannot check signed chunks of a request that is not signed' })
  }
  const length = parseDecodedLength(headerValue(request.headers, 'x-amz-decoded-content-length'))
  const trailerNames = parseTrailerNames(headerValue(request.headers, 'x-amz-trailer'))
  const verifier =
    verified === undefined
      ? undefined
      : { signingKey: verified.signingKey, amzDate: verified.amzDate, scope: verified.scope, seedSignature: verified.signature }
  const body = decodeAwsChunked(exchange.body, { mode, decodedLength: length, trailerNames, verifier })
  const payload: Payload =
    trailerNames.length > 0 ? { kind: 'trailer', names: trailerNames, fields: () => body.trailers() } : { kind: 'unsigned' }
  return { payload, body, length }
}
