import { createServer } from 'node:net'
import type { Worker } from 'node:worker_threads'
import type { Config, HostPort } from './config/config.ts'
import { formatHostPort } from './config/option-text.ts'
import type { DiskKeeper } from './disk-keeper.ts'
import { DataWorker } from './data-worker.ts'
import { connectPairs } from './peer-link.ts'
import { allocateShared } from './shared-state.ts'
import type { ProfileKind } from './signals/profile.ts'
import type { WorkerOrder } from './worker-protocol.ts'

/** Without one of the workers nothing that it owned can be read: others get this long to end what they can. */
const DEATH_DRAIN_MS = 2000

/** All data workers. */
export class WorkerFleet {
  readonly workers: readonly DataWorker[]
  /** Resolves with the first death that nobody ordered. */
  readonly died: Promise<Error>
  #oneIsDead = false

  /** `ahead`: a thread for the first worker. */
  constructor(config: Config, disk?: DiskKeeper, ahead?: Worker) {
    const count = config.workers
    const peers = connectPairs(count)
    const sharedDisk =
      disk === undefined
        ? undefined
        : { shards: disk.start.figures.geometry.shards, seed: disk.start.figures.nameSeed, epochs: disk.epochs }
    const shared = allocateShared({ memoryBytes: config.memoryBytes, workers: count, disk: sharedDisk })
    const common = { config, workers: count, shared, disk: disk?.start, onDiskUnwritten: () => void disk?.spoil() }
    this.workers = Array.from({ length: count }, (_, worker) => {
      const thread = worker === 0 ? ahead : undefined
      return new DataWorker({ ...common, worker, peers: peers[worker] ?? [], thread })
    })
    this.died = Promise.race(this.workers.map(async (worker) => worker.died))
    void this.died.then(() => (this.#oneIsDead = true))
  }

  /** All accept connections on one port when this resolves; the first one finds it where it is 0. */
  async listen(at: HostPort): Promise<HostPort> {
    const [first, ...others] = this.workers
    if (first === undefined) throw new Error('Cannot listen without a data worker')
    if (others.length > 0) await assertFree(at)
    const bound = await first.listen(at)
    await Promise.all(others.map(async (worker) => worker.listen({ host: at.host, port: bound.port })))
    return bound
  }

  order(order: WorkerOrder): void {
    for (const worker of this.workers) worker.order(order)
  }

  /** Profiles the named workers, or all, at the same time. */
  async profile(what: ProfileKind, seconds: number, thread: string | undefined): Promise<Uint8Array> {
    const wanted = this.workers.filter(({ name }) => thread === undefined || name === thread)
    const profiles = await Promise.all(wanted.map(async (worker) => ({ name: worker.name, profile: await worker.profile(what, seconds) })))
    const { encodeProfile } = await import('./signals/encode-profile.ts')
    return encodeProfile(what, profiles)
  }

  /**
   * Two phases, because a request on one worker may need what another owns: all drain, then all close. True: the disk cache is whole, and would
   * survive a power cut. Undefined: a worker died, and its part was not closed.
   */
  async close(drainTimeoutMs: number): Promise<boolean | undefined> {
    const timeoutMs = this.#oneIsDead ? Math.min(drainTimeoutMs, DEATH_DRAIN_MS) : drainTimeoutMs
    await Promise.all(this.workers.map(async (worker) => worker.drain(timeoutMs)))
    const sound = await Promise.all(this.workers.map(async (worker) => worker.close()))
    return this.#oneIsDead ? undefined : sound.every((one) => one)
  }

  async terminate(): Promise<void> {
    await Promise.all(this.workers.map(async (worker) => worker.terminate()))
  }
}

/**
 * Rejects where somebody listens there already. Workers share their port by SO_REUSEPORT, with which the kernel would let a second
 * hotbucket of the same user share it too, and give it half of the clients.
 */
async function assertFree(at: HostPort): Promise<void> {
  if (at.port === 0) return
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error) => reject(new Error(`Cannot listen on "${formatHostPort(at)}": ${error.message}`, { cause: error })))
    probe.listen({ host: at.host, port: at.port, exclusive: true }, resolve)
  })
  await new Promise((resolve) => probe.close(resolve))
}
