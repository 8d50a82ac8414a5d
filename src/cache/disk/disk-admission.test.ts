import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskAdmission } from './disk-admission.ts'

const DAY_MS = 86_400_000

test('admission takes everything while there is room, then what was seen before, and what the budget allows', () => {
  let nowMs = 0
  const admission = new DiskAdmission({ capacityBytes: 1e9, dailyBytes: 16_000, monotonicMs: () => nowMs })
  const name = (i: number) => ({ lo: Math.imul(i, 0x9e3779b1), hi: i + 1 })
  for (let i = 0; i < 100; i++) assert.ok(admission.admits(name(i), 500, true))
  assert.ok(admission.admits(name(1000), 600, false), 'a sixteenth of the budget is there at first')
  assert.ok(!admission.admits(name(1001), 600, false))
  assert.ok(admission.admits(name(1001), 600, false), 'seen before')
  assert.ok(!admission.admits(name(1002), 600, false))
  nowMs += DAY_MS / 16
  assert.ok(admission.admits(name(1003), 600, false), 'the budget comes back with time')
  admission.dropped(name(1004), 600)
  assert.ok(admission.admits(name(1004), 600, false), 'it was on disk until lately')
  nowMs += 100 * DAY_MS
  assert.ok(admission.admits(name(1005), 1000, false))
  assert.ok(!admission.admits(name(1006), 600, false), 'what was not spent is not saved up')
})

test('a scan costs its budget and nothing more', () => {
  const admission = new DiskAdmission({ capacityBytes: 1e9, dailyBytes: 1_600_000, monotonicMs: () => 0 })
  let written = 0
  for (let i = 0; i < 10_000; i++) if (admission.admits({ lo: Math.imul(i, 0x9e3779b1), hi: i }, 1000, false)) written += 1000
  assert.equal(written, 100_000)
})
