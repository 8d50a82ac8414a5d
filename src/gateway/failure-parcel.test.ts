import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyMismatch, VersionGone } from '../cache/api.ts'
import { OriginFailure } from '../origin/origin.ts'
import { packFailure, unpackFailure } from './failure-parcel.ts'

/** As another thread gets it. */
function sent(error: unknown): Error {
  return unpackFailure(structuredClone(packFailure(error)))
}

test('failures arrive on another thread as what they were, with message and cause', () => {
  const failure = sent(new OriginFailure('timeout', 'too slow', { cause: new Error('socket') }))
  assert.ok(failure instanceof OriginFailure)
  assert.equal(failure.kind, 'timeout')
  assert.equal(failure.message, 'too slow')
  assert.ok(failure.cause instanceof Error && failure.cause.message === 'socket')
  const gone = sent(new VersionGone('moved'))
  assert.ok(gone instanceof VersionGone)
  assert.equal(gone.message, 'moved')
  const mismatch = sent(new BodyMismatch('too long', true))
  assert.ok(mismatch instanceof BodyMismatch && mismatch.longer)
})

test('other errors keep their name in the message, and what is no error becomes one', () => {
  assert.equal(sent(new TypeError('oops')).message, 'TypeError: oops')
  assert.equal(sent('text').message, 'Error: text')
})
