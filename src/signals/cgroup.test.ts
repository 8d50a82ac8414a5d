import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { findCgroup, readCgroup, type CgroupReading } from './cgroup.ts'
import { SystemFiles } from './system-files.ts'
import { fileTree } from './testing/file-tree.ts'

function reading(t: TestContext, files: Readonly<Record<string, string>>): CgroupReading {
  const system = new SystemFiles(fileTree(t, files))
  return readCgroup(system, findCgroup(system))
}

const PRESSURE = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n'

test('version 2: throttling in microseconds, the smallest quota and limit of all ancestors, own pressure', (t) => {
  const group = 'sys/fs/cgroup/system.slice/hotbucket.service'
  const found = reading(t, {
    'proc/self/cgroup': '0::/system.slice/hotbucket.service\n',
    'sys/fs/cgroup/cgroup.controllers': 'cpu io memory pids\n',
    'sys/fs/cgroup/cgroup.procs': '',
    'sys/fs/cgroup/system.slice/cgroup.procs': '',
    'sys/fs/cgroup/system.slice/cpu.max': '150000 100000\n',
    'sys/fs/cgroup/system.slice/memory.max': '2000000\n',
    [`${group}/cgroup.procs`]: '1\n',
    [`${group}/cpu.stat`]: 'usage_usec 10\nnr_periods 100\nnr_throttled 25\nthrottled_usec 1500000\nnr_bursts 0\n',
    [`${group}/cpu.max`]: '400000 100000\n',
    [`${group}/memory.current`]: '123456\n',
    [`${group}/memory.max`]: 'max\n',
    [`${group}/cpu.pressure`]: PRESSURE,
  })
  assert.deepEqual(found, {
    cpuPeriods: 100,
    cpuThrottledPeriods: 25,
    cpuThrottledSeconds: 1.5,
    cpuQuotaCores: 1.5,
    memoryBytes: 123456,
    memoryLimitBytes: 2000000,
    pressure: {
      cpu: { someSeconds: 2.5, fullSeconds: 0.5 },
      memory: { someSeconds: undefined, fullSeconds: undefined },
      io: { someSeconds: undefined, fullSeconds: undefined },
    },
  })
})

test('version 2 in a cgroup namespace: the mount is the own group', (t) => {
  const found = reading(t, {
    'proc/self/cgroup': '0::/\n',
    'sys/fs/cgroup/cgroup.controllers': 'cpu\n',
    'sys/fs/cgroup/cgroup.procs': '1\n',
    'sys/fs/cgroup/cpu.max': 'max 100000\n',
    'sys/fs/cgroup/cpu.stat': 'nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n',
  })
  assert.equal(found.cpuThrottledSeconds, 0)
  assert.equal(found.cpuQuotaCores, undefined)
})

test('version 1: throttling in nanoseconds, named lines skipped, the huge limit is none', (t) => {
  const found = reading(t, {
    'proc/self/cgroup': '9:name=systemd:/\n4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n',
    'sys/fs/cgroup/cpu/cgroup.procs': '',
    'sys/fs/cgroup/cpu/docker/abc/cgroup.procs': '1\n',
    'sys/fs/cgroup/cpu/docker/abc/cpu.stat': 'nr_periods 10\nnr_throttled 9\nthrottled_time 507000000\n',
    'sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us': '30000\n',
    'sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000\n',
    'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    'sys/fs/cgroup/memory/cgroup.procs': '1\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '777\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  })
  assert.equal(found.cpuThrottledPeriods, 9)
  assert.equal(found.cpuThrottledSeconds, 0.507)
  assert.equal(found.cpuQuotaCores, 0.3)
  // The path is not visible below the mount, as in a container: the mount is the own group.
  assert.equal(found.memoryBytes, 777)
  assert.equal(found.memoryLimitBytes, undefined)
})

test('hybrid: limits from version 1, pressure from the unified mount', (t) => {
  const found = reading(t, {
    'proc/self/cgroup': '1:cpu:/x\n0::/x\n',
    'sys/fs/cgroup/cpu/x/cgroup.procs': '1\n',
    'sys/fs/cgroup/cpu/x/cpu.stat': 'nr_periods 1\nnr_throttled 1\nthrottled_time 1000\n',
    'sys/fs/cgroup/unified/x/cgroup.procs': '1\n',
    'sys/fs/cgroup/unified/x/io.pressure': PRESSURE,
  })
  assert.equal(found.cpuPeriods, 1)
  assert.equal(found.pressure.io.someSeconds, 2.5)
})

test('nothing there, or nonsense there: everything is absent, nothing throws', (t) => {
  const absent = { someSeconds: undefined, fullSeconds: undefined }
  const nothing = {
    cpuPeriods: undefined,
    cpuThrottledPeriods: undefined,
    cpuThrottledSeconds: undefined,
    cpuQuotaCores: undefined,
    memoryBytes: undefined,
    memoryLimitBytes: undefined,
    pressure: { cpu: absent, memory: absent, io: absent },
  }
  assert.deepEqual(reading(t, {}), nothing)
  const nonsense = reading(t, {
    'proc/self/cgroup': 'x\n0::/../../etc\n::\n',
    'sys/fs/cgroup/cgroup.controllers': '',
    'sys/fs/cgroup/cgroup.procs': '1\n',
    'sys/fs/cgroup/cpu.stat': 'nr_periods -1\nnr_throttled x y\nthrottled_usec\n\u0000',
    'sys/fs/cgroup/cpu.max': '100000\n',
    'sys/fs/cgroup/memory.max': '1e9\n',
    'sys/fs/cgroup/cpu.pressure': 'some total=abc\n',
  })
  assert.deepEqual(nonsense, nothing)
})
