import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../base/clock.ts'
import { silentLog } from './log.ts'
import { OTHER_NAME } from './metric-definition.ts'
import type { RequestRecord } from './record.ts'
import { allocateRegistry, renderMetrics } from './registry.ts'
import { RegistryWriter } from './registry-writer.ts'
import { Settler } from './settle.ts'
import { parseExposition, sampleValue } from './testing/exposition.ts'
import { recordWith } from './testing/records.ts'
import { OUTCOME_NAMES, REASONS, type Reason } from './vocabulary.ts'

const GIB = 1024 ** 3
const prices = { egressPerGiB: 0.09, getPerThousand: 0.4 }

function settled(records: readonly RequestRecord[], given = prices): string {
  const buffer = allocateRegistry()
  const clock = new ManualClock(1_700_000_000_000)
  const settler = new Settler({ writer: new RegistryWriter(buffer, 'data-0'), log: silentLog, prices: given, clock })
  clock.advance(2)
  for (const record of records) settler.settle(record)
  return renderMetrics([buffer], { version: '0' })
}

test('settle() counts a hit under operation, outcome, status and reason, with its times', () => {
  const text = settled([recordWith()])
  assert.equal(sampleValue(text, 'hotbucket_requests_total', { operation: 'get-object', outcome: 'memory', status: '2xx' }), 1)
  assert.equal(sampleValue(text, 'hotbucket_decisions_total', { reason: 'fresh' }), 1)
  assert.equal(sampleValue(text, 'hotbucket_refused_total', { reason: 'fresh' }), 0)
  assert.equal(sampleValue(text, 'hotbucket_request_duration_seconds_sum', { outcome: 'memory' }), 0.002)
  assert.equal(sampleValue(text, 'hotbucket_time_to_first_byte_seconds_sum', { outcome: 'memory' }), 0.0002)
  assert.equal(sampleValue(text, 'hotbucket_response_bytes_total', { source: 'memory' }), 4096)
  assert.equal(sampleValue(text, 'hotbucket_object_reads_total', { result: 'hit' }), 1)
})

test('settle() counts no time to first byte where none was sent', () => {
  const text = settled([recordWith({ ttfbMs: undefined })])
  assert.equal(sampleValue(text, 'hotbucket_time_to_first_byte_seconds_count', { outcome: 'memory' }), undefined)
  assert.equal(sampleValue(text, 'hotbucket_request_duration_seconds_count', { outcome: 'memory' }), 1)
})

test('a hit saves its bytes and a request; the dollars follow from both prices', () => {
  const text = settled([recordWith({ bytesSent: GIB, bytesFromMemory: GIB })])
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), GIB)
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 1)
  assert.equal(sampleValue(text, 'hotbucket_dollars_saved_total'), 0.09 + 0.0004)
})

test('savings are counted in bytes and requests where prices are zero', () => {
  const text = settled([recordWith()], { egressPerGiB: 0, getPerThousand: 0 })
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 4096)
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 1)
  assert.equal(sampleValue(text, 'hotbucket_dollars_saved_total'), 0)
})

test('a revalidated read saves its bytes, not its request, and counts as a miss by requests', () => {
  const text = settled([recordWith({ outcome: 'revalidated', reason: 'strict-mode', originRequests: 1 })])
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 4096)
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 0)
  assert.equal(sampleValue(text, 'hotbucket_object_reads_total', { result: 'miss' }), 1)
})

test('a coalesced read saves both; a miss saves the part that was in memory', () => {
  const coalesced = recordWith({ outcome: 'coalesced', reason: 'absent', bytesFromMemory: 0, bytesCoalesced: 4096 })
  const miss = recordWith({
    outcome: 'miss',
    reason: 'body-evicted',
    bytesSent: 5000,
    bytesFromMemory: 1000,
    bytesFromOrigin: 4000,
    originRequests: 1,
  })
  const text = settled([coalesced, miss])
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 4096 + 1000)
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 1)
})

test('a client that left is saved what it was sent, and no request', () => {
  const text = settled([recordWith({ outcome: 'client-gone', bytesSent: 100, bytesFromMemory: 4096, status: 200 })])
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 100)
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 0)
})

