import assert from 'node:assert/strict'
import { test } from 'node:test'

import { renderLine, renderSummary, renderView, wrapCommand } from './live-view.ts'
import { COLOURED, columns, cutTo, PLAIN } from './paint.ts'
import type { ViewState } from './view-state.ts'

const STATE: ViewState = {
  elapsedMs: 65_000,
  leftMs: undefined,
  endpoint: 'http://127.0.0.1:9000',
  adminUrl: 'http://127.0.0.1:9001',
  region: 'us-east-1',
  credentials: { accessKeyId: 'demo', secretAccessKey: 'demo-secret' },
  total: { requests: 12_345, hitRatio: 0.912, byteHitRatio: 0.75, clientBytes: 4 * 1024 ** 3, originBytes: 1024 ** 3 },
  recent: { requests: 2000, hitRatio: 0.96, byteHitRatio: 0.815, clientBytes: 600 * 1024 ** 2, originBytes: 100 * 1024 ** 2 },
  recentMs: 10_000,
  history: [0, 0.5, 1],
  savedBytes: 3 * 1024 ** 3,
  savedDollars: 0.27,
  directDollars: 0.36,
  savedDollarsPerHour: 15.5,
  outcomes: [
    { name: 'memory', requests: 11_000, p50Ms: 0.21, p99Ms: 1.4 },
    { name: 'coalesced', requests: 0, p50Ms: undefined, p99Ms: undefined },
    { name: 'miss', requests: 1345, p50Ms: 43.2, p99Ms: 132.4 },
  ],
  memoryBytes: 182 * 1024 ** 2,
  memoryBudgetBytes: 256 * 1024 ** 2,
  rssBytes: 400 * 1024 ** 2,
  link: { latencyMs: 40, bytesPerSecond: 50e6 },
  load: { reads: 12_300, bodyBytes: 4 * 1024 ** 3, verifiedBytes: 1024 ** 3, wrong: 0, failed: 0, lastProblem: undefined },
  paused: false,
  keys: true,
}

function lineWith(lines: readonly string[], label: string): string {
  const line = lines.find((each) => each.trimStart().startsWith(label))
  assert.ok(line !== undefined, `no line starts with ${label}: ${lines.join('\n')}`)
  return line
}

test('renderView() shows ratios, money, latencies and what a person needs to try it', () => {
  const lines = renderView(STATE, 120)
  assert.match(lines[0] ?? '', /hotbucket demo {2}1:05 .*http:\/\/127\.0\.0\.1:9000$/)
  assert.match(lineWith(lines, 'metrics'), /http:\/\/127\.0\.0\.1:9001\/metrics$/)
  assert.match(lineWith(lines, 'hit ratio'), /91\.2 % of requests +75\.0 % of bytes/)
  assert.match(lineWith(lines, 'last 10 s'), /96\.0 % of requests +81\.5 % of bytes/)
  assert.match(lineWith(lines, 'throughput'), /200 requests\/s +60\.0 MiB\/s served +10\.0 MiB\/s fetched/)
  assert.match(lineWith(lines, 'saved'), /3\.00 GiB +\$0\.2700 of \$0\.3600 without hotbucket \(75\.0 %\)$/)
  assert.match(lineWith(lines, 'at this rate'), /\$15\.50 an hour, \$11,315\.00 a month/)
  assert.match(lineWith(lines, 'first byte'), /memory +coalesced +miss$/)
  assert.match(lineWith(lines, 'p50'), /0\.21 ms +- +43\.2 ms$/)
  assert.match(lineWith(lines, 'p99'), /1\.4 ms +- +132 ms$/)
  assert.match(lineWith(lines, 'memory'), /182 MiB of 256 MiB/)
  assert.match(lineWith(lines, 'origin link'), /40 ms, 50 MB\/s/)
  assert.equal(lineWith(lines, 'export'), '  export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo-secret AWS_DEFAULT_REGION=us-east-1')
  assert.equal(lineWith(lines, 'aws'), '  aws --endpoint-url http://127.0.0.1:9000 s3 ls --recursive s3://analytics/')
  assert.ok(lines.includes(`  ${' '.repeat(14)}▁▅█`))
})

