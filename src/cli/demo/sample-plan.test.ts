import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  SAMPLE_BUCKETS,
  SAMPLE_OBJECTS_DEFAULT,
  SAMPLE_OBJECTS_MAX,
  SAMPLE_OBJECTS_MIN,
  SAMPLE_TOTAL_BYTES_MAX,
  sampleContent,
  samplePlan,
} from './sample-plan.ts'

const KIB = 1024
const MIB = 1024 ** 2

test('samplePlan() gives sizes from 1 KiB to 64 MiB, heavy-tailed, well under 1 GiB', () => {
  const plan = samplePlan(1, SAMPLE_OBJECTS_DEFAULT)
  const sizes = plan.objects.map((object) => object.sizeBytes).toSorted((a, b) => a - b)
  assert.equal(plan.objects.length, SAMPLE_OBJECTS_DEFAULT)
  assert.equal(sizes[0], KIB)
  assert.equal(sizes.at(-1), 64 * MIB)
  const median = sizes[sizes.length >> 1] ?? 0
  const mean = plan.totalBytes / sizes.length
  assert.ok(median > 16 * KIB && median < 256 * KIB, `median ${median}`)
  assert.ok(mean > 5 * median, `mean ${mean}, median ${median}`)
  assert.ok(plan.totalBytes > 256 * MIB && plan.totalBytes < 640 * MIB, `${plan.totalBytes} bytes`)
})

test('samplePlan() stays below its total for any number of objects', () => {
  for (const count of [SAMPLE_OBJECTS_MIN, 333, 5000, SAMPLE_OBJECTS_MAX]) {
    const plan = samplePlan(9, count)
    assert.equal(plan.objects.length, count)
    assert.ok(plan.totalBytes <= SAMPLE_TOTAL_BYTES_MAX)
    assert.equal(
      plan.totalBytes,
      plan.objects.reduce((sum, object) => sum + object.sizeBytes, 0),
    )
  }
})

test('samplePlan() names every object once, in all buckets', () => {
  const plan = samplePlan(1, 2000)
  const names = new Set(plan.objects.map((object) => `${object.bucket}/${object.key}`))
  assert.equal(names.size, 2000)
  assert.deepEqual(new Set(plan.objects.map((object) => object.bucket)), new Set(SAMPLE_BUCKETS))
  assert.equal(new Set(plan.objects.map((object) => object.index)).size, 2000)
})

test('samplePlan() is the same for the same seed and another for another', () => {
  assert.deepEqual(samplePlan(5, 100), samplePlan(5, 100))
  assert.notDeepEqual(samplePlan(5, 100).objects, samplePlan(6, 100).objects)
})

test('sampleContent() gives the same bytes from any offset', () => {
  const object = samplePlan(1, SAMPLE_OBJECTS_MIN).objects[3]!
  const whole = sampleContent(1, object, 0)(5000)
  for (const offset of [0, 1, 15, 16, 17, 4096, 4999]) {
    assert.deepEqual(sampleContent(1, object, offset)(5000 - offset), whole.subarray(offset))
  }
  const pieces = sampleContent(1, object, 33)
  assert.deepEqual(Buffer.concat([pieces(1), pieces(100), pieces(900)]), whole.subarray(33, 1034))
})

test('sampleContent() differs between objects and between seeds', () => {
  const [first, second] = samplePlan(1, SAMPLE_OBJECTS_MIN).objects
  const bytes = sampleContent(1, first!, 0)(64)
  assert.notDeepEqual(sampleContent(1, second!, 0)(64), bytes)
  assert.notDeepEqual(sampleContent(2, first!, 0)(64), bytes)
})
