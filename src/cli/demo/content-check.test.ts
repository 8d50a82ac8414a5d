import assert from 'node:assert/strict'
import { test } from 'node:test'

import { BodyCheck, headProblem } from './content-check.ts'
import type { PlannedRead } from './read-mix.ts'
import { sampleContent } from './sample-plan.ts'

const OBJECT = { index: 5, bucket: 'logs', key: 'a', sizeBytes: 1000 }
const RANGED: PlannedRead = { method: 'GET', object: OBJECT, range: 'bytes=100-299', status: 206, start: 100, end: 300 }
const BYTES = sampleContent(1, OBJECT, 0)(1000)

function problemOf(read: PlannedRead, chunks: readonly Uint8Array[]): string | undefined {
  const check = new BodyCheck(1, read, true)
  for (const chunk of chunks) check.take(chunk)
  return check.problem()
}

test('BodyCheck accepts the right bytes in any chunks', () => {
  assert.equal(problemOf(RANGED, [BYTES.subarray(100, 101), BYTES.subarray(101, 250), BYTES.subarray(250, 300)]), undefined)
})

test('BodyCheck finds a wrong byte, a short body and a long one', () => {
  const changed = Buffer.from(BYTES.subarray(100, 300))
  changed[150] = (changed[150] ?? 0) ^ 1
  assert.match(problemOf(RANGED, [changed]) ?? '', /other bytes/)
  assert.match(problemOf(RANGED, [BYTES.subarray(100, 299)]) ?? '', /199 body bytes instead of 200/)
  assert.match(problemOf(RANGED, [BYTES.subarray(100, 301)]) ?? '', /201 body bytes instead of 200/)
})

test('BodyCheck wants no body for HEAD', () => {
  const head: PlannedRead = { method: 'HEAD', object: OBJECT, range: undefined, status: 200, start: 0, end: 1000 }
  assert.equal(problemOf(head, []), undefined)
})

test('headProblem() looks at status, length and range', () => {
  const right = { 'content-length': '200', 'content-range': 'bytes 100-299/1000' }
  assert.equal(headProblem(RANGED, 206, right), undefined)
  assert.match(headProblem(RANGED, 200, right) ?? '', /status 200 instead of 206/)
  assert.match(headProblem(RANGED, 206, { ...right, 'content-length': '201' }) ?? '', /Content-Length "201" instead of 200/)
  assert.match(headProblem(RANGED, 206, { ...right, 'content-range': 'bytes 100-299/1001' }) ?? '', /Content-Range/)
})
