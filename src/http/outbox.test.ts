import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { MemoryBudget } from '../base/memory-budget.ts'
import { until } from '../base/testing/until.ts'
import { NOBODY, Outbox } from './outbox.ts'
import { FAST_SLICE_BYTES, SLICE_BYTES } from './slice-queue.ts'
import { WriteScratch } from './write-scratch.ts'

/** More than the kernel holds for a client that does not read. */
const BODY_BYTES = 24 * 1024 * 1024
const STILL_TURNS = 50

interface Pair {
  readonly outbox: Outbox
  readonly client: net.Socket
}

async function connectedPair(t: TestContext): Promise<Pair> {
  const listener = net.createServer().listen(0, '127.0.0.1')
  t.after(() => listener.close())
  await once(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo
  const accepted = once(listener, 'connection') as Promise<[net.Socket]>
  const client = net.connect(port, '127.0.0.1')
  const [socket] = await accepted
  t.after(() => {
    client.destroy()
    socket.destroy()
  })
  const engine = { scratch: new WriteScratch(), budget: new MemoryBudget(BODY_BYTES * 2), direct: undefined }
  return { outbox: new Outbox(socket, engine, { secure: false, onProgress: () => undefined }), client }
}

/** Bytes that the socket is given of a large body while the client takes none. */
async function bytesGivenToSocket({ outbox, client }: Pair): Promise<number> {
  client.pause()
  outbox.write(new Uint8Array(BODY_BYTES), { loan: undefined, done: NOBODY })
  // The kernel has taken what it takes once nothing moves for some turns of the event loop.
  let unsentBytes = -1
  let sameTurns = 0
  await until(() => {
    sameTurns = outbox.unsentBytes === unsentBytes ? sameTurns + 1 : 0
    unsentBytes = outbox.unsentBytes
    return sameTurns === STILL_TURNS
  })
  return outbox.socketBytes
}

async function readAll({ outbox, client }: Pair): Promise<void> {
  client.on('data', () => undefined)
  client.resume()
  await until(() => outbox.unsentBytes === 0)
  outbox.keepLoans()
}

test('a client is given more at once after it took a large body quickly, and less again once it is slow', async (t) => {
  const pair = await connectedPair(t)
  assert.equal(await bytesGivenToSocket(pair), SLICE_BYTES)
  await readAll(pair)
  assert.equal(await bytesGivenToSocket(pair), FAST_SLICE_BYTES)
  pair.outbox.copyLoans()
  await readAll(pair)
  assert.equal(await bytesGivenToSocket(pair), SLICE_BYTES)
  await readAll(pair)
  assert.equal(await bytesGivenToSocket(pair), FAST_SLICE_BYTES)
})
