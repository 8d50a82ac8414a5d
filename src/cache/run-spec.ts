import type { ByteSource } from '../base/byte-source.ts'
import type { FetchRange, HeadInfo, ObjectVersion } from './api.ts'
import type { BlocksOnDisk } from './disk-tier.ts'

/** What a run is to bring. */
export interface RunSpec {
  readonly version: ObjectVersion
  readonly start: number
  /** A block's end or the object's end. */
  readonly end: number
  readonly generation: number
  readonly fetch: FetchRange
  /** Its first blocks, or all, are to be read from there. Then it begins with a block. */
  readonly disk?: BlocksOnDisk
  /** The body of an answer that is here already, and the head that came with it. */
  readonly adopted?: { readonly info: HeadInfo; readonly body: ByteSource }
}
