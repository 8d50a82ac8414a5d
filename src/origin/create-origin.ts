import type { Clock } from '../base/clock.ts'
import type { OriginConfig } from '../config/config.ts'
import type { Origin } from './origin.ts'

/**
 * Builds the origin that a configuration names; a directory with a `link` sits behind a SlowOrigin. Nothing is contacted or
 * looked for before the first request; only a CA file is read, and what it fails with is thrown. Of the kinds of origins only those that are
 * used are loaded: each takes several MiB in every worker.
 */
export async function createOrigin(config: OriginConfig, parts: { readonly clock: Clock }): Promise<Origin> {
  if (config.kind === 's3') {
    const { S3Origin } = await import('./s3-origin.ts')
    return new S3Origin(config, parts)
  }
  const { DirectoryOrigin } = await import('./directory-origin.ts')
  const origin = new DirectoryOrigin(config, parts)
  if (config.link === undefined) return origin
  const { SlowOrigin } = await import('./slow-origin.ts')
  return new SlowOrigin(origin, config.link, parts.clock)
}
