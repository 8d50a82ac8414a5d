import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheStatus } from './cache-status.ts'
import { OUTCOME_NAMES, REASONS, type Outcome, type Reason } from './vocabulary.ts'

const FORWARD_WORDS = ['bypass', 'method', 'uri-miss', 'vary-miss', 'miss', 'request', 'stale', 'partial']

/** The parameters of a Cache-Status member (RFC 9211 over RFC 8941); fails on what is not one. */
function parseMember(field: string): Map<string, string | true> {
  const [name, ...parts] = field.split('; ')
  assert.equal(name, 'hotbucket')
  const parameters = new Map<string, string | true>()
  for (const part of parts) {
    const [, key = '', value] = /^([a-z*][a-z0-9_.*-]*)(?:=([A-Za-z*][\w!#$%&'*+.^`|~:/-]*|\d+))?$/.exec(part) ?? []
    assert.ok(key !== '' && !parameters.has(key), `a parameter: "${part}"`)
    parameters.set(key, value ?? true)
  }
  return parameters
}

test('cacheStatus() says what RFC 9211 has a word for', () => {
  const cases: readonly (readonly [Parameters<typeof cacheStatus>[0], string])[] = [
    [{ outcome: 'memory', reason: 'fresh' }, 'hotbucket; hit'],
    [{ outcome: 'miss', reason: 'absent', originStatus: 200, stored: true }, 'hotbucket; fwd=miss; fwd-status=200; stored'],
    [
      { outcome: 'miss', reason: 'memory-full', originStatus: 206, stored: false },
      'hotbucket; fwd=miss; fwd-status=206; detail=memory-full',
    ],
    [
      { outcome: 'coalesced', reason: 'absent', originStatus: 200, stored: true, collapsed: true },
      'hotbucket; fwd=miss; fwd-status=200; stored; collapsed',
    ],
    [{ outcome: 'miss', reason: 'body-evicted' }, 'hotbucket; fwd=partial; detail=body-evicted'],
    [{ outcome: 'revalidated', reason: 'expired', originStatus: 304 }, 'hotbucket; fwd=stale; fwd-status=304; detail=expired'],
    [{ outcome: 'revalidated', reason: 'strict-mode' }, 'hotbucket; fwd=stale; detail=strict-mode'],
    [{ outcome: 'revalidated', reason: 'client-no-cache' }, 'hotbucket; fwd=request; detail=client-no-cache'],
    [{ outcome: 'stale', reason: 'stale-if-error' }, 'hotbucket; hit; detail=stale-if-error'],
    [{ outcome: 'not-modified', reason: 'fresh' }, 'hotbucket; hit'],
    [
      { outcome: 'pass', reason: 'uncacheable-operation', originStatus: 200 },
      'hotbucket; fwd=bypass; fwd-status=200; detail=uncacheable-operation',
    ],
    [
      { outcome: 'write', reason: 'uncacheable-operation', originStatus: 204 },
      'hotbucket; fwd=method; fwd-status=204; detail=uncacheable-operation',
    ],
    [{ outcome: 'refused', reason: 'authentication' }, 'hotbucket; detail=authentication'],
    [{ outcome: 'failed', reason: 'origin' }, 'hotbucket; detail=origin'],
  ]
  for (const [facts, wanted] of cases) assert.equal(cacheStatus(facts), wanted)
})

test('cacheStatus() is a well-formed member for every outcome, reason and fact', () => {
  for (const outcome of OUTCOME_NAMES) {
    for (const reason of Object.keys(REASONS) as Reason[]) {
      for (const facts of [{}, { originStatus: 503 }, { originStatus: 200, stored: true, collapsed: true }]) {
        const parameters = parseMember(cacheStatus({ outcome, reason, ...facts }))
        const forward = parameters.get('fwd')
        assert.ok(!(parameters.has('hit') && forward !== undefined), 'hit and fwd exclude each other')
        if (forward !== undefined) assert.ok(FORWARD_WORDS.includes(String(forward)))
        for (const name of ['fwd-status', 'stored', 'collapsed'])
          assert.ok(forward !== undefined || !parameters.has(name), `${name} only with fwd`)
      }
    }
  }
})

test('what fetched, shared or wrote is never called a hit, and a hit from memory always is', () => {
  const never: readonly Outcome[] = ['miss', 'coalesced', 'pass', 'write', 'refused', 'failed', 'client-gone']
  for (const reason of Object.keys(REASONS) as Reason[]) {
    for (const outcome of never) assert.ok(!parseMember(cacheStatus({ outcome, reason })).has('hit'), `${outcome} ${reason}`)
    assert.ok(parseMember(cacheStatus({ outcome: 'memory', reason })).has('hit'))
  }
})
