import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { NAME_BYTES_MAX, NAME_TABLES, OTHER_NAME } from './metric-definition.ts'
import { readLiveness } from './registry-reader.ts'
import { allocateRegistry, renderMetrics } from './registry.ts'
import { RegistryWriter } from './registry-writer.ts'
import { parseExposition, sampleValue } from './testing/exposition.ts'

const build = { version: '1.2.3' }

function newWriter(thread = 'data-0'): { buffer: SharedArrayBuffer; writer: RegistryWriter } {
  const buffer = allocateRegistry()
  return { buffer, writer: new RegistryWriter(buffer, thread) }
}

test('renderMetrics() of a fresh registry exposes counters as 0, and nothing that was never sampled', () => {
  const text = renderMetrics([allocateRegistry()], build)
  assert.equal(sampleValue(text, 'hotbucket_requests_total', { operation: 'get-object', outcome: 'failed', status: '5xx' }), 0)
  assert.equal(sampleValue(text, 'hotbucket_requests_total', { operation: 'list', outcome: 'memory', status: '2xx' }), undefined)
  assert.equal(sampleValue(text, 'hotbucket_bytes_saved_total'), 0)
  assert.equal(sampleValue(text, 'hotbucket_cache_entries'), undefined)
  assert.equal(sampleValue(text, 'hotbucket_cgroup_cpu_periods_total'), undefined)
  assert.equal(sampleValue(text, 'hotbucket_build_info', { version: '1.2.3', node: process.version }), 1)
})

test('renderMetrics() adds up the registries of several threads', () => {
  const a = newWriter('data-0')
  const b = newWriter('data-1')
  for (const [{ writer }, n] of [
    [a, 3],
    [b, 4],
  ] as const) {
    writer.counter('requests', { operation: 'get-object', outcome: 'memory', status: '2xx' }).add(n)
    writer.gauge('httpConnections', {}).set(n)
    for (let i = 0; i < n; i++) writer.histogram('ttfb', { outcome: 'memory' }).observe(0.0002)
  }
  const text = renderMetrics([a.buffer, b.buffer], build)
  assert.equal(sampleValue(text, 'hotbucket_requests_total', { operation: 'get-object', outcome: 'memory', status: '2xx' }), 7)
  assert.equal(sampleValue(text, 'hotbucket_http_connections'), 7)
  assert.equal(sampleValue(text, 'hotbucket_time_to_first_byte_seconds_count', { outcome: 'memory' }), 7)
  assert.equal(sampleValue(text, 'hotbucket_time_to_first_byte_seconds_bucket', { outcome: 'memory', le: '0.0001' }), 0)
  assert.equal(sampleValue(text, 'hotbucket_time_to_first_byte_seconds_bucket', { outcome: 'memory', le: '0.00025' }), 7)
})

test('renderMetrics() adds buckets up by name, whatever slots they have', () => {
  const a = newWriter('data-0')
  const b = newWriter('data-1')
  a.writer.counter('bucketBytesSaved', { bucket: 'one' }).add(1)
  a.writer.counter('bucketBytesSaved', { bucket: 'two' }).add(10)
  b.writer.counter('bucketBytesSaved', { bucket: 'two' }).add(100)
  b.writer.counter('bucketBytesSaved', { bucket: 'one' }).add(1000)
  const text = renderMetrics([a.buffer, b.buffer], build)
  assert.equal(sampleValue(text, 'hotbucket_bucket_bytes_saved_total', { bucket: 'one' }), 1001)
  assert.equal(sampleValue(text, 'hotbucket_bucket_bytes_saved_total', { bucket: 'two' }), 110)
})

test('metrics of threads keep the thread apart', () => {
  const a = newWriter('data-0')
  const b = newWriter('supervisor')
  a.writer.gauge('loopUtilization', {}).set(0.9)
  b.writer.gauge('loopUtilization', {}).set(0.1)
  const text = renderMetrics([a.buffer, b.buffer], build)
  assert.equal(sampleValue(text, 'hotbucket_event_loop_utilization_ratio', { thread: 'data-0' }), 0.9)
  assert.equal(sampleValue(text, 'hotbucket_event_loop_utilization_ratio', { thread: 'supervisor' }), 0.1)
})

test('readLiveness() tells which thread is stuck, and waits for one that is starting', () => {
  const nowMs = 1_700_000_000_000
  const running = newWriter('main')
  const starting = newWriter('data-0')
  const stuck = newWriter('data-1')
  running.writer.gauge('heartbeat', {}).set(nowMs / 1000 - 1)
  stuck.writer.gauge('heartbeat', {}).set(nowMs / 1000 - 31)
  assert.deepEqual(readLiveness([running.buffer, starting.buffer], nowMs), { live: true, reasons: [] })
  assert.deepEqual(readLiveness([running.buffer, stuck.buffer], nowMs), {
    live: false,
    reasons: ['stuck: the event loop of data-1 has not run for 31 s'],
  })
})

