/** The thread that the load runs in; started by zipf-load.ts with LoadSettings, ends by itself when told to stop. */
import { parentPort, workerData } from 'node:worker_threads'

import { systemClock } from '../../base/clock.ts'
import type { LoadOrder, LoadReport, LoadSettings } from './load-protocol.ts'
import { LoadRunner } from './load-runner.ts'

const REPORT_INTERVAL_MS = 250

const runner = new LoadRunner(workerData as LoadSettings, systemClock)
const report = (kind: LoadReport['kind']): void => parentPort?.postMessage({ kind, progress: runner.progress() } satisfies LoadReport)
parentPort?.on('message', (order: LoadOrder) => {
  if (order.kind === 'pause') runner.pause(order.paused)
  else runner.stop()
})
const reporter = setInterval(() => report('progress'), REPORT_INTERVAL_MS)
try {
  await runner.run()
} finally {
  clearInterval(reporter)
  report('done')
  parentPort?.close()
}
