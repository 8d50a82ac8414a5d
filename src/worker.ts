import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from './base/clock.ts'
import { startDataPlane } from './data-plane.ts'
import type { WorkerOrder, WorkerReport, WorkerStart } from './worker-protocol.ts'

/** The data worker's thread: the data plane, and obedience to the supervisor. */
async function run(): Promise<void> {
  const port = parentPort
  if (port === null) throw new Error('Cannot run a data worker by itself: wanted a worker thread of hotbucket')
  const { config } = workerData as WorkerStart
  const report = (message: WorkerReport): void => port.postMessage(message)
  const plane = await startDataPlane(config, { clock: systemClock, settle: () => undefined, onRefused: () => undefined })
  port.on('message', (order: WorkerOrder) => {
    if (order.kind === 'set-link') plane.setLink(order.origin, order.link)
  })
  report({ kind: 'listening', at: plane.at })
}

await run()