test('names beyond the table, too long, empty or reserved count as _other, and none is lost', () => {
  const { buffer, writer } = newWriter()
  for (let i = 0; i < NAME_TABLES.bucket + 10; i++) writer.counter('bucketBytesSaved', { bucket: `bucket-${i}` }).add(1)
  for (const name of ['x'.repeat(NAME_BYTES_MAX + 1), '', OTHER_NAME]) writer.counter('bucketBytesSaved', { bucket: name }).add(1)
  const samples = parseExposition(renderMetrics([buffer], build)).get('hotbucket_bucket_bytes_saved_total')?.samples ?? []
  assert.equal(samples.length, NAME_TABLES.bucket + 1)
  assert.equal(samples.find(({ labels }) => labels['bucket'] === OTHER_NAME)?.value, 13)
})

test('a registry that is opened again keeps its names', () => {
  const { buffer, writer } = newWriter()
  writer.counter('bucketBytesSaved', { bucket: 'a' }).add(1)
  const again = new RegistryWriter(buffer, 'data-0')
  again.counter('bucketBytesSaved', { bucket: 'b' }).add(2)
  again.counter('bucketBytesSaved', { bucket: 'a' }).add(4)
  const text = renderMetrics([buffer], build)
  assert.equal(sampleValue(text, 'hotbucket_bucket_bytes_saved_total', { bucket: 'a' }), 5)
  assert.equal(sampleValue(text, 'hotbucket_bucket_bytes_saved_total', { bucket: 'b' }), 2)
})

test('renderMetrics() escapes any bucket name so that it reads back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (name) => {
      fc.pre(name !== OTHER_NAME)
      const { buffer, writer } = newWriter()
      writer.counter('bucketBytesSaved', { bucket: name }).add(1)
      const text = renderMetrics([buffer], build)
      const samples = parseExposition(text).get('hotbucket_bucket_bytes_saved_total')?.samples ?? []
      assert.deepEqual(
        samples.map(({ labels }) => labels['bucket']),
        [Buffer.from(name, 'utf8').toString('utf8')],
      )
    }),
    { numRuns: 100 },
  )
})

test('a histogram puts a value on an edge into the bucket of that edge, and one above all edges into +Inf', () => {
  const { buffer, writer } = newWriter()
  const series = writer.histogram('duration', { outcome: 'miss' })
  for (const value of [0, 50e-6, 60, 61, 1e9]) series.observe(value)
  const text = renderMetrics([buffer], build)
  const name = 'hotbucket_request_duration_seconds_bucket'
  assert.equal(sampleValue(text, name, { outcome: 'miss', le: '0.00005' }), 2)
  assert.equal(sampleValue(text, name, { outcome: 'miss', le: '60' }), 3)
  assert.equal(sampleValue(text, name, { outcome: 'miss', le: '+Inf' }), 5)
})

test('a sampled counter can be taken over, and taken away', () => {
  const { buffer, writer } = newWriter()
  const series = writer.counter('cacheInsertedBytes', {})
  series.set(77)
  assert.equal(sampleValue(renderMetrics([buffer], build), 'hotbucket_cache_inserted_bytes_total'), 77)
  series.set(undefined)
  assert.equal(sampleValue(renderMetrics([buffer], build), 'hotbucket_cache_inserted_bytes_total'), undefined)
})

test('a writer refuses label values that are not in the catalog', () => {
  const { writer } = newWriter()
  assert.throws(() => writer.counter('refused', { reason: 'nonsense' as 'fresh' }), /no value "nonsense"/)
  assert.throws(() => new RegistryWriter(new SharedArrayBuffer(8), 'x'), /size/)
})

test('one thread writes while another reads: numbers only grow, and end exact', async () => {
  const buffer = allocateRegistry()
  const source = `
    const { workerData } = require('node:worker_threads')
    import(workerData.module).then(({ RegistryWriter }) => {
      const writer = new RegistryWriter(workerData.buffer, 'data-0')
      for (let i = 0; i < 200000; i++) {
        writer.counter('bucketBytesSaved', { bucket: 'b' + (i % 70) }).add(1)
        writer.histogram('ttfb', { outcome: 'memory' }).observe(i / 1e6)
      }
    })`
  const module = new URL('./registry-writer.ts', import.meta.url).href
  const worker = new Worker(source, { eval: true, workerData: { module, buffer } })
  const exited = Promise.withResolvers<void>()
  worker.once('error', exited.reject)
  worker.once('exit', () => exited.resolve())
  let done = false
  void exited.promise.finally(() => (done = true))
  let last = 0
  while (!done) {
    const count = sampleValue(renderMetrics([buffer], build), 'hotbucket_time_to_first_byte_seconds_count', { outcome: 'memory' }) ?? 0
    assert.ok(count >= last)
    last = count
    await new Promise((resolve) => setImmediate(resolve))
  }
  await exited.promise
  const families = parseExposition(renderMetrics([buffer], build))
  const saved = families.get('hotbucket_bucket_bytes_saved_total')?.samples ?? []
  assert.equal(saved.length, NAME_TABLES.bucket + 1)
  assert.equal(
    saved.reduce((sum, { value }) => sum + value, 0),
    200_000,
  )
})
