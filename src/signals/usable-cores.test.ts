import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SystemFiles } from './system-files.ts'
import { fileTree } from './testing/file-tree.ts'
import { usableCores } from './usable-cores.ts'

/** A pure cgroup v2 set-up whose own group has this quota. */
function quota(cpuMax: string): Record<string, string> {
  return {
    'proc/self/cgroup': '0::/\n',
    'sys/fs/cgroup/cgroup.controllers': 'cpu\n',
    'sys/fs/cgroup/cgroup.procs': '1\n',
    'sys/fs/cgroup/cpu.max': `${cpuMax}\n`,
  }
}

test('usableCores() is the lesser of the allowed cores and the CPU quota, whole, and at least 1', (t) => {
  const cases = [
    ['max 100000', 8, 8],
    ['400000 100000', 8, 4],
    ['400000 100000', 2, 2],
    ['290000 100000', 8, 2],
    ['100000 100000', 8, 1],
    ['50000 100000', 8, 1],
  ] as const
  for (const [cpuMax, allowed, expected] of cases) {
    assert.equal(usableCores(new SystemFiles(fileTree(t, quota(cpuMax))), allowed), expected, `${cpuMax} of ${allowed}`)
  }
})

test('usableCores() heeds a quota of cgroup v1, and without any cgroup the allowed cores alone', (t) => {
  const v1 = (quotaMicros: string): SystemFiles =>
    new SystemFiles(
      fileTree(t, {
        'proc/self/cgroup': '3:cpu,cpuacct:/app\n',
        'sys/fs/cgroup/cpu/app/cgroup.procs': '1\n',
        'sys/fs/cgroup/cpu/app/cpu.cfs_quota_us': quotaMicros,
        'sys/fs/cgroup/cpu/app/cpu.cfs_period_us': '100000',
      }),
    )
  assert.equal(usableCores(v1('250000'), 16), 2)
  assert.equal(usableCores(v1('-1'), 16), 16)
  assert.equal(usableCores(new SystemFiles(fileTree(t, {})), 3), 3)
})
