import { createCacheShare, type CacheShare } from './cache/share.ts'
import type { NameHash } from './cache/name-hash.ts'
import { BucketEpochs } from './gateway/bucket-epochs.ts'
import { ConnectionSlots } from './http/connection-slots.ts'

/** What all workers have in common: memory that each of them reads and writes. Made once by the supervisor, posted as it is. */
export interface SharedState {
  /** Client connections: see ConnectionSlots. */
  readonly connections: SharedArrayBuffer
  /** See BucketEpochs. */
  readonly epochs: SharedArrayBuffer
  readonly cache: CacheShare
}

/** What a disk cache brings along. */
export interface SharedDisk {
  readonly shards: number
  readonly seed: NameHash
  /** Epochs of earlier sessions. */
  readonly epochs: ReadonlyMap<number, number>
}

export function allocateShared(options: {
  readonly memoryBytes: number
  readonly workers: number
  readonly disk?: SharedDisk | undefined
}): SharedState {
  const epochs = BucketEpochs.allocate(options.disk?.epochs)
  return { connections: ConnectionSlots.allocate(), epochs, cache: createCacheShare(options) }
}
