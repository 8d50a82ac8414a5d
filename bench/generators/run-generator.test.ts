import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { holdConnections, runLoad, runOpenLoop, runReadOnce, type GeneratorPlace } from './run-generator.ts'

const BODY = Buffer.alloc(1000, 'x')

interface Target {
  readonly host: string
  readonly port: number
  readonly place: GeneratorPlace
  readonly connections: () => Promise<number>
}

/** A server and a directory that end with the test. */
async function startTarget(context: TestContext, listener: RequestListener): Promise<Target> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const workDirectory = await mkdtemp(join(tmpdir(), 'hotbucket-generators-'))
  context.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(workDirectory, { recursive: true })
  })
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    place: { cpus: allowedCpus(), workDirectory },
    connections: () =>
      new Promise((resolve, reject) => server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))),
  }
}

/** The cores that this process may use, in the form that taskset takes. */
function allowedCpus(): string {
  return /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'
}

const requests = ['GET /a HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /b HTTP/1.1\r\nHost: x\r\n\r\n']

test('read-once reads every object once, whatever the number of connections', async (context) => {
  const asked: string[] = []
  const { host, port, place } = await startTarget(context, (request, response) => {
    asked.push(request.url ?? '')
    response.end(BODY)
  })
  const numbered = { before: 'GET /o/', after: ' HTTP/1.1\r\nHost: x\r\n\r\n', count: 25 }
  const result = await runReadOnce({ host, port, requests: numbered, bodyBytes: BODY.length, connections: 4 }, place)
  assert.equal(result.requests, 25)
  assert.equal(result.errors, 0)
  assert.equal(result.bytes, 25 * BODY.length)
  assert.deepEqual(asked.toSorted(), Array.from({ length: 25 }, (_, i) => `/o/${i}`).toSorted())
})

test('read-once and bulk-reader count an answer that is no 200 as an error', async (context) => {
  const { host, port, place } = await startTarget(context, (_, response) =>
    response.writeHead(403, { 'content-length': BODY.length }).end(BODY),
  )
  const shape = { host, port, requests, bodyBytes: BODY.length, connections: 1 }
  assert.equal((await runReadOnce(shape, place)).errors, 1)
  const load = { ...shape, generator: 'bulk-reader', tls: false, threads: 1, seconds: 1 } as const
  assert.equal((await runLoad(load, place)).errors, 1)
})

test('an open loop sends as many requests as rate and time say', async (context) => {
  const { host, port, place } = await startTarget(context, (_, response) => response.end(BODY))
  const plan = { host, port, requests, bodyBytes: BODY.length, connections: 4, requestsPerSecond: 100, seconds: 1, warmUpSeconds: 0.5 }
  const result = await runOpenLoop(plan, place)
  assert.equal(result.requests, 100)
  assert.equal(result.errors, 0)
})

test('an open loop counts the wait behind a stalled answer as latency of those that wait', async (context) => {
  const stallMs = 500
  let first = true
  const { host, port, place } = await startTarget(context, (_, response) => {
    if (first) setTimeout(() => response.end(BODY), stallMs)
    else response.end(BODY)
    first = false
  })
  // Due every 10 ms on one connection: the last one at 190 ms cannot be answered before 500 ms.
  const plan = { host, port, requests, bodyBytes: BODY.length, connections: 1, requestsPerSecond: 100, seconds: 0.2, warmUpSeconds: 0 }
  const result = await runOpenLoop(plan, place)
  assert.equal(result.requests, 20)
  assert.equal(result.waited, 19)
  assert.ok(result.p50Us > 300_000, `p50 of ${result.p50Us} µs`)
})

test('held connections stay open until they are stopped', async (context) => {
  const { host, port, place, connections } = await startTarget(context, (_, response) => response.end(BODY))
  const plan = { host, port, requests, bodyBytes: BODY.length, connections: 20, kind: 'idle', renewSeconds: 0 } as const
  const held = await holdConnections(plan, place)
  assert.equal(await connections(), 20)
  await held.stop()
})

test('connections that are refused are no held connections', async (context) => {
  const { host, port, place } = await startTarget(context, (_, response) => response.writeHead(503).end())
  const plan = { host, port, requests, bodyBytes: BODY.length, connections: 1, kind: 'idle', renewSeconds: 0 } as const
  await assert.rejects(holdConnections(plan, place), /Cannot hold 1 connections: .*refused/s)
})
