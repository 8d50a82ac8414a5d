/**
 * Opens connections and holds them: idle ones after one answered request, stalled ones that ask and never read. Run as a process
 * (`node hold.ts plan.json`, a HoldPlan); prints a line when all are open, and ends with SIGTERM.
 */
import { connect, type Socket } from 'node:net'

import { HOLD_READY, type HoldPlan } from './hold-plan.ts'
import { readPlan } from './plan-file.ts'
import { ResponseScanner } from './response-scanner.ts'

/** No more are opened at once than a listener's backlog takes. */
const OPENING_MAX = 100
const READ_BYTES = 64 * 1024

const buffer = Buffer.allocUnsafe(READ_BYTES)

/** Resolves when the request was answered; the connection stays open. */
function openIdle(plan: HoldPlan, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const scanner = new ResponseScanner(plan.bodyBytes)
    const callback = (count: number): boolean => {
      if (scanner.feed(buffer, count) === 1) resolve()
      if (scanner.failed) reject(new Error('Cannot hold an idle connection: its request was refused'))
      return true
    }
    const socket = connect({ host: plan.host, port: plan.port, onread: { buffer, callback } })
    const fail = (): void => reject(new Error('Cannot hold an idle connection: it was closed'))
    socket.on('connect', () => socket.write(request, 'latin1'))
    socket.on('error', fail).on('end', fail)
  })
}

/** Resolves when the request was sent. A connection that is paused before it is made never reads. */
function openStalled(plan: HoldPlan, request: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: plan.host, port: plan.port })
    socket.pause()
    socket.on('connect', () => socket.write(request, 'latin1', () => resolve(socket)))
    // The server is free to cut it.
    socket.on('error', () => resolve(socket))
  })
}

async function stall(plan: HoldPlan, number: number): Promise<void> {
  const request = plan.requests[number % plan.requests.length]!
  const socket = await openStalled(plan, request)
  const timer = setTimeout(() => {
    socket.destroy()
    void stall(plan, number)
  }, plan.renewSeconds * 1000)
  timer.unref()
}

async function hold(plan: HoldPlan): Promise<void> {
  let next = 0
  const open = async (): Promise<void> => {
    for (let number = next++; number < plan.connections; number = next++) {
      if (plan.kind === 'idle') await openIdle(plan, plan.requests[number % plan.requests.length]!)
      else await stall(plan, number)
    }
  }
  await Promise.all(Array.from({ length: OPENING_MAX }, open))
}

// Kept alive by its connections, and by this where the server cut them all.
setInterval(() => undefined, 1000)
await hold(readPlan<HoldPlan>())
process.stdout.write(`${HOLD_READY}\n`)
