import assert from 'node:assert/strict'
import test from 'node:test'
import { report } from './report.ts'
import type { Check } from './scenario/checks.ts'
import type { ScenarioResult } from './scenario/run-scenario.ts'

function scenario(...checks: (readonly [label: string, outcome: Check['outcome']])[]): ScenarioResult {
  return {
    elapsedMs: 1_000,
    log: '',
    checks: checks.map(([label, outcome]) => ({ column: 'get', label, outcome, detail: `detail of ${label}` })),
  }
}

test('report() counts a check that fails through hotbucket and passes without it', () => {
  const verdict = report(
    [{ name: 'curl', version: '8', direct: scenario(['a', 'pass'], ['b', 'pass']), hotbucket: scenario(['a', 'pass'], ['b', 'fail']) }],
    'hotbucket',
  )
  assert.deepEqual([verdict.passed, verdict.failed], [1, 1])
  assert.ok(verdict.lines.includes('FAIL curl get "b"'))
  assert.match(verdict.lines[1] ?? '', /FAIL 1\/2/)
})

test('report() lists a check that fails without hotbucket too, and does not count it', () => {
  const verdict = report([{ name: 'curl', version: '8', direct: scenario(['a', 'fail']), hotbucket: scenario(['a', 'fail']) }], 'hotbucket')
  assert.deepEqual([verdict.passed, verdict.failed], [0, 0])
  assert.ok(verdict.lines.some((line) => line.startsWith('not counted, fails without hotbucket too: curl get "a"')))
})

test('report() counts every failure of a direct run', () => {
  const verdict = report([{ name: 'curl', version: '8', direct: scenario(['a', 'fail'], ['b', 'unsupported']) }], 'direct')
  assert.deepEqual([verdict.passed, verdict.failed], [0, 1])
  assert.ok(verdict.lines.includes('not supported: curl detail of b (get 1)'))
})

test('report() fails for a client that cannot run', () => {
  const verdict = report([{ name: 'rclone', version: '', broken: 'no such program' }], 'hotbucket')
  assert.deepEqual([verdict.passed, verdict.failed], [0, 1])
  assert.ok(verdict.lines.includes('FAIL rclone cannot run'))
})
