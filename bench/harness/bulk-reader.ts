/**
 * A load generator for large bodies: closed-loop GETs over keep-alive connections that all read into one large buffer. Run as a
 * process of its own (`node bulk-reader.ts plan.json`, a LoadPlan); prints one LoadResult as JSON.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

import type { LoadPlan, LoadResult } from './load-plan.ts'
import { quantile } from './statistics.ts'

/** More does not fit a core's cache beside the rest; less costs more calls. */
const READ_BYTES = 256 * 1024
const HEAD_END = '\r\n\r\n'

interface Totals {
  bytes: number
  errors: number
  readonly latenciesUs: number[]
}

/** Runs the plan; resolves when every connection had the answer that it was waiting for when time was up. */
async function run(plan: LoadPlan): Promise<LoadResult> {
  const totals: Totals = { bytes: 0, errors: 0, latenciesUs: [] }
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
    requests: totals.latenciesUs.length,
    seconds: (performance.now() - startedMs) / 1000,
    bytes: totals.bytes,
    errors: totals.errors,
    p50Us: quantile(totals.latenciesUs, 0.5) ?? 0,
    p99Us: quantile(totals.latenciesUs, 0.99) ?? 0,
  }
}

interface Lane {
  readonly plan: LoadPlan
  readonly nextRequest: () => Buffer | undefined
  readonly totals: Totals
  readonly buffer: Buffer
}

/** One connection. Anything that is not the expected 200 is an error and ends it: a benchmark with errors is void anyway. */
function readInTurn(lane: Lane): Promise<void> {
  const { plan, totals } = lane
  return new Promise((resolve) => {
    let head = ''
    let bodyLeft: number | undefined
    let askedMs = 0
    const fail = (): void => {
      totals.errors++
      socket.destroy()
    }
    const ask = (): void => {
      const request = lane.nextRequest()
      if (request === undefined) {
        socket.destroy()
        return
      }
      head = ''
      bodyLeft = undefined
      askedMs = performance.now()
      socket.write(request)
    }
    const onBytes = (count: number, bytes: Uint8Array): boolean => {
      totals.bytes += count
      let bodyCount = count
      if (bodyLeft === undefined) {
        const headBefore = head.length
        head += Buffer.from(bytes.buffer, bytes.byteOffset, count).toString('latin1')
        const end = head.indexOf(HEAD_END)
        if (end === -1) return true
        if (!isExpected(head.slice(0, end), plan.bodyBytes)) {
          fail()
          return true
        }
        bodyCount = count - (end + HEAD_END.length - headBefore)
        bodyLeft = plan.bodyBytes
      }
      bodyLeft -= bodyCount
      if (bodyLeft < 0) fail()
      else if (bodyLeft === 0) {
        totals.latenciesUs.push((performance.now() - askedMs) * 1000)
        ask()
      }
      return true
    }
    const socket: Socket = connect({ host: plan.host, port: plan.port, onread: { buffer: lane.buffer, callback: onBytes } })
    socket.setNoDelay(true)
    socket.on('connect', ask)
    socket.on('error', () => totals.errors++)
    // The server ended it: without this the lane would count as having finished its last request.
    socket.on('end', () => totals.errors++)
    socket.on('close', () => resolve())
  })
}

function isExpected(head: string, bodyBytes: number): boolean {
  return head.startsWith('HTTP/1.1 200 ') && new RegExp(String.raw`\r\ncontent-length: *${bodyBytes}(\r\n|$)`, 'i').test(head)
}

const planPath = process.argv[2]
if (planPath === undefined) throw new Error('Cannot run: the path of a plan is wanted')
process.stdout.write(`${JSON.stringify(await run(JSON.parse(readFileSync(planPath, 'utf8')) as LoadPlan))}\n`)
