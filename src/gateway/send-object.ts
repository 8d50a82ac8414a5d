import { headerValue, renderHeaders, withoutHeaders, type HeaderList } from '../base/header-list.ts'
import type { CachedHead, HeadInfo, Piece, VersionReader } from '../cache/api.ts'
import { ClientGone, type Loan } from '../http/exchange.ts'
import { ERROR_CONTENT_TYPE, errorXml, Refusal, S3_ERRORS, type S3ErrorCode } from '../s3/errors.ts'
import { forwardedResponseFields, wantsChecksums } from '../s3/headers.ts'
import { formatContentRange } from '../s3/range.ts'
import type { RequestRecord } from '../signals/record.ts'
import type { Outcome } from '../signals/vocabulary.ts'
import { answer, answerStream } from './answer.ts'
import type { ReadContext } from './context.ts'
import { ageOf } from './decide.ts'
import { CachedObject, decodeMeta, type ObjectMeta } from './object-meta.ts'
import { forward } from './forward.ts'
import { objectAskOf } from './object-ask.ts'
import type { Opened } from './open.ts'
import { replyFields } from './reply.ts'
import { selectRepresentation, type Selection } from './select.ts'

type BodySelection = Extract<Selection, { kind: 'body' }>

/** A version to be sent, and how it was come by. */
export interface Serving {
  /** Pinned where it comes from the cache; released here in every path. */
  readonly head: HeadInfo | CachedHead
  readonly generation: number
  /** This request asked the origin for it itself. */
  readonly leads: boolean
  readonly stored: boolean
  /** Undefined where the origin was not asked. */
  readonly originStatus?: number | undefined
}

/** Applies conditions and range to a version and sends what they select. Undefined: it is with the socket. */
export function sendSelected(context: ReadContext, serving: Serving): Promise<void> | undefined {
  const { head } = serving
  if (context.request.plain && 'release' in head && head.bodyBytes !== undefined && head.bodyBytes > 0) {
    sendCached(context, head)
    return undefined
  }
  const meta = decodeMeta(head.meta)
  const selection = selectOrRelease(context, serving, meta)
  if (selection.kind === 'pass') {
    release(head)
    return forward(context, { outcome: 'pass', reason: 'unusual-range' })
  }
  if (selection.kind !== 'body') {
    release(head)
    sendWithoutBody(context, selection, head, meta)
    return undefined
  }
  const inline = context.request.method === 'HEAD' ? EMPTY : inlineBytes(head, selection)
  if (inline !== undefined) {
    sendInline(context, serving, { selection, meta, bytes: inline })
    return undefined
  }
  const version = 'release' in head ? head.detached() : head
  release(head)
  return sendFromReader(context, { ...serving, head: version }, selection, meta)
}

/** The whole of a small object as it stands in the cache: the usual hit, in one write and without a string of its fields. */
function sendCached(context: ReadContext, head: CachedHead): void {
  const { record } = context
  const stored = new CachedObject(head)
  const fields = ageLine(head, record.startedAtMs) + replyFields(record, {})
  if (context.request.method === 'HEAD') {
    answer(context, { status: 200, stored, fields, length: stored.length }, undefined, stored)
    return
  }
  record.bytesFromMemory += stored.length
  answer(context, { status: 200, stored, fields, length: stored.length }, stored, stored)
}

const EMPTY = new Uint8Array(0)

function statusOf(selection: BodySelection): number {
  return selection.partial ? 206 : 200
}

function release(head: HeadInfo | CachedHead): void {
  if ('release' in head) head.release()
}

function selectOrRelease(context: ReadContext, serving: Serving, meta: ObjectMeta): Selection {
  const { head } = serving
  const version = { etag: head.etag, lastModified: meta.lastModified, sizeBytes: head.sizeBytes }
  try {
    return selectRepresentation(context.request, version, context.gateway.clock.nowMs())
  } catch (error) {
    release(head)
    throw error
  }
}

/** The selected bytes where the head holds the whole object; nothing of an empty object is there without asking. */
function inlineBytes(head: HeadInfo | CachedHead, selection: BodySelection): Uint8Array | undefined {
  if (selection.start === selection.end) return EMPTY
  return 'release' in head ? head.body?.subarray(selection.start, selection.end) : undefined
}

