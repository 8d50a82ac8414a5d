import type { Gateway } from './gateway.ts'

/** The names under which questions about an object are in flight. */
export const flightName = {
  open: (cacheKey: string) => `open\0${cacheKey}`,
  head: (cacheKey: string) => `head\0${cacheKey}`,
  revalidate: (cacheKey: string) => `revalidate\0${cacheKey}`,
} as const

/** Forgets an object: its head, its fills in progress and the questions in flight; nothing that began before becomes visible. */
export async function invalidateObject(gateway: Gateway, cacheKey: string): Promise<void> {
  const forgotten = gateway.cache.invalidate(cacheKey)
  gateway.uncacheable.forget(cacheKey)
  for (const name of Object.values(flightName)) gateway.opening.detach(name(cacheKey))
  await forgotten
}
