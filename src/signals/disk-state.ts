import { DISK_TROUBLES, type DiskTroubleLabel } from './labels.ts'
import { readRegistries } from './registry-reader.ts'

/** What the disk cache does: everything · everything, within limits · only reads · nothing; and why. */
export interface DiskStateReading {
  readonly state: 'on' | 'degraded' | 'read-only' | 'off'
  readonly trouble: string
}

const STATE_OF: Readonly<Record<DiskTroubleLabel, DiskStateReading['state']>> = {
  none: 'on',
  slow: 'degraded',
  'no-space': 'degraded',
  'write-errors': 'read-only',
  'read-only-file-system': 'read-only',
  'read-errors': 'off',
  vanished: 'off',
  closed: 'off',
  unusable: 'off',
}

/** The state of the part of the disk cache that does worst; undefined where there is no disk cache. */
export function readDiskState(registries: readonly SharedArrayBuffer[]): DiskStateReading | undefined {
  const shards = readRegistries(registries).get('diskShards') ?? []
  const worst = DISK_TROUBLES.findLast((trouble) => shards.some(({ labels, value }) => labels['trouble'] === trouble && value > 0))
  return worst === undefined ? undefined : { state: STATE_OF[worst], trouble: worst }
}
