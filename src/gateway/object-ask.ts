import type { QueryParameter } from '../s3/query.ts'
import type { SentRequest } from './as-sent.ts'
import type { ReadContext } from './context.ts'
import type { MeterRef } from './meters.ts'

/**
 * All that an origin has to be told to be asked for an object: plain values, so that the thread that owns the object can ask for a
 * request that came in on another.
 */
export interface ObjectAsk {
  readonly cacheKey: string
  /** The origin's name. */
  readonly origin: string
  readonly bucket: string
  readonly rawKey: string
  /** The version that is asked for; undefined: the current one. */
  readonly version: QueryParameter | undefined
  /** Set where the origin is to be asked in the client's own name. */
  readonly sent: SentRequest | undefined
  /** The request that pays. */
  readonly meter: MeterRef
}

export function objectAskOf(context: ReadContext): ObjectAsk {
  const { cacheKey, bucket, rawKey, version, gateway, origin } = context
  return { cacheKey, origin: origin.name, bucket, rawKey, version, sent: sentRequest(context), meter: gateway.meters.refOf(context.record) }
}

function sentRequest(context: ReadContext): SentRequest | undefined {
  if (!context.passThrough) return undefined
  const { headers, query, rawQuery, rawPath, host } = context.request
  return { headers, query, rawQuery, rawPath, host }
}