test('a condition or range that the cache decides saves a request; a refusal for lack of a signature does not', () => {
  const nothing = { bytesSent: 300, bytesFromMemory: 0, outcome: 'refused' } as const
  const text = settled([
    recordWith({ ...nothing, reason: 'condition', status: 412 }),
    recordWith({ ...nothing, reason: 'range-not-satisfiable', status: 416 }),
    recordWith({ ...nothing, reason: 'authentication', status: 403 }),
  ])
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 2)
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 0)
  assert.equal(sampleValue(text, 'hotbucket_refused_total', { reason: 'authentication' }), 1)
  assert.equal(sampleValue(text, 'hotbucket_response_bytes_total', { source: 'generated' }), 900)
})

test('lists and writes save nothing, whatever their bytes', () => {
  const text = settled([
    recordWith({ operation: 'ListObjects', outcome: 'pass', reason: 'uncacheable-operation', bytesFromMemory: 0, bytesFromOrigin: 4096 }),
    recordWith({
      operation: 'PutObject',
      outcome: 'write',
      reason: 'uncacheable-operation',
      bytesFromMemory: 0,
      bytesSent: 0,
      bytesReceived: 77,
    }),
  ])
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 0)
  assert.equal(sampleValue(text, 'hotbucket_origin_requests_saved_total'), 0)
  assert.equal(sampleValue(text, 'hotbucket_received_bytes_total'), 77)
})

test('a bucket takes its own series by a success; made-up names that fail stay under _other', () => {
  const made = Array.from({ length: 200 }, (_, i) =>
    recordWith({
      bucket: `made-up-${i}`,
      status: 404,
      outcome: 'miss',
      reason: 'absent',
      bytesSent: 0,
      bytesFromMemory: 0,
      originRequests: 1,
    }),
  )
  const text = settled([
    ...made,
    recordWith({ bucket: 'real' }),
    recordWith({ bucket: 'real', status: 404, outcome: 'miss', originRequests: 1 }),
  ])
  const names = new Set((parseExposition(text).get('hotbucket_bucket_requests_total')?.samples ?? []).map(({ labels }) => labels['bucket']))
  assert.deepEqual(names, new Set(['real', OTHER_NAME]))
  assert.equal(sampleValue(text, 'hotbucket_bucket_requests_total', { bucket: OTHER_NAME, result: 'miss' }), 200)
  assert.equal(sampleValue(text, 'hotbucket_bucket_requests_total', { bucket: 'real', result: 'hit' }), 1)
  assert.equal(sampleValue(text, 'hotbucket_bucket_requests_total', { bucket: 'real', result: 'miss' }), 1)
})

test('whatever records come, totals, buckets and reasons add up to the same', () => {
  const count = fc.nat({ max: 1e9 })
  const facts = fc.record({
    outcome: fc.constantFrom(...OUTCOME_NAMES),
    reason: fc.constantFrom(...(Object.keys(REASONS) as Reason[])),
    operation: fc.constantFrom(
      'GetObject',
      'HeadObject',
      'PutObject',
      'UploadPart',
      'DeleteObjects',
      'ListObjects',
      'NoSuchThing',
      'constructor',
      '__proto__',
    ),
    status: fc.constantFrom(0, 100, 200, 206, 304, 404, 500, 503, 999, -1),
    bucket: fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'),
    bytesSent: count,
    bytesFromMemory: count,
    bytesCoalesced: count,
    bytesFromOrigin: count,
    originRequests: fc.nat({ max: 3 }),
    ttfbMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(facts, { maxLength: 30 }), (all) => {
      const families = parseExposition(settled(all.map((one) => recordWith(one))))
      const total = (name: string): number => (families.get(name)?.samples ?? []).reduce((sum, { value }) => sum + value, 0)
      assert.equal(total('hotbucket_requests_total'), all.length)
      assert.equal(total('hotbucket_decisions_total'), all.length)
      assert.equal(total('hotbucket_bucket_requests_total'), all.length)
      assert.equal(total('hotbucket_bucket_response_bytes_total'), total('hotbucket_response_bytes_total'))
      assert.equal(total('hotbucket_bucket_bytes_saved_total'), total('hotbucket_bytes_saved_total'))
      assert.ok(total('hotbucket_bytes_saved_total') <= all.reduce((sum, { bytesSent }) => sum + bytesSent, 0))
      assert.ok(total('hotbucket_origin_requests_saved_total') <= all.length)
    }),
    { numRuns: 60 },
  )
})
