import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failsAs, requestOf } from '../../test/support/origin-requests.ts'
import { emptySource, sourceOf } from '../base/byte-source.ts'
import { ManualClock, systemClock } from '../base/clock.ts'
import type { Origin } from './origin.ts'
import { SlowOrigin } from './slow-origin.ts'

const MIB = 1024 * 1024

/** Answers every request at once with a body of that many bytes. */
function instantOrigin(bodyBytes: number, seen: { cancelled: number } = { cancelled: 0 }): Origin {
  return {
    name: 'instant',
    send: async () => {
      const body = bodyBytes === 0 ? emptySource : sourceOf(Buffer.alloc(bodyBytes / 2), Buffer.alloc(bodyBytes / 2))
      const cancel = (reason: Error): void => {
        seen.cancelled += 1
        body.cancel(reason)
      }
      return { status: 200, headers: [], body: { ...body, cancel } }
    },
    close: async () => undefined,
  }
}

/** Milliseconds that reading whole bodies takes, side by side. */
async function timeToRead(origin: Origin, streams: number): Promise<number> {
  const startMs = performance.now()
  const read = async (): Promise<void> => {
    const { body } = await origin.send(requestOf())
    while ((await body.read()) !== undefined);
  }
  await Promise.all(Array.from({ length: streams }, read))
  return performance.now() - startMs
}

/** The timers of a simulated link are not kept alive by themselves. */
async function alive<Value>(work: Promise<Value>): Promise<Value> {
  const timer = setInterval(() => undefined, 1000)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

test('SlowOrigin adds its latency to every answer', async () => {
  const origin = new SlowOrigin(instantOrigin(0), { latencyMs: 30, bytesPerSecond: 1024 * MIB }, systemClock)
  assert.ok((await alive(timeToRead(origin, 3))) >= 29)
})

test('SlowOrigin gives each body its bandwidth, and no more', async () => {
  const origin = new SlowOrigin(instantOrigin(4 * MIB), { latencyMs: 0, bytesPerSecond: 16 * MIB }, systemClock)
  // 4 MiB at 16 MiB/s are 250 ms; what a stream makes up for at most is 50 ms.
  assert.ok((await alive(timeToRead(origin, 1))) >= 195)
})

test('SlowOrigin does not let a body wait for what others moved', async () => {
  // The clock stands still, so every piece of a stream waits for all pieces before it: 5 ms, 10 ms, ...
  const origin = new SlowOrigin(instantOrigin(4 * MIB), { latencyMs: 0, bytesPerSecond: 16 * MIB }, new ManualClock(0))
  const { body: far } = await origin.send(requestOf())
  for (let piece = 0; piece < 4; piece++) await alive(Promise.resolve(far.read()))
  const farNext = far.read().then(() => 'the fifth piece of the other body')
  const { body: fresh } = await origin.send(requestOf())
  const freshNext = fresh.read().then(() => 'the first piece')
  assert.equal(await alive(Promise.race([farNext, freshNext])), 'the first piece')
  for (const body of [far, fresh]) body.cancel(new Error('enough'))
  await Promise.allSettled([farNext, freshNext])
})

test('SlowOrigin follows a new link at once, also for a body under way', async () => {
  const origin = new SlowOrigin(instantOrigin(8 * MIB), { latencyMs: 0, bytesPerSecond: MIB }, systemClock)
  const { body } = await origin.send(requestOf())
  await alive(Promise.resolve(body.read()))
  origin.setLink({ latencyMs: 0, bytesPerSecond: 1024 * MIB })
  const startMs = performance.now()
  while ((await alive(body.read())) !== undefined);
  assert.ok(performance.now() - startMs < 4000)
  assert.equal(origin.link.bytesPerSecond, 1024 * MIB)
})

test('SlowOrigin stops waiting when nobody wants the answer, before and inside a body', async () => {
  const seen = { cancelled: 0 }
  const origin = new SlowOrigin(instantOrigin(MIB, seen), { latencyMs: 3_600_000, bytesPerSecond: 1 }, systemClock)
  const early = new AbortController()
  const sent = origin.send(requestOf({ signal: early.signal }))
  early.abort(new Error('client left'))
  await assert.rejects(sent, failsAs('aborted'))
  await assert.rejects(origin.send(requestOf({ signal: early.signal })), failsAs('aborted'))
  origin.setLink({ latencyMs: 0, bytesPerSecond: 1 })
  const late = new AbortController()
  const { body } = await origin.send(requestOf({ signal: late.signal }))
  const read = body.read()
  setImmediate(() => late.abort(new Error('client left')))
  await assert.rejects(read, failsAs('aborted'))
  assert.ok(seen.cancelled > 0)
  const other = await origin.send(requestOf())
  const pending = other.body.read()
  setImmediate(() => other.body.cancel(new Error('enough')))
  await assert.rejects(pending, failsAs('aborted'))
})