/** One write: head and body together; the record stays pinned until the kernel has them. */
function sendInline(
  context: ReadContext,
  serving: Serving,
  what: { readonly selection: BodySelection; readonly meta: ObjectMeta; readonly bytes: Uint8Array },
): void {
  const { head } = serving
  const { selection } = what
  const fields = objectFields(context, serving, selection, what.meta)
  const answered = { status: statusOf(selection), fields, length: selection.end - selection.start }
  if (what.bytes.length > 0) countPiece(context, 'memory', what.bytes.length)
  answer(context, answered, what.bytes.length > 0 ? what.bytes : undefined, 'release' in head ? head : undefined)
}

/** Streams a body through the cache's reader; the head goes out with the first piece, so that an early failure can still be answered. */
async function sendFromReader(context: ReadContext, serving: Serving, selection: BodySelection, meta: ObjectMeta): Promise<void> {
  const { exchange, gateway } = context
  const reader = gateway.cache.openReader(serving.head, selection.start, selection.end, {
    ask: objectAskOf(context),
    generation: serving.generation,
    own: serving.leads,
  })
  const stopListening = exchange.onGone(() => reader.close())
  try {
    const first = reader.nextNow() ?? (await reader.next())
    if (first === undefined || exchange.gone) {
      first?.release()
      throw new ClientGone('client left before the first byte')
    }
    rateOutcome(context, serving, first)
    const fields = objectFields(context, serving, selection, meta)
    const stream = answerStream(context, { status: statusOf(selection), fields, length: selection.end - selection.start })
    await pump(context, reader, first, stream)
    await stream.end()
  } finally {
    stopListening()
    reader.close()
  }
}

/** The header is written when the first piece is there, so the outcome is what that piece says; later pieces only add misses. */
function rateOutcome(context: ReadContext, serving: Serving, first: Piece): void {
  const { record } = context
  if (record.outcome === 'stale') return
  if (first.source === 'origin') {
    record.outcome = 'miss'
    if (!serving.leads && record.reason === 'fresh') record.reason = 'body-evicted'
  } else if (first.source === 'coalesced') record.outcome = 'coalesced'
  else if (first.source === 'disk' && record.outcome === 'memory') record.outcome = 'disk'
}

async function pump(
  context: ReadContext,
  reader: VersionReader,
  first: Piece,
  stream: { write(bytes: Uint8Array, loan?: Loan): Promise<void> | undefined },
): Promise<void> {
  for (let piece: Piece | undefined = first; piece !== undefined; piece = reader.nextNow() ?? (await reader.next())) {
    countPiece(context, piece.source, piece.bytes.length)
    const full = stream.write(piece.bytes, piece)
    if (full !== undefined) await full
  }
}

function countPiece(context: ReadContext, source: Piece['source'], bytes: number): void {
  const { record } = context
  if (source === 'memory') record.bytesFromMemory += bytes
  else if (source === 'disk') countFromDisk(record, bytes)
  else if (source === 'coalesced') record.bytesCoalesced += bytes
  else {
    record.bytesFromOrigin += bytes
    if (SERVED_FROM_CACHE.has(record.outcome)) record.outcome = 'miss'
  }
}

const SERVED_FROM_CACHE: ReadonlySet<Outcome> = new Set<Outcome>(['memory', 'disk', 'coalesced', 'revalidated'])

function countFromDisk(record: RequestRecord, bytes: number): void {
  record.bytesFromDisk += bytes
  if (record.outcome === 'memory') record.outcome = 'disk'
}

function sendWithoutBody(
  context: ReadContext,
  selection: Exclude<Selection, BodySelection | { kind: 'pass' }>,
  head: HeadInfo,
  meta: ObjectMeta,
): void {
  const { record } = context
  switch (selection.kind) {
    case 'not-modified':
      record.outcome = 'not-modified'
      answer(context, { status: 304, fields: validatorLines(meta.fieldLines) + replyFields(record, {}), length: undefined })
      return
    case 'precondition-failed':
      throw new Refusal('PreconditionFailed')
    case 'unsatisfiable':
      throw new Refusal('InvalidRange', {
        fields: { RangeRequested: selection.range, ActualObjectSize: String(head.sizeBytes) },
      })
  }
}

