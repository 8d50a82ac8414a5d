import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { Agent, request } from 'undici'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { readLiveness, readRegistries } from './signals/registry-reader.ts'
import { WorkerFleet } from './worker-fleet.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** Two workers over a directory that holds `bucket/key`. */
async function configOf(context: TestContext): Promise<Config> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hotbucket-fleet-'))
  context.after(async () => rm(directory, { recursive: true }))
  await mkdir(path.join(directory, 'bucket'))
  await writeFile(path.join(directory, 'bucket', 'key'), 'hello')
  const flags = { listen: '127.0.0.1:0', origin: directory, anonymous: 'true', memory: '32MiB' }
  const loaded = loadConfig({ file: undefined, flags, env: {}, directory, machine: { memoryBytes: 2 ** 40, cores: 2, sharesPorts: true } })
  assert.ok(loaded.ok)
  return { ...loaded.config, workers: 2, log: { level: 'silent', requests: false }, limits: { ...loaded.config.limits, connections: 40 } }
}

async function fleetFor(context: TestContext, change: (config: Config) => Config = (config) => config): Promise<WorkerFleet> {
  const fleet = new WorkerFleet(change(await configOf(context)))
  context.after(async () => fleet.terminate())
  return fleet
}

/** Asks once over each of `count` connections, all open at the same time; gives how many were answered. */
async function askOverEach(port: number, count: number): Promise<number> {
  const agents = Array.from({ length: count }, () => new Agent({ connections: 1, keepAliveTimeout: 60_000 }))
  try {
    const statuses = await Promise.all(
      agents.map(async (dispatcher) => {
        const response = await request(`http://127.0.0.1:${port}/bucket/key`, { method: 'HEAD', dispatcher, reset: false }).catch(
          () => undefined,
        )
        return response?.headers['content-length'] === '5'
      }),
    )
    return statuses.filter(Boolean).length
  } finally {
    await Promise.all(agents.map(async (agent) => agent.destroy()))
  }
}

/** A counter's value, summed over its series and the given threads. */
function sumOf(buffers: readonly SharedArrayBuffer[], name: 'requests' | 'httpRefusals'): number {
  return (readRegistries(buffers).get(name) ?? []).reduce((sum, series) => sum + series.value, 0)
}

test('workers share one port and its connections, and each counts its own requests', async (t) => {
  const fleet = await fleetFor(t)
  const { port } = await fleet.listen(LOOPBACK)
  assert.equal(await askOverEach(port, 40), 40)
  await fleet.close(1000)
  const buffers = fleet.workers.map((worker) => worker.metrics)
  const each = buffers.map((buffer) => sumOf([buffer], 'requests'))
  assert.ok(
    each.every((count) => count >= 5),
    `each worker got a fair part: ${each.join(', ')}`,
  )
  assert.equal(sumOf(buffers, 'requests'), 40)
  assert.deepEqual(readLiveness(buffers, Date.now()), { live: true, reasons: [] })
})

test('the limit of connections counts for all workers together', async (t) => {
  const fleet = await fleetFor(t)
  const { port } = await fleet.listen(LOOPBACK)
  assert.equal(await askOverEach(port, 60), 40)
  await fleet.close(1000)
  assert.equal(
    sumOf(
      fleet.workers.map((worker) => worker.metrics),
      'httpRefusals',
    ),
    20,
  )
})

test('listen() rejects where somebody listens there already, also another fleet', async (t) => {
  const taken = createServer().listen(LOOPBACK)
  await new Promise((resolve) => taken.once('listening', resolve))
  t.after(() => taken.close())
  const address = taken.address()
  assert.ok(typeof address === 'object' && address !== null)
  const fleet = await fleetFor(t)
  await assert.rejects(fleet.listen({ host: '127.0.0.1', port: address.port }), /Cannot listen on "127.0.0.1:\d+": .*EADDRINUSE/)
  const { port } = await fleet.listen(LOOPBACK)
  const second = await fleetFor(t)
  await assert.rejects(second.listen({ host: '127.0.0.1', port }), /EADDRINUSE/)
})

test('a profile has the samples of every worker, or of the one that is named', async (t) => {
  const fleet = await fleetFor(t)
  const bytes = await Promise.all([fleet.profile('heap', 0.01, undefined), fleet.profile('cpu', 0.01, 'data-1')])
  for (const profile of bytes) assert.deepEqual([...profile.subarray(0, 2)], [0x1f, 0x8b])
})

test('died resolves with which worker ended and why; it cannot listen any more, and the fleet can still be closed', async (t) => {
  // What no configuration that was checked can hold: the threads fail while they start.
  const fleet = await fleetFor(t, (config) => ({
    ...config,
    origins: config.origins.map((origin) => ({ ...origin, kind: 's3', url: 'none' }) as never),
  }))
  assert.match((await fleet.died).message, /^data-[01]: /)
  await assert.rejects(fleet.listen(LOOPBACK), /^Error: data-[01]: /)
  await fleet.close(60_000)
})
