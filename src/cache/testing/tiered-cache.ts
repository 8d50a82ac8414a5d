import { ManualClock } from '../../base/clock.ts'
import type { CachedHead, HeadInfo } from '../api.ts'
import type { Cache } from '../cache.ts'
import { openSession, type DiskSession, type SessionOptions } from '../disk/testing/disk-harness.ts'
import type { Recalled } from '../head-recall.ts'
import { newCache } from './cache-harness.ts'

const MiB = 1024 * 1024

/** For tests: one process's cache with a disk below it. */
export interface TieredCache {
  readonly cache: Cache
  readonly session: DiskSession
  /** What was put is on disk when this resolves. */
  readonly flush: () => Promise<void>
  /** Ends it as a process that was told to end does. */
  readonly close: () => Promise<void>
}

/** For tests: a cache as the next process to open this directory has it; whoever held it before counts as killed. */
export async function openTiered(path: string, options: SessionOptions & { readonly memoryBytes?: number } = {}): Promise<TieredCache> {
  const { clock = new ManualClock(1_700_000_000_000), memoryBytes = 32 * MiB } = options
  const session = await openSession(path, { ...options, clock })
  const cache = newCache({ memoryBytes, clock, disk: { shards: 1, seed: session.directory.nameSeed } })
  cache.disk?.attach([{ part: 0, shard: session.shard }])
  return {
    cache,
    session,
    flush: async () => session.shard.tick(),
    close: async () => session.directory.close(await cache.close()),
  }
}

/** For tests: looks an object up as the gateway does, in memory and then on disk. */
export async function findHead(
  cache: Cache,
  key: string,
): Promise<{ readonly head: HeadInfo | undefined; readonly recalled: Recalled | undefined }> {
  const inMemory = detach(cache.lookupHead(key))
  if (inMemory !== undefined) return { head: inMemory, recalled: undefined }
  const recalled = await cache.recall(key)
  return { head: detach(cache.lookupHead(key)), recalled }
}

function detach(head: CachedHead | undefined): HeadInfo | undefined {
  const info = head?.detached()
  head?.release()
  return info
}
