import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskHealth } from './disk-health.ts'

function healthAt(): { readonly health: DiskHealth; readonly clock: { nowMs: number } } {
  const clock = { nowMs: 0 }
  const health = new DiskHealth(() => clock.nowMs)
  health.slowAboveMs = 100
  return { health, clock }
}

test('many reads that waited for the same standstill of the machine do not make a disk slow', () => {
  const { health, clock } = healthAt()
  for (let second = 0; second < 20; second++) {
    for (let read = 0; read < 200; read++) {
      clock.nowMs += 10
      health.readTook(1)
    }
    clock.nowMs += 300
    for (let read = 0; read < 64; read++) health.readTook(300)
  }
  assert.equal(health.trouble, 'none')
})

test('a disk of whose reads more than a hundredth take too long is slow, until they do not any more', () => {
  const { health, clock } = healthAt()
  const read = (tookMs: number): void => {
    clock.nowMs += 10
    health.readTook(tookMs)
  }
  for (let count = 0; count < 160; count++) read(count % 32 === 0 ? 101 : 100)
  assert.equal(health.trouble, 'slow')
  for (let count = 0; count < 128; count++) read(100)
  assert.equal(health.trouble, 'none')
})
