import { createCacheShare, type CacheShare } from './cache/share.ts'
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

export function allocateShared(options: { readonly memoryBytes: number; readonly workers: number }): SharedState {
  return { connections: ConnectionSlots.allocate(), epochs: BucketEpochs.allocate(), cache: createCacheShare(options) }
}