test('renderView() fits a terminal of 80 columns and 24 rows', () => {
  const lines = renderView(STATE, 80)
  assert.ok(lines.length <= 24, `${lines.length} lines`)
  assert.match(lineWith(lines, 'throughput'), /fetched$/)
  assert.match(lineWith(lines, 'saved'), /%\)$/)
})

test('renderView() keeps to the width, coloured or not, and never cuts a command', () => {
  for (const width of [20, 40, 79, 80, 200]) {
    for (const paint of [PLAIN, COLOURED]) {
      const lines = renderView({ ...STATE, keys: false }, width, paint)
      const commands = lines.slice(lines.findIndex((line) => line.includes('export')))
      for (const line of lines.slice(0, -commands.length)) assert.ok(columns(line) <= width, `${width}: ${line}`)
      const joined = commands.map((line) => line.trim().replace(/\\$/, '').trim()).join(' ')
      assert.match(
        joined,
        /AWS_DEFAULT_REGION=us-east-1 aws --endpoint-url http:\/\/127\.0\.0\.1:9000 s3 ls --recursive s3:\/\/analytics\/$/,
      )
    }
  }
})

test('renderView() has as many lines in every state, so that redrawing in place leaves nothing behind', () => {
  const empty = { requests: 0, hitRatio: undefined, byteHitRatio: undefined, clientBytes: 0, originBytes: 0 }
  const first = renderView({ ...STATE, total: empty, recent: empty, recentMs: 0, history: [], directDollars: 0, leftMs: 20_000 }, 120)
  assert.equal(first.length, renderView(STATE, 120).length)
  assert.doesNotMatch(first.join('\n'), /NaN|Infinity|undefined/)
})

test('renderView() without colours has no escape sequence, and no keys where there is no keyboard', () => {
  const lines = renderView({ ...STATE, keys: false }, 120)
  assert.ok(!lines.join('').includes('\u001B'))
  assert.ok(!lines.some((line) => line.includes('q quit')))
})

test('renderView() shows wrong reads and what was wrong', () => {
  const lines = renderView({ ...STATE, paused: true, load: { ...STATE.load, wrong: 2, lastProblem: 'GET logs/a: status 500' } }, 120)
  assert.match(lineWith(lines, 'load'), /paused +12,300 signed reads, 2 wrong, 0 failed +GET logs\/a: status 500/)
})

test('renderLine() is one line without escape sequences', () => {
  const line = renderLine(STATE)
  assert.ok(!line.includes('\n') && !line.includes('\u001B'))
  assert.match(
    line,
    /^1:05 \| hit ratio 96\.0 % of requests, 81\.5 % of bytes \| .*miss p50 43\.2 ms p99 132 ms \| 12,300 reads, 0 wrong, 0 failed$/,
  )
})

test('renderSummary() says how much was compared and what went wrong', () => {
  const lines = renderSummary({ ...STATE, load: { ...STATE.load, wrong: 1, lastProblem: 'GET media/x: other bytes' } }, 120)
  assert.match(lineWith(lines, 'reads'), /12,300 signed reads, 1 wrong, 0 failed +1\.00 GiB of 4\.00 GiB compared byte by byte/)
  assert.match(lineWith(lines, 'last problem'), /GET media\/x: other bytes/)
})

test('wrapCommand() breaks at spaces and keeps one command', () => {
  assert.deepEqual(wrapCommand('aws s3 ls s3://bucket', 80), ['  aws s3 ls s3://bucket'])
  assert.deepEqual(wrapCommand('aws s3 ls s3://bucket', 14), ['  aws s3 ls \\', '    s3://bucket'])
})

test('cutTo() counts columns, not escape sequences', () => {
  assert.equal(cutTo(COLOURED.bold('abcdef'), 3), COLOURED.bold('abc'))
  assert.equal(cutTo('abc', 3), 'abc')
})
