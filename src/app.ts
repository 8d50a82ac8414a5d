import { startAdmin, type AdminServer } from './admin/admin.ts'
import { systemClock } from './base/clock.ts'
import type { Config, HostPort, LinkConfig } from './config/config.ts'
import { readLiveness } from './signals/registry-reader.ts'
import { RegistryWriter } from './signals/registry-writer.ts'
import { allocateRegistry, renderMetrics } from './signals/registry.ts'
import { SystemSampler } from './signals/system-sampler.ts'
import { VERSION } from './version.ts'
import { WorkerFleet } from './worker-fleet.ts'

/** A hotbucket that serves. */
export interface RunningServer {
  readonly listen: HostPort
  readonly admin: HostPort
  /** Each thread's metrics. */
  readonly metrics: readonly SharedArrayBuffer[]
  /** Resolves with what happened if a worker dies by itself: the process should end then. */
  readonly died: Promise<Error>
  /** Changes the simulated link in front of the named origin. */
  setLink(origin: string, link: LinkConfig): void
  /** Stops accepting, lets requests in flight finish within the configured time, then ends everything. */
  close(): Promise<void>
}

/**
 * Starts the supervisor's side: the data workers, the admin listener, and what runs between them. Start order: workers, admin;
 * stop order: readiness off, workers drained, workers closed, admin.
 */
export async function startServer(config: Config): Promise<RunningServer> {
  const fleet = new WorkerFleet(config)
  const own = allocateRegistry()
  const writer = new RegistryWriter(own, 'main')
  const ready = writer.gauge('ready', {})
  const sampler = new SystemSampler({ writer, clock: systemClock, scope: 'process' })
  const metrics = [own, ...fleet.workers.map((worker) => worker.metrics)]
  let listen: HostPort
  let admin: AdminServer
  let draining = false
  try {
    listen = await fleet.listen(config.listen)
    admin = await startAdmin({
      host: config.admin.host,
      port: config.admin.port,
      token: config.adminToken,
      version: VERSION,
      renderMetrics: () => renderMetrics(metrics, { version: VERSION }),
      liveness: () => readLiveness(metrics, systemClock.nowMs()),
      readiness: () => ({ ready: !draining, reasons: draining ? ['draining: the process was told to stop'] : [] }),
      threads: fleet.workers.map((worker) => worker.name),
      profile: async (what, seconds, thread) => fleet.profile(what, seconds, thread),
    })
  } catch (error) {
    await fleet.terminate()
    throw error
  }
  sampler.start()
  ready.set(1)
  return {
    listen,
    admin: { host: admin.host, port: admin.port },
    metrics,
    died: fleet.died,
    setLink: (origin, link) => fleet.order({ kind: 'set-link', origin, link }),
    close: async () => {
      draining = true
      ready.set(0)
      await fleet.close(config.limits.drainTimeoutMs)
      sampler.close()
      await admin.close()
    },
  }
}
