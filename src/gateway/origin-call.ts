import type { ByteSource } from '../base/byte-source.ts'
import type { HeaderList } from '../base/header-list.ts'
import { BODILESS, type OriginRequest, type OriginResponse } from '../origin/origin.ts'
import { asSent, asSentWith, isPassThrough } from './as-sent.ts'
import type { ReadContext } from './context.ts'

/** Asks the origin for an object on the cache's behalf: no client conditions, checksums wanted, counted in the record. */
export async function askForObject(
  context: ReadContext,
  method: 'GET' | 'HEAD',
  extra: HeaderList,
  signal?: AbortSignal,
): Promise<OriginResponse> {
  const { record, origin, gateway } = context
  record.originRequests += 1
  const askedAtMs = gateway.clock.monotonicMs()
  const response = await origin.send({
    method,
    bucket: context.bucket,
    rawKey: context.rawKey,
    ...(isPassThrough(context) ? inClientsName(context, extra) : ours(context, extra)),
    ...BODILESS,
    signal,
  })
  const waitedMs = gateway.clock.monotonicMs() - askedAtMs
  if (record.originTtfbMs === undefined || waitedMs > record.originTtfbMs) record.originTtfbMs = waitedMs
  return response
}

type Question = Pick<OriginRequest, 'rawQuery' | 'headers' | 'asSent'>

function ours(context: ReadContext, extra: HeaderList): Question {
  return {
    rawQuery: context.version?.raw ?? '',
    headers: ['accept-encoding', 'identity', 'x-amz-checksum-mode', 'ENABLED', ...extra],
  }
}

function inClientsName(context: ReadContext, extra: HeaderList): Question {
  return { ...asSent(context.request), headers: asSentWith(context.request, extra) }
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
