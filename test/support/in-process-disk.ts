import type { Clock } from '../../src/base/clock.ts'
import type { Cache } from '../../src/cache/cache.ts'
import { FaultyFiles } from '../../src/cache/disk/testing/faulty-files.ts'
import { ScriptedProcesses } from '../../src/cache/disk/testing/disk-harness.ts'
import { DiskKeeper } from '../../src/disk-keeper.ts'
import type { SharedDisk, SharedState } from '../../src/shared-state.ts'
import { WorkerDisk } from '../../src/worker-disk.ts'

const MIB = 1024 * 1024

export interface DiskOptions {
  readonly directory: string
  readonly capBytes?: number
  /** Default: as much as the cap. */
  readonly dailyWriteBytes?: number
  readonly key?: string
  readonly files?: FaultyFiles
  /** Which start of the machine it is: another one than before was a power cut. */
  readonly bootId?: string
}

/** A disk cache for proxies in this process. */
export interface InProcessDisk {
  readonly shared: SharedDisk
  readonly keepEpoch: (place: number, epoch: number) => Promise<void>
  readonly keeper: DiskKeeper
  attach(caches: readonly Cache[], shared: SharedState): Promise<void>
  tick(): Promise<void>
  close(sound: boolean): Promise<void>
  kill(): Promise<void>
}

let nextPid = 50_000

export async function openInProcessDisk(options: DiskOptions, workers: number, clock: Clock): Promise<InProcessDisk> {
  const { directory, capBytes = 64 * MIB, files = new FaultyFiles(), key, bootId } = options
  const config = {
    directory,
    maxBytes: capBytes,
    reserveBytes: 0,
    dailyWriteBytes: options.dailyWriteBytes,
    indexBytes: 16 * MIB,
    key,
  }
  const parts = { files, processes: new ScriptedProcesses(nextPid++, bootId), clock, random: Math.random }
  const opened = await DiskKeeper.open(config, workers, parts)
  if (opened.kind !== 'open') throw new Error(opened.why)
  const { keeper } = opened
  const { geometry, nameSeed } = keeper.start.figures
  let disks: WorkerDisk[] = []
  let tiers: Cache[] = []
  const ownersOf = (shared: SharedState): number => shared.cache.layout.owners
  return {
    shared: { shards: geometry.shards, seed: nameSeed, epochs: keeper.epochs },
    keeper,
    keepEpoch: async (place, epoch) => disks[0]?.keepEpoch(place, epoch),
    attach: async (caches, shared) => {
      tiers = [...caches]
      disks = caches.map(
        (_, worker) =>
          new WorkerDisk(keeper.start, {
            files,
            clock,
            random: Math.random,
            worker,
            owners: ownersOf(shared),
            onUnwritten: () => void keeper.spoil(),
            onFault: (what, error) => {
              throw new Error(what, { cause: error })
            },
            readTook: () => undefined,
            originMedianMs: () => undefined,
          }),
      )
      await Promise.all(disks.map(async (disk, worker) => disk.attach(itemAt(caches, worker))))
    },
    tick: async () => {
      for (const cache of tiers) await cache.disk?.tick()
    },
    close: async (sound) => {
      for (const disk of disks) {
        disk.stop()
        await disk.close()
      }
      await keeper.close(sound)
    },
    kill: async () => {
      for (const disk of disks) disk.stop()
      keeper.abandon()
      files.isCrashed = true
      await files.closeAll()
    },
  }
}

function itemAt<Item>(items: readonly Item[], at: number): Item {
  const item = items[at]
  if (item === undefined) throw new Error('one cache for each worker')
  return item
}
