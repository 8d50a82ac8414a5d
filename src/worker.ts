import { parentPort, type MessagePort } from 'node:worker_threads'
import { systemClock } from './base/clock.ts'
import { secretsOf, type Config } from './config/config.ts'
import { createDataPlane, type DataPlane } from './data-plane.ts'
import { diskGauges } from './disk-gauges.ts'
import { engineGauges } from './engine-gauges.ts'
import type { RefusalReason } from './http/refusal.ts'
import { createLog, type Log } from './signals/log.ts'
import { RegistryWriter } from './signals/registry-writer.ts'
import { Settler } from './signals/settle.ts'
import { SystemSampler } from './signals/system-sampler.ts'
import { collectStartGarbage } from './start-garbage.ts'
import type { WorkerMessage, WorkerOrder, WorkerReport, WorkerStart } from './worker-protocol.ts'

const PUBLISH_INTERVAL_MS = 1000

/** A data worker: the data plane and its signals, ready for orders. */
async function createDataWorker(port: MessagePort, start: WorkerStart): Promise<Obedient> {
  const { config } = start
  const report = (what: WorkerReport): void => port.postMessage(what)
  const writer = new RegistryWriter(start.metrics, start.name)
  const log = openLog(config, start.name, writer)
  const settler = new Settler({ writer, log, prices: config.prices, clock: systemClock })
  const plane = await createDataPlane(config, {
    clock: systemClock,
    writer,
    worker: start.worker,
    workers: start.workers,
    peers: start.peers,
    shared: start.shared,
    disk: start.disk,
    onDiskUnwritten: () => report({ kind: 'disk-unwritten' }),
    settle: (record) => settler.settle(record),
    onRefused: (reason: RefusalReason) => writer.counter('httpRefusals', { reason }).add(1),
    onFault: (what, error) => log.error(what, { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  })
  const publish = publisher(writer, plane, start.worker)
  publish()
  const timer = setInterval(publish, PUBLISH_INTERVAL_MS)
  const sampler = new SystemSampler({ writer, clock: systemClock, scope: 'thread' })
  sampler.start()
  const close = async (): Promise<void> => {
    report({ kind: 'disk-closed', sound: await plane.close() })
    clearInterval(timer)
    publish()
    sampler.close()
    await log.close()
    port.close()
  }
  collectStartGarbage(() => plane.server.stats().requestsTotal)
  return { plane, publish, report, close }
}

/** What this worker's engines tell of themselves, every time that it is called. */
function publisher(writer: RegistryWriter, plane: DataPlane, worker: number): () => void {
  const { disk } = plane
  const tier = plane.cache.disk
  const engine = engineGauges(writer, plane)
  if (disk === undefined || tier === undefined) return engine
  const onDisk = diskGauges(writer, { tier, capBytes: disk.capBytes, unusableShards: () => disk.unusableShards }, worker)
  return () => {
    engine()
    onDisk()
  }
}

function openLog(config: Config, thread: string, writer: RegistryWriter): Log {
  const dropped = writer.counter('logLinesDropped', {})
  const { level, requests } = config.log
  return createLog({ level, requests, secrets: secretsOf(config), thread, onDrop: (lines) => dropped.add(lines) })
}

/** What orders work on. */
interface Obedient {
  readonly plane: DataPlane
  readonly publish: () => void
  readonly report: (what: WorkerReport) => void
  readonly close: () => Promise<void>
}

function obey(order: WorkerOrder, worker: Obedient): void {
  switch (order.kind) {
    case 'listen':
      void answerListen(worker, order)
      return
    case 'set-link':
      worker.plane.setLink(order.origin, order.link)
      return
    case 'profile':
      void answerProfile(worker, order)
      return
    case 'drain':
      void answerDrain(worker, order)
      return
    case 'close':
      void worker.close()
      return
  }
}

type OrderOf<K extends WorkerOrder['kind']> = Extract<WorkerOrder, { kind: K }>

async function answerListen({ plane, publish, report }: Obedient, order: OrderOf<'listen'>): Promise<void> {
  try {
    const at = await plane.listen(order.at)
    publish()
    report({ kind: 'listening', at })
  } catch (error) {
    report({ kind: 'cannot-listen', message: messageOf(error) })
  }
}

async function answerDrain({ plane, report }: Obedient, order: OrderOf<'drain'>): Promise<void> {
  await plane.drain(order.timeoutMs)
  report({ kind: 'drained' })
}

/** The profiler is loaded when the first profile is wanted: most threads never take one. */
async function answerProfile({ report }: Obedient, order: OrderOf<'profile'>): Promise<void> {
  const { id } = order
  try {
    const { ThreadProfiler } = await import('./signals/profile.ts')
    report({ kind: 'profile', id, profile: await new ThreadProfiler().take(order.what, order.seconds) })
  } catch (error) {
    report({ kind: 'profile-failed', id, message: messageOf(error) })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

if (parentPort === null) throw new Error('Cannot run a data worker by itself: wanted a worker thread of hotbucket')
const port = parentPort
let worker: Promise<Obedient> | undefined = undefined
port.on('message', (message: WorkerMessage) => {
  if (message.kind === 'start') worker = createDataWorker(port, message.start)
  else void worker?.then((obedient) => obey(message, obedient))
})
