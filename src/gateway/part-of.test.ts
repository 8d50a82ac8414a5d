import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collect, sourceOf } from '../base/byte-source.ts'
import { partOf } from './part-of.ts'

const WHOLE = Buffer.from(Array.from({ length: 100 }, (_, i) => i))

test('partOf() gives exactly the bytes asked for, however the body is cut into chunks', async () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(cuts, fc.nat(99), fc.nat(99), async (at, a, b) => {
      const edges = [0, ...at.toSorted((x, y) => x - y), 100]
      const chunks = edges.slice(1).map((edge, i) => WHOLE.subarray(edges[i], edge))
      const [start, end] = [Math.min(a, b), Math.max(a, b) + 1]
      const part = partOf(sourceOf(...chunks), start, end)
      assert.equal(part.length, end - start)
      assert.deepEqual(Buffer.from((await collect(part, 100)) ?? []), WHOLE.subarray(start, end))
    }),
  )
})

test('partOf() stops the body where its part ends, and ends where the body does', async () => {
  let cancelled = 0
  const body = { ...sourceOf(WHOLE), cancel: () => void cancelled++ }
  const part = partOf(body, 10, 20)
  assert.equal((await part.read())?.length, 10)
  assert.equal(cancelled, 1)
  assert.equal(await part.read(), undefined)
  assert.equal((await collect(partOf(sourceOf(WHOLE), 90, 200), 1000))?.length, 10)
})
