import type { ByteSource } from '../base/byte-source.ts'
import { headerValue, renderHeaders, withoutHeaders, type HeaderList } from '../base/header-list.ts'
import { ClientGone, type ResponseHead } from '../http/exchange.ts'
import type { OriginResponse } from '../origin/origin.ts'
import { contentLength, forwardedRequestFields, forwardedResponseFields } from '../s3/headers.ts'
import { stripAuthQuery } from '../s3/query.ts'
import type { Outcome, Reason } from '../signals/vocabulary.ts'
import { answer, answerStream } from './answer.ts'
import { asSent } from './as-sent.ts'
import type { RequestContext } from './context.ts'
import { lateError } from './late-error.ts'
import { clientPayload, type ClientPayload } from './payload.ts'
import { replyFields } from './reply.ts'

/** How a forwarded request is told in the record, and what must happen around it. */
export interface Forwarding {
  readonly outcome: Outcome
  readonly reason: Reason
  /** A body to send instead of the client's (it was read before). */
  readonly payload?: ClientPayload
  /** Called with the head of the origin's answer, before anything of it goes on. */
  readonly answered?: (headers: HeaderList) => void
  /** Called before the client can know that the origin's answer is whole, and after a failure. May be called several times. */
  readonly settled?: () => Promise<void>
}

/**
 * Sends the request up, re-signed, and streams the answer back, byte for byte; bodies flow with backpressure both ways. When the
 * client leaves, the request to the origin is given up, unless it is a write that is there already: the origin may carry it out
 * either way, and only its answer tells when its effects can be seen.
 */
export async function forward(context: RequestContext, forwarding: Forwarding): Promise<void> {
  const { exchange, record } = context
  record.outcome = forwarding.outcome
  record.reason = forwarding.reason
  const abort = new AbortController()
  const upload = uploadOf(context, forwarding.payload)
  const stopListening = exchange.onGone(() => {
    const carriedOut = forwarding.settled !== undefined && upload.complete()
    if (!carriedOut) abort.abort(new ClientGone('client left'))
  })
  // A client that waits for a 100 gets it when the origin wants the body; one that the origin refuses has sent nothing in vain.
  const awaitsContinue = forwarding.payload === undefined && headerValue(context.request.headers, 'expect') !== undefined
  try {
    const response = await ask(context, { sent: upload.payload, awaitsContinue }, abort.signal)
    forwarding.answered?.(response.headers)
    await relay(context, response, forwarding.settled)
  } catch (error) {
    if (exchange.gone) throw new ClientGone('client left', { cause: error })
    throw error
  } finally {
    stopListening()
    await forwarding.settled?.()
  }
}

async function ask(
  context: RequestContext,
  { sent, awaitsContinue }: { readonly sent: ClientPayload; readonly awaitsContinue: boolean },
  signal: AbortSignal,
): Promise<OriginResponse> {
  const { request, record, origin, gateway } = context
  record.originRequests += 1
  const askedAtMs = gateway.clock.monotonicMs()
  const response = await origin.send({
    method: request.method,
    bucket: request.bucket,
    rawKey: request.rawKey,
    ...(context.passThrough ? asSent(request) : signedAfresh(context)),
    payload: sent.payload,
    body: sent.body,
    bodyLength: sent.length,
    ...(sent.form === undefined ? {} : { form: sent.form }),
    ...(awaitsContinue ? { awaitsContinue } : {}),
    signal,
  })
  record.originTtfbMs = gateway.clock.monotonicMs() - askedAtMs
  return response
}

/** Query and fields without the client's signature; a presigned request stays one, so that the origin reads its query as it would. */
function signedAfresh(context: RequestContext): { rawQuery: string; headers: HeaderList; presigned: boolean } {
  const { request, verified } = context
  const headers = forwardedRequestFields(request.headers)
  return { rawQuery: stripAuthQuery(request.rawQuery), headers, presigned: verified?.kind === 'presigned' }
}

/** What goes up, and whether the origin has all of it. `read`: the client's body where it was read before. */
function uploadOf(context: RequestContext, read: ClientPayload | undefined): { payload: ClientPayload; complete: () => boolean } {
  const { record } = context
  const client = read ?? clientPayload(context)
  let sentBytes = 0
  let ended = false
  const body: ByteSource = {
    length: client.body.length,
    read: async () => {
      const chunk = await client.body.read()
      if (chunk === undefined) {
        ended = true
        return undefined
      }
      sentBytes += chunk.length
      if (read === undefined) record.bytesReceived += chunk.length
      return chunk
    },
    cancel: (reason) => client.body.cancel(reason),
  }
  return { payload: { ...client, body }, complete: () => ended || (client.length !== undefined && sentBytes >= client.length) }
}

/** Gives an answer of the origin to the client as it is. */
export async function relayAnswer(context: RequestContext, response: OriginResponse): Promise<void> {
  const stopListening = context.exchange.onGone(() => response.body.cancel(new ClientGone('client left')))
  try {
    await relay(context, response, undefined)
  } finally {
    stopListening()
  }
}

async function relay(context: RequestContext, response: OriginResponse, settled: (() => Promise<void>) | undefined): Promise<void> {
  const { record } = context
  record.originRequestId = headerValue(response.headers, 'x-amz-request-id')
  const fields =
    renderHeaders(withoutHeaders(forwardedResponseFields(response.headers), (name) => name === 'x-amz-request-id')) +
    passedFields(context, response.status)
  const length = contentLength(response.headers)
  if (context.request.method === 'HEAD' || response.status === 204 || response.status === 304) {
    response.body.cancel(new Error('no body to come'))
    await settled?.()
    answer(context, { status: response.status, fields, length })
    return
  }
  await relayBody(context, response.body, { status: response.status, fields, length }, settled)
}

/**
 * Sends every chunk on as it comes, the head with the first one: a body that fails at once can still be answered with an error.
 * `settled` runs before each chunk because each may be the last, and whoever has the whole answer to a write must be able to rely
 * on its effects, also where the origin commits late (CompleteMultipartUpload keeps its 200 open).
 */
async function relayBody(
  context: RequestContext,
  body: ByteSource,
  head: ResponseHead,
  settled: (() => Promise<void>) | undefined,
): Promise<void> {
  try {
    let chunk = await body.read()
    await settled?.()
    const late = lateError(context.request.operation, head.status)
    const stream = answerStream(context, head)
    while (chunk !== undefined) {
      context.record.bytesFromOrigin += chunk.length
      noteLateError(context, late?.see(chunk))
      const full = stream.write(chunk)
      if (full !== undefined) await full
      chunk = await body.read()
      await settled?.()
    }
    await stream.end()
  } catch (error) {
    body.cancel(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** The client reads it in the body; the record must not say that all went well. */
function noteLateError(context: RequestContext, code: string | undefined): void {
  if (code === undefined) return
  const { record } = context
  record.outcome = 'failed'
  record.reason = 'origin'
  record.errorCode = code
  record.failure = `The origin answered 200 with an error in the body: ${code}`
}

function passedFields(context: RequestContext, originStatus: number): string {
  const { record } = context
  return replyFields(record, { originStatus, requestId: record.originRequestId ?? record.requestId })
}
