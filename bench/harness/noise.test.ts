import assert from 'node:assert/strict'
import { test } from 'node:test'

import { noiseOf, voidReason } from './noise.ts'

const before = { busySeconds: 100, stealSeconds: 5 }

test('noiseOf() counts as foreign what neither the servers nor the load generator used', () => {
  const noise = noiseOf({ elapsedSeconds: 5, cores: 2, before, after: { busySeconds: 110, stealSeconds: 5.05 }, ownSeconds: 9 })
  assert.ok(Math.abs(noise.foreignShare - 0.1) < 1e-9)
  assert.ok(Math.abs(noise.stealShare - 0.005) < 1e-9)
})

test('noiseOf() never gives a negative share', () => {
  const noise = noiseOf({ elapsedSeconds: 1, cores: 2, before, after: { busySeconds: 101, stealSeconds: 5 }, ownSeconds: 1.02 })
  assert.equal(noise.foreignShare, 0)
})

test('voidReason() voids a round for steal and for foreign load, and says which', () => {
  assert.equal(voidReason({ foreignShare: 0.01, stealShare: 0.001 }), undefined)
  assert.match(voidReason({ foreignShare: 0.2, stealShare: 0 }) ?? '', /foreign load 20\.0 %/)
  assert.match(voidReason({ foreignShare: 0, stealShare: 0.05 }) ?? '', /steal 5\.0 %/)
})
