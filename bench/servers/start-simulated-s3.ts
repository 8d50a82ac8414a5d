import { fileURLToPath } from 'node:url'

import type { LinkConfig } from '../../src/config/config.ts'
import { benchServer, freePort, startPinned, type BenchServer } from './server.ts'

const SCRIPT = fileURLToPath(new URL('./simulated-s3.ts', import.meta.url))

/** Starts the plain server of generated objects; without a link it answers as fast as it can. */
export async function startSimulatedS3(cpus: string, link: LinkConfig | undefined): Promise<BenchServer> {
  const port = await freePort()
  const given = link === undefined ? [] : [`${link.latencyMs}`, `${link.bytesPerSecond}`]
  const child = await startPinned({ command: [process.execPath, SCRIPT, `${port}`, ...given], cpus }, port)
  return benchServer('direct', child, { port })
}
