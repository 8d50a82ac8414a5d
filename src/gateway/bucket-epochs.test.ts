import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BucketEpochs } from './bucket-epochs.ts'

test('BucketEpochs renews one bucket and leaves the others', () => {
  const epochs = new BucketEpochs()
  const before = epochs.of('a')
  epochs.forget('a')
  assert.notEqual(epochs.of('a'), before)
  assert.equal(epochs.of('b'), before)
})

test('BucketEpochs never shows an epoch again, also where it runs out of room', () => {
  const epochs = new BucketEpochs()
  const seen = new Set([epochs.of('a')])
  for (let i = 0; i < 10_001; i++) {
    epochs.forget(`b${i}`)
    if (i % 5000 === 0) epochs.forget('a')
    seen.add(epochs.of('a'))
  }
  const before = epochs.of('a')
  epochs.forget('a')
  assert.notEqual(epochs.of('a'), before)
  assert.equal(seen.has(epochs.of('a')), false)
})
