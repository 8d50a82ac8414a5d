import type { ByteSource } from '../base/byte-source.ts'
import type { HeaderList } from '../base/header-list.ts'
import { BODILESS, type OriginRequest, type OriginResponse } from '../origin/origin.ts'
import { asSent, asSentWith } from './as-sent.ts'
import type { Gateway } from './gateway.ts'
import type { ObjectAsk } from './object-ask.ts'

/** The parts of a gateway that a question to an origin needs. */
export type OriginCalls = Pick<Gateway, 'routes' | 'meters' | 'clock'>

/** Asks the origin for an object on the cache's behalf: no client conditions, checksums wanted, counted in the record that pays. */
export async function askForObject(
  calls: OriginCalls,
  object: ObjectAsk,
  question: { readonly method: 'GET' | 'HEAD'; readonly extra: HeaderList; readonly signal?: AbortSignal },
): Promise<OriginResponse> {
  const origin = calls.routes.named(object.origin)
  calls.meters.asked(object.meter)
  const askedAtMs = calls.clock.monotonicMs()
  const response = await origin.send({
    method: question.method,
    bucket: object.bucket,
    rawKey: object.rawKey,
    ...(object.sent === undefined
      ? inOurName(object, question.extra)
      : { ...asSent(object.sent), headers: asSentWith(object.sent, question.extra) }),
    ...BODILESS,
    signal: question.signal,
  })
  calls.meters.answered(object.meter, calls.clock.monotonicMs() - askedAtMs)
  return response
}

function inOurName(object: ObjectAsk, extra: HeaderList): Pick<OriginRequest, 'rawQuery' | 'headers'> {
  return {
    rawQuery: object.version?.raw ?? '',
    headers: ['accept-encoding', 'identity', 'x-amz-checksum-mode', 'ENABLED', ...extra],
  }
}

const DISCARD_BYTES_MAX = 64 * 1024

/** Reads what little is left of an answer nobody wants, so that its connection can be used again; gives up on a long one. */
export async function discard(body: ByteSource): Promise<void> {
  try {
    let seen = 0
    for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      seen += chunk.length
      if (seen > DISCARD_BYTES_MAX) {
        body.cancel(new Error('answer not wanted'))
        return
      }
    }
  } catch {
    // An answer that nobody wants may break off unseen.
  }
}
