import type { HeadInfo } from '../cache/api.ts'
import type { ReadContext } from './context.ts'
import { flightName, invalidateObject } from './invalidate.ts'
import { openByHead, type Opened } from './open.ts'

/**
 * Asks the origin which version is current, by HEAD: unlike a 304, its answer shows metadata that changed under the same ETag
 * (a self-copy, tags, a storage class). One question serves everyone, except those who must ask for themselves.
 */
export function revalidate(
  context: ReadContext,
  known: HeadInfo,
  itself: boolean,
): { readonly answer: Promise<Opened>; readonly led: boolean } {
  const { gateway, cacheKey } = context
  const ask = async (): Promise<Opened> => confirm(context, known)
  if (itself) return { answer: ask(), led: true }
  return gateway.opening.join(flightName.revalidate(cacheKey), ask)
}

async function confirm(context: ReadContext, known: HeadInfo): Promise<Opened> {
  const opened = await openByHead(context)
  const gone = opened.kind === 'answer' && saysGone(opened.status)
  const changed = opened.kind === 'version' && opened.info.etag !== known.etag
  // The new head has replaced the old one where it could be stored; where it could not, the old one must not stay.
  if (gone || opened.kind === 'uncacheable' || (changed && !opened.stored)) await invalidateObject(context.gateway, context.cacheKey)
  return opened
}

/** The origin will not give this object out any more. Timeout, Too Early and Too Many Requests (RFC 9110, RFC 8470, RFC 6585) say nothing of it. */
function saysGone(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429
}
