import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { systemClock } from './base/clock.ts'
import { secretsOf, type Config } from './config/config.ts'
import { startDataPlane, type DataPlane } from './data-plane.ts'
import { engineGauges } from './engine-gauges.ts'
import type { RefusalReason } from './http/refusal.ts'
import { createLog, type Log } from './signals/log.ts'
import { ThreadProfiler } from './signals/profile.ts'
import { RegistryWriter } from './signals/registry-writer.ts'
import { Settler } from './signals/settle.ts'
import { SystemSampler } from './signals/system-sampler.ts'
import type { WorkerOrder, WorkerReport, WorkerStart } from './worker-protocol.ts'

const PUBLISH_INTERVAL_MS = 1000

/** A data worker's thread: the data plane, its signals, and obedience to the supervisor. */
async function runDataWorker(port: MessagePort, start: WorkerStart): Promise<void> {
  const { config } = start
  const writer = new RegistryWriter(start.metrics, start.name)
  const log = openLog(config, start.name, writer)
  const settler = new Settler({ writer, log, prices: config.prices, clock: systemClock })
  const plane = await startDataPlane(config, {
    clock: systemClock,
    writer,
    settle: (record) => settler.settle(record),
    onRefused: (reason: RefusalReason) => writer.counter('httpRefusals', { reason }).add(1),
    onFault: (what, error) => log.error(what, { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  })
  const publish = engineGauges(writer, plane.cache, plane.server)
  publish()
  const timer = setInterval(publish, PUBLISH_INTERVAL_MS)
  const sampler = new SystemSampler({ writer, clock: systemClock, scope: 'thread' })
  sampler.start()
  const profiler = new ThreadProfiler()
  const stop = async (): Promise<void> => {
    await plane.close()
    clearInterval(timer)
    publish()
    sampler.close()
    await log.close()
    port.close()
  }
  port.on('message', (order: WorkerOrder) => obey(order, { plane, port, profiler, stop }))
  port.postMessage({ kind: 'listening', at: plane.at } satisfies WorkerReport)
}

function openLog(config: Config, thread: string, writer: RegistryWriter): Log {
  const dropped = writer.counter('logLinesDropped', {})
  const { level, requests } = config.log
  return createLog({ level, requests, secrets: secretsOf(config), thread, onDrop: (lines) => dropped.add(lines) })
}

/** What orders work on. */
interface Obedient {
  readonly plane: DataPlane
  readonly port: MessagePort
  readonly profiler: ThreadProfiler
  readonly stop: () => Promise<void>
}

function obey(order: WorkerOrder, worker: Obedient): void {
  switch (order.kind) {
    case 'drain':
      void worker.stop()
      return
    case 'set-link':
      worker.plane.setLink(order.origin, order.link)
      return
    case 'profile':
      void answerProfile(worker, order)
      return
  }
}

async function answerProfile({ port, profiler }: Obedient, order: Extract<WorkerOrder, { kind: 'profile' }>): Promise<void> {
  try {
    const bytes = await profiler.take(order.what, order.seconds)
    port.postMessage({ kind: 'profile', id: order.id, bytes } satisfies WorkerReport)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    port.postMessage({ kind: 'profile-failed', id: order.id, message } satisfies WorkerReport)
  }
}

if (parentPort === null) throw new Error('Cannot run a data worker by itself: wanted a worker thread of hotbucket')
await runDataWorker(parentPort, workerData as WorkerStart)
