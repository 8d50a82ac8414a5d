import type { Gateway } from './gateway.ts'

/**
 * Forgets an object: its head and its fills in progress; nothing that began before becomes visible, and no question from before is
 * joined. Resolves when no worker finds it any more.
 */
export async function invalidateObject(gateway: Gateway, cacheKey: string): Promise<void> {
  const forgotten = gateway.cache.invalidate(cacheKey)
  gateway.uncacheable.forget(cacheKey)
  await forgotten
}
