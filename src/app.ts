import type { AdminServer } from './admin/admin.ts'
import { systemClock } from './base/clock.ts'
import { collectStartGarbage } from './start-garbage.ts'
import type { Config, HostPort, LinkConfig } from './config/config.ts'
import type { OpenedDisk } from './disk-keeper.ts'
import { readDiskState } from './signals/disk-state.ts'
import { readLiveness } from './signals/registry-reader.ts'
import { RegistryWriter } from './signals/registry-writer.ts'
import { allocateRegistry, renderMetrics } from './signals/registry.ts'
import { SystemSampler } from './signals/system-sampler.ts'
import { VERSION } from './version.ts'
import { WorkerFleet } from './worker-fleet.ts'
import type { ThreadAhead } from './worker-thread.ts'

/** A hotbucket that serves. */
export interface RunningServer {
  readonly listen: HostPort
  readonly admin: HostPort
  /** Each thread's metrics. */
  readonly metrics: readonly SharedArrayBuffer[]
  /** Resolves with what happened if a worker dies by itself: the process should end then. */
  readonly died: Promise<Error>
  /** What an operator should know that is no reason not to start. */
  readonly notes: readonly string[]
  /** Changes the simulated link in front of the named origin. */
  setLink(origin: string, link: LinkConfig): void
  /** Stops accepting, lets requests in flight finish within the configured time, then ends everything. */
  close(): Promise<void>
}

/**
 * Starts the supervisor's side: the data workers, the admin listener, and what runs between them. Start order: disk, workers, admin;
 * stop order: readiness off, workers drained, workers closed, disk, admin.
 */
export async function startServer(config: Config, ahead?: ThreadAhead): Promise<RunningServer> {
  const disk = await openDisk(config)
  const keeper = disk?.kind === 'open' ? disk.keeper : undefined
  const fleet = new WorkerFleet(config, keeper, ahead?.take())
  const own = allocateRegistry()
  const writer = new RegistryWriter(own, 'main')
  const ready = writer.gauge('ready', {})
  if (disk?.kind === 'sick') writer.gauge('diskShards', { trouble: 'unusable' }).set(1)
  const sampler = new SystemSampler({ writer, clock: systemClock, scope: 'process' })
  const metrics = [own, ...fleet.workers.map((worker) => worker.metrics)]
  let listen: HostPort
  let admin: AdminServer
  let draining = false
  try {
    // Loaded while workers start.
    const [at, { startAdmin }] = await Promise.all([fleet.listen(config.listen), import('./admin/admin.ts')])
    listen = at
    admin = await startAdmin({
      host: config.admin.host,
      port: config.admin.port,
      token: config.adminToken,
      version: VERSION,
      renderMetrics: () => renderMetrics(metrics, { version: VERSION }),
      liveness: () => readLiveness(metrics, systemClock.nowMs()),
      readiness: () => ({
        ready: !draining,
        reasons: draining ? ['draining: the process was told to stop'] : [],
        disk: disk?.kind === 'sick' ? { state: 'off', trouble: disk.why } : readDiskState(metrics),
      }),
      threads: fleet.workers.map((worker) => worker.name),
      profile: async (what, seconds, thread) => fleet.profile(what, seconds, thread),
    })
  } catch (error) {
    await fleet.terminate()
    keeper?.abandon()
    throw error
  }
  sampler.start()
  ready.set(1)
  collectStartGarbage(() => 0)
  return {
    listen,
    admin: { host: admin.host, port: admin.port },
    metrics,
    notes: disk?.kind === 'sick' ? [`${disk.why}; serving without it`] : [],
    died: fleet.died,
    setLink: (origin, link) => fleet.order({ kind: 'set-link', origin, link }),
    close: async () => {
      draining = true
      ready.set(0)
      const sound = await fleet.close(config.limits.drainTimeoutMs)
      if (sound === undefined) keeper?.abandon()
      else await keeper?.close(sound)
      sampler.close()
      await admin.close()
    },
  }
}

/** Rejects where the directory is not for us. A disk that does not work is gone without. */
async function openDisk(config: Config): Promise<OpenedDisk | undefined> {
  if (config.disk === undefined) return undefined
  // Loaded where there is a disk cache only: a server without one starts the sooner.
  const [{ DiskKeeper }, { nodeDiskFiles }, { machineProcesses }] = await Promise.all([
    import('./disk-keeper.ts'),
    import('./cache/disk/disk-files.ts'),
    import('./cache/disk/process-identity.ts'),
  ])
  const parts = { files: nodeDiskFiles, processes: machineProcesses, clock: systemClock, random: Math.random }
  return DiskKeeper.open(config.disk, config.workers, parts)
}
