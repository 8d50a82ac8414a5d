import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BucketEpochs } from './bucket-epochs.ts'

test('BucketEpochs renews one bucket and leaves the others', () => {
  const epochs = new BucketEpochs(BucketEpochs.allocate())
  const before = epochs.of('a')
  void epochs.forget('a', 'after')
  assert.notEqual(epochs.of('a'), before)
  assert.equal(epochs.of('b'), before)
})

test('BucketEpochs over the same memory agree', () => {
  const memory = BucketEpochs.allocate()
  const [one, two] = [new BucketEpochs(memory), new BucketEpochs(memory)]
  const before = two.of('bucket')
  void one.forget('bucket', 'after')
  void two.forget('bucket', 'after')
  assert.equal(one.of('bucket'), before + 2)
  assert.equal(two.of('bucket'), before + 2)
})

test('BucketEpochs never shows an epoch again, however many buckets there are', () => {
  const epochs = new BucketEpochs(BucketEpochs.allocate())
  const seen = new Set([epochs.of('a')])
  for (let i = 0; i < 100_000; i++) void epochs.forget(`b${i}`, 'after')
  for (let i = 0; i < 10; i++) {
    void epochs.forget('a', 'after')
    assert.equal(seen.has(epochs.of('a')), false)
    seen.add(epochs.of('a'))
  }
})

test('BucketEpochs spread bucket names: few of a thousand share an epoch', () => {
  const epochs = new BucketEpochs(BucketEpochs.allocate())
  let shared = 0
  for (let i = 0; i < 1000; i++) {
    const name = `default\0customer-${i}-data`
    if (epochs.of(name) !== 0) shared += 1
    void epochs.forget(name, 'after')
  }
  // 1,000 into 16,384 at random: 30 expected.
  assert.ok(shared < 60, `${shared} of 1,000 names met another`)
})
