import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceOf, type ByteSource } from '../base/byte-source.ts'
import { ManualClock } from '../base/clock.ts'
import { observeSend } from './observe-origin.ts'
import { allocateRegistry, renderMetrics } from './registry.ts'
import { RegistryWriter } from './registry-writer.ts'
import { sampleValue } from './testing/exposition.ts'

class Failure extends Error {
  readonly kind: string

  constructor(kind: string) {
    super(kind)
    this.kind = kind
  }
}

interface Answer {
  readonly status: number
  readonly body: ByteSource
  readonly extra: string
}

function observed(answer: (clock: ManualClock) => Answer | Failure): {
  send: (request: string) => Promise<Answer>
  value: (name: string, labels?: Record<string, string>) => number | undefined
} {
  const buffer = allocateRegistry()
  const clock = new ManualClock(0)
  const send = observeSend(
    async (_request: string): Promise<Answer> => {
      const given = answer(clock)
      if (given instanceof Failure) throw given
      return given
    },
    { origin: 'main', writer: new RegistryWriter(buffer, 'data-0'), clock },
  )
  return { send, value: (name, labels = {}) => sampleValue(renderMetrics([buffer], { version: '0' }), name, { origin: 'main', ...labels }) }
}

test('observeSend() counts answer, wait, bytes and what is under way', async () => {
  const { send, value } = observed((clock) => {
    clock.advance(40)
    return { status: 206, body: sourceOf(new Uint8Array(10), new Uint8Array(5)), extra: 'kept' }
  })
  const answer = await send('r')
  assert.equal(answer.extra, 'kept')
  assert.equal(answer.body.length, 15)
  assert.equal(value('hotbucket_origin_requests_in_flight'), 1)
  while ((await answer.body.read()) !== undefined);
  assert.equal(value('hotbucket_origin_requests_in_flight'), 0)
  assert.equal(value('hotbucket_origin_requests_total', { status: '2xx' }), 1)
  assert.equal(value('hotbucket_origin_received_bytes_total'), 15)
  assert.equal(value('hotbucket_origin_time_to_first_byte_seconds_sum'), 0.04)
})

test('observeSend() counts failures by kind, unknown kinds as other, and passes them on', async () => {
  const kinds = ['timeout', 'new-kind']
  const { send, value } = observed(() => new Failure(kinds.shift() ?? ''))
  await assert.rejects(send('r'), /timeout/)
  await assert.rejects(send('r'), /new-kind/)
  assert.equal(value('hotbucket_origin_failures_total', { kind: 'timeout' }), 1)
  assert.equal(value('hotbucket_origin_failures_total', { kind: 'other' }), 1)
  assert.equal(value('hotbucket_origin_requests_in_flight'), 0)
})

test('a body that breaks off is a failure once; a cancelled body is none', async () => {
  const broken: ByteSource = {
    length: 3,
    read: async () => {
      throw new Failure('reset')
    },
    cancel: () => undefined,
  }
  const { send, value } = observed(() => ({ status: 200, body: broken, extra: '' }))
  const answer = await send('r')
  await assert.rejects(answer.body.read())
  await assert.rejects(answer.body.read())
  answer.body.cancel(new Error('enough'))
  assert.equal(value('hotbucket_origin_failures_total', { kind: 'reset' }), 1)
  const second = await send('r')
  second.body.cancel(new Error('enough'))
  assert.equal(value('hotbucket_origin_requests_in_flight'), 0)
  assert.equal(value('hotbucket_origin_failures_total', { kind: 'reset' }), 1)
})
