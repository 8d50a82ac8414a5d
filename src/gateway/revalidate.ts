import type { Gateway } from './gateway.ts'
import { invalidateObject } from './invalidate.ts'
import type { ObjectAsk } from './object-ask.ts'
import { openByHead, type Opened } from './open.ts'

/**
 * Asks the origin which version is current, by HEAD: unlike a 304, its answer shows metadata that changed under the same ETag
 * (a self-copy, tags, a storage class).
 */
export async function revalidate(gateway: Gateway, object: ObjectAsk, knownEtag: string): Promise<Opened> {
  const opened = await openByHead(gateway, object)
  const gone = opened.kind === 'answer' && saysGone(opened.status)
  const changed = opened.kind === 'version' && opened.info.etag !== knownEtag
  // The new head has replaced the old one where it could be stored; where it could not, the old one must not stay.
  if (gone || opened.kind === 'uncacheable' || (changed && !opened.stored)) await invalidateObject(gateway, object.cacheKey)
  return opened
}

/** The origin will not give this object out any more. Timeout, Too Early and Too Many Requests (RFC 9110, RFC 8470, RFC 6585) say nothing of it. */
function saysGone(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429
}
