import { Refusal } from '../s3/errors.ts'
import type { RequestContext } from './context.ts'

/** Bodies up to this are let through at any time: they are over before they would be held. */
const SMALL_BODY_BYTES = 64 * 1024

/** Throws where memory for bytes on their way is used up and the request would bring many more: S3's word for that is SlowDown. */
export function admitBody({ exchange, gateway }: RequestContext): void {
  const { body } = exchange
  if (!body.present || !gateway.budget.isSpent) return
  if (body.length === undefined || body.length > SMALL_BODY_BYTES) throw new Refusal('SlowDown')
}
