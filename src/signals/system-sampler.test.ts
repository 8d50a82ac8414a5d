import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { allocateRegistry, renderMetrics } from './registry.ts'
import { RegistryWriter } from './registry-writer.ts'
import { SystemSampler, type SamplerScope } from './system-sampler.ts'
import { fileTree } from './testing/file-tree.ts'
import { parseExposition, sampleValue } from './testing/exposition.ts'

type Value = (name: string, labels?: Readonly<Record<string, string>>) => number | undefined

function newSampler(t: TestContext, scope: SamplerScope, root?: string): { sampler: SystemSampler; value: Value; text: () => string } {
  const buffer = allocateRegistry()
  const writer = new RegistryWriter(buffer, 'data-0')
  const sampler = new SystemSampler({ writer, clock: systemClock, scope, ...(root === undefined ? {} : { root }) })
  t.after(() => sampler.close())
  const text = (): string => renderMetrics([buffer], { version: '0' })
  return { sampler, text, value: (name, labels) => sampleValue(text(), name, labels) }
}

const thread = { thread: 'data-0' }

test('the sampler of a thread tells its loop, heap and heartbeat, and nothing of the process', (t) => {
  const { sampler, value, text } = newSampler(t, 'thread')
  sampler.sample()
  assert.ok((value('hotbucket_heap_bytes', { ...thread, kind: 'used' }) ?? 0) > 1e6)
  assert.ok((value('hotbucket_event_loop_delay_seconds', { ...thread, statistic: 'max' }) ?? -1) >= 0)
  const utilization = value('hotbucket_event_loop_utilization_ratio', thread) ?? -1
  assert.ok(utilization >= 0 && utilization <= 1)
  assert.ok(Math.abs((value('hotbucket_thread_heartbeat_timestamp_seconds', thread) ?? 0) - Date.now() / 1000) < 5)
  assert.ok((value('hotbucket_sampler_seconds_total') ?? 0) > 0)
  assert.equal(parseExposition(text()).has('hotbucket_process_resident_memory_bytes'), false)
})

test('garbage collections are seen with their kind', async (t) => {
  const { sampler, text } = newSampler(t, 'thread')
  const kept: unknown[] = []
  const pauses = (): number =>
    (parseExposition(text()).get('hotbucket_gc_pause_seconds')?.samples ?? [])
      .filter(({ name }) => name.endsWith('_count'))
      .reduce((sum, { value }) => sum + value, 0)
  while (pauses() === 0) {
    for (let i = 0; i < 200_000; i++) kept[i % 1000] = { i }
    await new Promise((resolve) => setImmediate(resolve))
  }
  sampler.sample()
  assert.ok((sampleValue(text(), 'hotbucket_gc_time_ratio', thread) ?? -1) >= 0)
})

test('the sampler of a process tells memory, CPU, descriptors and start time', (t) => {
  const { sampler, value } = newSampler(t, 'process')
  sampler.sample()
  assert.ok((value('hotbucket_process_resident_memory_bytes') ?? 0) > 1e7)
  assert.ok((value('hotbucket_process_cpu_seconds_total', { mode: 'user' }) ?? 0) > 0)
  assert.ok((value('hotbucket_guest_cpus') ?? 0) >= 1)
  const start = value('hotbucket_process_start_time_seconds') ?? 0
  assert.ok(Math.abs(start + process.uptime() - Date.now() / 1000) < 5)
})

test('the layers below are read from the files of the system', (t) => {
  const root = fileTree(t, {
    'proc/stat': 'cpu  1000 100 500 9000 50 20 30 70 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n',
    'proc/pressure/cpu': 'some avg10=1.00 avg60=1.00 avg300=1.00 total=4000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    'proc/thread-self/schedstat': '3000000000 250000000 77\n',
    'proc/self/task/10/schedstat': '3000000000 1000000000 77\n',
    'proc/self/task/11/schedstat': '1 500000000 7\n',
    'proc/self/limits':
      'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n',
    'proc/self/fd/0': '',
    'proc/self/fd/1': '',
    'proc/self/fd/2': '',
  })
  const { sampler, value, text } = newSampler(t, 'process', root)
  sampler.sample()
  assert.equal(value('hotbucket_host_steal_seconds_total'), 0.7)
  assert.equal(value('hotbucket_guest_cpu_seconds_total', { mode: 'idle' }), 90)
  assert.equal(value('hotbucket_guest_pressure_seconds_total', { resource: 'cpu', kind: 'some' }), 4)
  assert.equal(value('hotbucket_guest_pressure_seconds_total', { resource: 'io', kind: 'some' }), undefined)
  assert.equal(value('hotbucket_thread_run_delay_seconds_total', thread), 0.25)
  assert.equal(value('hotbucket_thread_cpu_seconds_total', thread), 3)
  assert.equal(value('hotbucket_process_run_delay_seconds_total'), 1.5)
  assert.equal(value('hotbucket_process_max_fds'), 1024)
  assert.equal(value('hotbucket_process_open_fds'), 2)
  assert.equal(value('hotbucket_process_threads'), 2)
  assert.equal(parseExposition(text()).has('hotbucket_cgroup_cpu_periods_total'), false)
  // A thread ends, another begins: the sum goes on from where it was.
  rmSync(join(root, 'proc/self/task/11'), { recursive: true })
  writeFileSync(join(root, 'proc/self/task/10/schedstat'), '3000000000 1200000000 78\n')
  sampler.sample()
  assert.equal(value('hotbucket_process_run_delay_seconds_total'), 1.7)
})

test('on a system without any of these files the rest is still told', (t) => {
  const { sampler, value, text } = newSampler(t, 'process', fileTree(t, {}))
  sampler.sample()
  const families = parseExposition(text())
  for (const name of [
    'host_steal_seconds_total',
    'guest_pressure_seconds_total',
    'thread_cpu_seconds_total',
    'process_open_fds',
    'process_run_delay_seconds_total',
  ]) {
    assert.equal(families.has(`hotbucket_${name}`), false, name)
  }
  assert.ok((value('hotbucket_process_resident_memory_bytes') ?? 0) > 1e7)
})

test('a blocked event loop shows as delay', async (t) => {
  const { sampler, value } = newSampler(t, 'thread')
  const until = (deadlineMs: number): boolean => performance.now() < deadlineMs
  await new Promise((resolve) => setImmediate(resolve))
  const deadlineMs = performance.now() + 5000
  let max = 0
  while (max < 0.05 && until(deadlineMs)) {
    const blockedUntilMs = performance.now() + 80
    while (until(blockedUntilMs));
    await new Promise((resolve) => setImmediate(resolve))
    sampler.sample()
    max = value('hotbucket_event_loop_delay_seconds', { ...thread, statistic: 'max' }) ?? 0
  }
  assert.ok(max >= 0.05, `${max} s`)
})

test('start() samples at once, and close() lets the process end', (t) => {
  const { sampler, value } = newSampler(t, 'thread')
  sampler.start()
  sampler.start()
  assert.notEqual(value('hotbucket_thread_heartbeat_timestamp_seconds', thread), undefined)
  sampler.close()
  sampler.close()
})
