import assert from 'node:assert/strict'
import { test } from 'node:test'

import { findingsTable, notMeasured, verdictOf, type Finding } from './finding.ts'

const ROUNDS = { used: 5, void: 0, voidUsed: false }

function finding(name: Finding['name'], median: number, more: Partial<Finding> = {}): Finding {
  return { name, measured: { median, deviation: 0.01, count: 5 }, rounds: ROUNDS, notes: [], ...more }
}

test('verdictOf() is at its edge for figures that should be low', () => {
  assert.equal(verdictOf(finding('hot-4k-plain', 1)), 'aim')
  assert.equal(verdictOf(finding('hot-4k-plain', 1.3)), 'bar')
  assert.equal(verdictOf(finding('hot-4k-plain', 1.31)), 'MISSED')
})

test('verdictOf() is at its edge for figures that should be high', () => {
  assert.equal(verdictOf(finding('hot-64k-signed', 1.2)), 'aim')
  assert.equal(verdictOf(finding('hot-64k-signed', 1)), 'bar')
  assert.equal(verdictOf(finding('hot-64k-signed', 0.99)), 'MISSED')
})

test('verdictOf() never says that a void or absent figure reached or missed anything', () => {
  assert.equal(verdictOf(finding('hot-4k-plain', 9, { rounds: { used: 1, void: 1, voidUsed: true } })), 'void')
  assert.equal(verdictOf({ name: 'hot-4k-plain', measured: undefined, rounds: undefined, notes: [] }), 'not measured')
  assert.equal(verdictOf(finding('start-cold', 9000)), 'reported')
})

test('findingsTable() shows figure, bar and aim, and a note once however many need it', () => {
  const lines = findingsTable([
    finding('hot-4k-plain', 1.234, { notes: ['alone', 'shared'] }),
    finding('hot-64k-signed', 1.1, { notes: ['shared'] }),
    ...notMeasured(['idle-rss'], 'no second worker'),
  ])
  assert.match(lines[1] ?? '', /1\.23 ±0\.01 +≤ 1\.30 +≤ 1\.00 +bar +5 +1 2$/)
  assert.match(lines[2] ?? '', /≥ 1\.00 +≥ 1\.20 +bar +5 +2$/)
  assert.match(lines[3] ?? '', / - +≤ 120\.0 MiB +not measured/)
  assert.equal(lines.filter((line) => line.includes('shared')).length, 1)
})
