import type { Clock } from '../base/clock.ts'
import type { OriginConfig } from '../config/config.ts'
import { DirectoryOrigin } from './directory-origin.ts'
import type { Origin } from './origin.ts'
import { S3Origin } from './s3-origin.ts'
import { SlowOrigin } from './slow-origin.ts'

/**
 * Builds the origin that a configuration names; a directory with a `link` sits behind a SlowOrigin. Nothing is contacted or
 * looked for before the first request; only a CA file is read, and what it fails with is thrown.
 */
export function createOrigin(config: OriginConfig, parts: { readonly clock: Clock }): Origin {
  if (config.kind === 's3') return new S3Origin(config, parts)
  const origin = new DirectoryOrigin(config, parts)
  return config.link === undefined ? origin : new SlowOrigin(origin, config.link, parts.clock)
}
