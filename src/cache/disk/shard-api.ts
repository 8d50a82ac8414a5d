import type { Clock } from '../../base/clock.ts'
import type { NameHash } from '../name-hash.ts'
import type { DiskFiles } from './disk-files.ts'
import type { DiskGeometry } from './disk-geometry.ts'
import type { DiskState, DiskTrouble } from './disk-health.ts'
import type { DirectoryCipher } from './record-cipher.ts'
import type { DiskCounters } from './shard-context.ts'

/** What all shards of a directory have in common: plain values. */
export interface DirectoryFigures {
  readonly geometry: DiskGeometry
  /** Of the whole directory. */
  readonly capBytes: number
  readonly reserveFreeBytes: number
  /** Of all shards, written per day, once the disk is full, without further reason. */
  readonly dailyWriteBytes: number
  readonly checksumSeed: number
  readonly nameSeed: NameHash
}

export interface DiskShardOptions extends DirectoryFigures {
  readonly files: DiskFiles
  /** Of this shard alone; made where it is absent. */
  readonly directory: string
  readonly shard: number
  readonly indexBytesMax: number
  readonly cipher: DirectoryCipher | undefined
  /** Invalidations of the last session may be lost: ask the origin about every head from before. */
  readonly unproven: boolean
  readonly clock: Clock
  readonly random: () => number
  /** False once the directory is gone or another one stands in its place. */
  readonly isOurs: () => Promise<boolean>
  /** Told how long a read of the disk took. */
  readonly readTook?: ((tookMs: number) => void) | undefined
  /** An invalidation could not be written: if this process ends now, nothing on disk is proven. */
  readonly onUnwritten: () => void
}

/** What became of a record that was offered. */
export type PutResult = 'stored' | 'present' | 'not-admitted' | 'too-large' | 'busy' | 'no-room' | 'not-latin1' | 'unavailable'

/** What a shard tells of itself. Counts are since it was opened. */
export interface DiskShardStats extends DiskCounters {
  readonly state: DiskState
  readonly trouble: DiskTrouble
  readonly entries: number
  readonly indexBytes: number
  readonly bufferBytes: number
  readonly segments: number
  readonly segmentsMax: number
  /** What the file system says that segments took when they were last looked at. */
  readonly allocatedBytes: number
  readonly tombstones: number
  readonly put: Readonly<Record<PutResult, number>>
  /** Gauges of held things. */
  readonly pins: number
  readonly descriptors: number
}
