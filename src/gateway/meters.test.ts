import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestRecord } from '../signals/record.ts'
import { Meters } from './meters.ts'

test('Meters tell the record of a request what its questions cost, the longest wait for an answer kept, until it ends', () => {
  const meters = new Meters(0, () => assert.fail('a note left this worker'))
  const record = new RequestRecord('id', 0, 0)
  const ref = meters.refOf(record)
  assert.deepEqual(meters.refOf(record), ref)
  for (const waitedMs of [5, 9, 7]) {
    meters.asked(ref)
    meters.answered(ref, waitedMs)
  }
  meters.close(record)
  meters.asked(ref)
  meters.answered(ref, 100)
  assert.deepEqual([record.originRequests, record.originTtfbMs, meters.open], [3, 9, 0])
})

test('Meters keep requests apart, and close() of one that never asked changes nothing', () => {
  const meters = new Meters(0, () => assert.fail('a note left this worker'))
  const [one, two, idle] = [new RequestRecord('1', 0, 0), new RequestRecord('2', 0, 0), new RequestRecord('3', 0, 0)]
  const refs = [meters.refOf(one), meters.refOf(two)] as const
  meters.close(idle)
  meters.asked(refs[1])
  assert.deepEqual([one.originRequests, two.originRequests, meters.open], [0, 1, 2])
})

test('Meters of several workers: the record is told on its own worker what another one asked', () => {
  const workers: Meters[] = []
  for (const worker of [0, 1]) workers.push(new Meters(worker, (to, note) => workers[to]?.take(structuredClone(note))))
  const [home, owner] = workers
  const record = new RequestRecord('id', 0, 0)
  const ref = home?.refOf(record)
  assert.ok(ref !== undefined)
  owner?.asked(ref)
  owner?.answered(ref, 12)
  assert.deepEqual([record.originRequests, record.originTtfbMs, owner?.open], [1, 12, 0])
})
