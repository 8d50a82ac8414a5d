import type { HeadInfo } from '../cache/api.ts'
import type { ReadContext } from './context.ts'
import { flightName, invalidateObject } from './invalidate.ts'
import { openByHead, type Opened } from './open.ts'

/**
 * Asks the origin which version is current, by HEAD: unlike a 304, its answer shows metadata that changed under the same ETag
 * (a self-copy, tags, a storage class). In strict mode every request asks for itself, because an answer to a question that was
 * sent earlier may be older than the request; otherwise one question serves everyone.
 */
export async function revalidate(context: ReadContext, known: HeadInfo): Promise<Opened> {
  const { gateway, cacheKey } = context
  const ask = async (): Promise<Opened> => confirm(context, known)
  if (context.mode.kind === 'strict') return ask()
  return gateway.opening.join(flightName.revalidate(cacheKey), ask).answer
}

async function confirm(context: ReadContext, known: HeadInfo): Promise<Opened> {
  const opened = await openByHead(context)
  const gone = opened.kind === 'answer' && opened.status >= 400 && opened.status < 500
  const changed = opened.kind === 'version' && opened.info.etag !== known.etag
  // The new head has replaced the old one where it could be stored; where it could not, the old one must not stay.
  if (gone || opened.kind === 'uncacheable' || (changed && !opened.stored)) invalidateObject(context.gateway, context.cacheKey)
  return opened
}
