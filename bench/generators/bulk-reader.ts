/**
 * A load generator for large bodies: closed-loop GETs over keep-alive connections that all read into one large buffer. Run as a
 * process of its own (`node bulk-reader.ts plan.json`, a LoadPlan); prints one LoadResult as JSON.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

import { LatencyHistogram } from './latency-histogram.ts'
import type { LoadPlan, LoadResult } from './load-plan.ts'
import { readPlan } from './plan-file.ts'
import { ResponseScanner } from './response-scanner.ts'

/** More does not fit a core's cache beside the rest; less costs more calls. */
const READ_BYTES = 256 * 1024

interface Totals {
  bytes: number
  errors: number
  readonly latencies: LatencyHistogram
}

/** Runs the plan; resolves when every connection had the answer that it was waiting for when time was up. */
async function run(plan: LoadPlan): Promise<LoadResult> {
  const totals: Totals = { bytes: 0, errors: 0, latencies: new LatencyHistogram() }
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  const requests = plan.requests.map((request) => Buffer.from(request, 'latin1'))
  const startedMs = performance.now()
  const stopMs = startedMs + plan.seconds * 1000
  // Connections start at different objects, or they would all ask for the same one at the same time for ever.
  const lanes = Array.from({ length: plan.connections }, (_, lane) => {
    let position = Math.floor((lane * requests.length) / plan.connections)
    const nextRequest = (): Buffer | undefined => (performance.now() < stopMs ? requests[position++ % requests.length] : undefined)
    return readInTurn({ plan, nextRequest, totals, buffer })
  })
  await Promise.all(lanes)
  return {
    requests: totals.latencies.count,
    seconds: (performance.now() - startedMs) / 1000,
    bytes: totals.bytes,
    errors: totals.errors,
    p50Us: totals.latencies.quantileUs(0.5),
    p99Us: totals.latencies.quantileUs(0.99),
  }
}

interface Lane {
  readonly plan: LoadPlan
  readonly nextRequest: () => Buffer | undefined
  readonly totals: Totals
  readonly buffer: Buffer
}

/** One connection. Anything that is not the expected 200 is an error and ends it: a benchmark with errors is void anyway. */
function readInTurn({ plan, nextRequest, totals, buffer }: Lane): Promise<void> {
  return new Promise((resolve) => {
    const scanner = new ResponseScanner(plan.bodyBytes)
    let askedMs = 0
    const ask = (): void => {
      const request = nextRequest()
      askedMs = performance.now()
      if (request === undefined) socket.destroy()
      else socket.write(request)
    }
    const onBytes = (count: number): boolean => {
      totals.bytes += count
      const ended = scanner.feed(buffer, count)
      if (scanner.failed || ended > 1) {
        totals.errors++
        socket.destroy()
      } else if (ended === 1) {
        totals.latencies.record((performance.now() - askedMs) * 1000)
        ask()
      }
      return true
    }
    const socket: Socket = connect({ host: plan.host, port: plan.port, onread: { buffer, callback: onBytes } })
    socket.setNoDelay(true)
    socket.on('connect', ask)
    socket.on('error', () => totals.errors++)
    // The server ended it: without this the lane would count as having finished its last request.
    socket.on('end', () => totals.errors++)
    socket.on('close', () => resolve())
  })
}

process.stdout.write(`${JSON.stringify(await run(readPlan<LoadPlan>()))}\n`)
