import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseWrkOutput, wrkScript } from './wrk.ts'

const OUTPUT = `Running 3s test @ http://127.0.0.1:8099/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   256.32us  150.11us   5.61ms   93.40%
    Req/Sec   141.36k     6.12k  149.63k    70.97%
  435868 requests in 3.10s, 1.76GB read
Requests/sec: 140600.72
Transfer/sec:    581.54MB
hotbucket-load {"requests":435868,"seconds":3.100023,"bytes":1890000000,"errors":2,"p50Us":212.0,"p99Us":780.5}
`

test('parseWrkOutput() reads the exact counts, not the rounded ones', () => {
  assert.deepEqual(parseWrkOutput(OUTPUT), {
    requests: 435868,
    seconds: 3.100023,
    bytes: 1890000000,
    errors: 2,
    p50Us: 212,
    p99Us: 780.5,
  })
})

test('parseWrkOutput() rejects output without a result and shows it', () => {
  assert.throws(() => parseWrkOutput('unable to connect to 127.0.0.1:8099 Connection refused'), /Cannot read .*Connection refused/)
})

test('wrkScript() writes requests as Lua strings that mean the same bytes', () => {
  const script = wrkScript(['GET /a"b\\c HTTP/1.1\r\nHost: é1\r\n\r\n'])
  assert.ok(script.includes(String.raw`"GET /a\034b\092c HTTP/1.1\013\010Host: \2331\013\010\013\010",`))
})