/** The field lines of a 200 or 206 for this client. */
function objectFields(context: ReadContext, serving: Serving, selection: BodySelection, meta: ObjectMeta): string {
  const { head } = serving
  let fields = meta.fieldLines
  if (context.overrides.length > 0) fields = withOverrides(fields, context.overrides)
  if (selection.partial) fields += `Content-Range: ${formatContentRange(selection, head.sizeBytes)}\r\n`
  else if (meta.checksumLines !== undefined && meta.checksumLines !== '' && wantsChecksums(context.request.headers, context.request.query))
    fields += meta.checksumLines
  if (serving.originStatus === undefined) return fields + ageLine(head, context.gateway.clock.nowMs()) + replyFields(context.record, {})
  // Whether a body stays is not known yet: there may be no room for it, or it may break off.
  const stored = serving.stored && context.request.method === 'HEAD'
  return fields + replyFields(context.record, { originStatus: serving.originStatus, stored, collapsed: !serving.leads })
}

const FIELDS_OF_304 = ['ETag:', 'Last-Modified:', 'Cache-Control:', 'Expires:', 'Vary:']

/** What a 304 says of an object: validators and freshness (RFC 9110 section 15.4.5), as S3 does. */
function validatorLines(fieldLines: string): string {
  const lines = fieldLines.split('\r\n').filter((line) => FIELDS_OF_304.some((name) => line.startsWith(name)))
  return lines.map((line) => `${line}\r\n`).join('')
}

/** RFC 9111 section 5.1. */
function ageLine(head: HeadInfo, nowMs: number): string {
  return `Age: ${Math.floor(ageOf(head, nowMs) / 1000)}\r\n`
}

/** Replaces lines by the `response-*` parameters of a signed request (S3 API reference, GetObject). */
function withOverrides(lines: string, overrides: HeaderList): string {
  let kept = lines
  for (let i = 0; i < overrides.length; i += 2) {
    const name = `${overrides[i] ?? ''}:`
    kept = kept
      .split('\r\n')
      .filter((line) => !line.toLowerCase().startsWith(name))
      .join('\r\n')
  }
  return kept + renderHeaders(overrides)
}

/** Gives an origin's answer (404, 403, 503 …) to one of those who waited for it; one to HEAD gets the body that a GET needs. */
export function sendAnswer(context: ReadContext, given: Extract<Opened, { kind: 'answer' }>): void {
  const { record, request } = context
  const originId = headerValue(given.headers, 'x-amz-request-id')
  record.originRequestId = originId
  const requestId = originId ?? record.requestId
  const bodyIsOurs = given.asked === 'HEAD' && request.method === 'GET'
  const kept = withoutHeaders(
    forwardedResponseFields(given.headers),
    (name) => name === 'x-amz-request-id' || (bodyIsOurs && name.startsWith('content-')),
  )
  const contentType = bodyIsOurs ? `Content-Type: ${ERROR_CONTENT_TYPE}\r\n` : ''
  const fields = renderHeaders(kept) + contentType + replyFields(record, { originStatus: given.status, requestId })
  if (request.method === 'HEAD') {
    answer(context, { status: given.status, fields, length: undefined })
    return
  }
  const body = bodyIsOurs ? errorBody(given.status, request.rawPath, requestId) : given.body
  answer(context, { status: given.status, fields, length: body.length }, body)
}

/** S3's codes for what an origin says by status alone. */
const CODE_OF_STATUS: Readonly<Record<number, S3ErrorCode>> = {
  403: 'AccessDenied',
  404: 'NoSuchKey',
  405: 'MethodNotAllowed',
  429: 'SlowDown',
  500: 'InternalError',
  501: 'NotImplemented',
  502: 'BadGateway',
  504: 'GatewayTimeout',
}

function errorBody(status: number, resource: string, requestId: string): Uint8Array {
  const code = CODE_OF_STATUS[status] ?? (status >= 500 ? 'ServiceUnavailable' : 'InvalidRequest')
  return Buffer.from(errorXml({ code, message: S3_ERRORS[code].message, resource, requestId }), 'latin1')
}
