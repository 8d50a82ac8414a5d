import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

import { cpuSecondsOf, parseMachineCpu, parseProcessCpu, processTree } from './proc-stat.ts'

test('parseMachineCpu() counts work and steal, not idle time, and guest time once', () => {
  const text = 'cpu  100 20 30 5000 60 7 3 11 50 0\ncpu0 50 10 15 2500 30 3 1 5 25 0\n'
  assert.deepEqual(parseMachineCpu(text, 100), { busySeconds: 1.6, stealSeconds: 0.11 })
})

test('parseMachineCpu() rejects a text without the cpu line', () => {
  assert.throws(() => parseMachineCpu('cpu0 1 2 3', 100), /Cannot read machine CPU time/)
})

test('parseProcessCpu() finds the fields behind a command with spaces and parentheses', () => {
  const text = '42 (nginx: (worker) p) R 1 1 1 0 -1 4194304 104 0 1 0 250 50 700 300 20 0 1 0 169704 2998272 417'
  assert.deepEqual(parseProcessCpu(text, 100), { ownSeconds: 3, childrenSeconds: 10 })
})

test('parseProcessCpu() rejects a cut line', () => {
  assert.throws(() => parseProcessCpu('42 (node) R 1 1', 100), /Cannot read process CPU time/)
})

test('processTree() holds the process itself', () => {
  assert.ok(processTree(process.pid).includes(process.pid))
})

test('cpuSecondsOf() counts nothing for a process that has ended', () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  assert.equal(cpuSecondsOf([pid]), 0)
})
