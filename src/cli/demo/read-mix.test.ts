import assert from 'node:assert/strict'
import { test } from 'node:test'

import { seededRandom } from '../../base/random.ts'
import { readMix, type PlannedRead } from './read-mix.ts'
import { samplePlan } from './sample-plan.ts'

const SEED = 11

function reads(count: number): PlannedRead[] {
  const next = readMix(samplePlan(SEED, 200), seededRandom(SEED))
  return Array.from({ length: count }, next)
}

test('readMix() draws whole, ranged and HEAD reads', () => {
  const drawn = reads(5000)
  const share = (wanted: (read: PlannedRead) => boolean): number => drawn.filter(wanted).length / drawn.length
  assert.ok(share((read) => read.method === 'HEAD') > 0.05)
  assert.ok(share((read) => read.range?.startsWith('bytes=-') === true) > 0.01)
  assert.ok(share((read) => read.range !== undefined && !read.range.startsWith('bytes=-')) > 0.01)
  assert.ok(share((read) => read.method === 'GET' && read.range === undefined) > 0.5)
})

test('readMix() expects bytes that lie within the object and match the range', () => {
  for (const read of reads(5000)) {
    assert.ok(read.start >= 0 && read.start < read.end && read.end <= read.object.sizeBytes, `seed ${SEED}: ${JSON.stringify(read)}`)
    assert.equal(read.status, read.range === undefined ? 200 : 206)
    const explicit = /^bytes=(\d+)-(\d+)$/.exec(read.range ?? '')
    if (explicit !== null) assert.deepEqual([Number(explicit[1]), Number(explicit[2]) + 1], [read.start, read.end])
  }
})

test('readMix() asks for popular objects most', () => {
  const counts = new Map<number, number>()
  for (const read of reads(5000)) counts.set(read.object.index, (counts.get(read.object.index) ?? 0) + 1)
  const first = samplePlan(SEED, 200).objects[0]!.index
  assert.equal(Math.max(...counts.values()), counts.get(first))
})
