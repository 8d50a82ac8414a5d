import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { LoopDelayMonitor } from './loop-delay.ts'

/** A monitor whose timer never runs by itself: a test tells it that it ran, `lateMs` after its 20 ms. */
function monitorFor(context: TestContext): { monitor: LoopDelayMonitor; fire: (lateMs: number) => void } {
  let nowMs = 1000
  const monitor = new LoopDelayMonitor(() => nowMs)
  monitor.close()
  context.after(() => monitor.close())
  return {
    monitor,
    fire: (lateMs) => {
      nowMs += 20 + lateMs
      monitor.fired()
    },
  }
}

test('the delays of two periods are told by rank', (t) => {
  const { monitor, fire } = monitorFor(t)
  for (let i = 0; i < 49; i++) fire(0)
  fire(500)
  assert.deepEqual(monitor.read(), { delayP50Seconds: 0, delayP99Seconds: 0.5, delayMaxSeconds: 0.5 })
  for (let i = 0; i < 50; i++) fire(2)
  // 100 samples now: 49 of 0, 50 of 2 ms, one of 500.
  assert.deepEqual(monitor.read(), { delayP50Seconds: 0.002, delayP99Seconds: 0.002, delayMaxSeconds: 0.5 })
  for (let i = 0; i < 50; i++) fire(1)
  assert.deepEqual(monitor.read(), { delayP50Seconds: 0.001, delayP99Seconds: 0.002, delayMaxSeconds: 0.002 })
})

test('a timer that ran early, or not at all, is no delay', (t) => {
  const { monitor, fire } = monitorFor(t)
  assert.deepEqual(monitor.read(), { delayP50Seconds: 0, delayP99Seconds: 0, delayMaxSeconds: 0 })
  fire(-1)
  assert.deepEqual(monitor.read(), { delayP50Seconds: 0, delayP99Seconds: 0, delayMaxSeconds: 0 })
})

test('where nobody reads, the newest samples count', (t) => {
  const { monitor, fire } = monitorFor(t)
  fire(900)
  for (let i = 0; i < 512; i++) fire(1)
  assert.equal(monitor.read().delayMaxSeconds, 0.001)
})

test('a block of the event loop is seen', async (t) => {
  const monitor = new LoopDelayMonitor(() => performance.now())
  t.after(() => monitor.close())
  await new Promise((resolve) => setImmediate(resolve))
  const until = performance.now() + 120
  while (performance.now() < until);
  let delay = monitor.read()
  while (delay.delayMaxSeconds === 0) {
    await new Promise((resolve) => setImmediate(resolve))
    delay = monitor.read()
  }
  assert.ok(delay.delayMaxSeconds >= 0.09, `${delay.delayMaxSeconds} s`)
})
