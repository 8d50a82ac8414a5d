import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compare, ratioOver, throughput } from './comparison.ts'
import { comparisonTable } from './table.ts'
import type { Round, Run } from './rounds.ts'

const LOAD = { name: '4 KiB', bodyBytes: 4096, baseline: 'nginx', contenders: ['nginx', 'hotbucket'] }

function run(contender: string, figures: { requests: number; serverSeconds: number; void?: string }): Run {
  return {
    contender,
    load: { requests: figures.requests, seconds: 2, bytes: 0, errors: 0, p50Us: 100, p99Us: 900 },
    generatorSeconds: 1.5,
    serverSeconds: figures.serverSeconds,
    void: figures.void,
  }
}

function round(nginx: number, hotbucket: number, voidReason?: string): Round {
  const reason = voidReason === undefined ? {} : { void: voidReason }
  return [run('nginx', { requests: nginx, serverSeconds: 2 }), run('hotbucket', { requests: hotbucket, serverSeconds: 2, ...reason })]
}

test('compare() takes ratios within a round, so that a slow round does not move them', () => {
  const rows = compare(LOAD, [round(1000, 500), round(100, 50), round(2000, 1000)])
  assert.equal(rows[0]?.throughputRatio, undefined)
  assert.deepEqual(rows[1]?.throughputRatio, { median: 0.5, deviation: 0, count: 3 })
  assert.deepEqual(rows[1]?.cpuRatio, { median: 2, deviation: 0, count: 3 })
})

test('compare() gives rates, CPU time per request and use of the cores', () => {
  const [nginx] = compare(LOAD, [round(1000, 500)])
  assert.equal(nginx?.requestsPerSecond.median, 500)
  assert.equal(nginx?.bodyBytesPerSecond, 500 * 4096)
  assert.equal(nginx?.cpuUs.median, 2000)
  assert.equal(nginx?.serverBusy, 1)
  assert.equal(nginx?.generatorBusy, 0.75)
})

test('compare() leaves void rounds out where there are valid ones', () => {
  const rows = compare(LOAD, [round(1000, 500), round(1000, 1, 'steal 20.0 %')])
  assert.equal(rows[1]?.throughputRatio?.median, 0.5)
  assert.deepEqual(rows[1]?.rounds, { used: 1, void: 1, voidUsed: false })
})

test('comparisonTable() marks rows that stand on void rounds and says why they do not count', () => {
  const lines = comparisonTable(compare(LOAD, [round(1000, 500, 'foreign load 30.0 %')]))
  assert.ok(lines.some((line) => line.includes('hotbucket (!)')))
  assert.ok(lines.some((line) => line.startsWith('(!) no round was free')))
})

test('comparisonTable() marks throughput that the load generator limited', () => {
  const idle: Round = [run('nginx', { requests: 1000, serverSeconds: 1 }), run('hotbucket', { requests: 1000, serverSeconds: 2 })]
  const lines = comparisonTable(compare(LOAD, [idle]))
  assert.match(lines[1] ?? '', /nginx.* \* /)
  assert.doesNotMatch(lines[2] ?? '', /\*/)
})

test('ratioOver() compares any two within each round, and says how many rounds that were', () => {
  const { measured, rounds } = ratioOver([round(1000, 500), round(2000, 3000, 'steal 9.0 %')], { of: 'hotbucket', to: 'nginx' }, throughput)
  assert.deepEqual(measured, { median: 0.5, deviation: 0, count: 1 })
  assert.deepEqual(rounds, { used: 1, void: 1, voidUsed: false })
  assert.equal(ratioOver([round(1, 1)], { of: 'hotbucket', to: 'apache' }, throughput).measured, undefined)
})
