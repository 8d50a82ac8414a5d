import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SecondsWindow, WINDOW_SAMPLES, type WindowFigures } from './seconds-window.ts'

const calm = { delayP50Seconds: 0.001, delayP99Seconds: 0.002, delayMaxSeconds: 0.003, gcSeconds: 0, wallSeconds: 1 }

test('a peak stays for as many samples as the window holds, and is then forgotten', () => {
  const window = new SecondsWindow()
  const peak = window.push({ delayP50Seconds: 0.1, delayP99Seconds: 0.5, delayMaxSeconds: 0.9, gcSeconds: 0.3, wallSeconds: 1 })
  assert.deepEqual(peak, { delayP50Seconds: 0.1, delayP99Seconds: 0.5, delayMaxSeconds: 0.9, gcRatio: 0.3 })
  let figures: WindowFigures = peak
  for (let i = 1; i < WINDOW_SAMPLES; i++) figures = window.push(calm)
  assert.deepEqual(figures, { delayP50Seconds: 0.001, delayP99Seconds: 0.5, delayMaxSeconds: 0.9, gcRatio: 0.02 })
  assert.deepEqual(window.push(calm), { delayP50Seconds: 0.001, delayP99Seconds: 0.002, delayMaxSeconds: 0.003, gcRatio: 0 })
})

test('the ratio is absent while no time has passed, and never above 1', () => {
  assert.equal(new SecondsWindow().push({ ...calm, wallSeconds: 0 }).gcRatio, undefined)
  assert.equal(new SecondsWindow().push({ ...calm, gcSeconds: 2 }).gcRatio, 1)
})
