import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consistency } from '../config/config.ts'
import { decide, parseClientWish } from './decide.ts'

const NOW_MS = 1_000_000
const WISH = parseClientWish(undefined)
const IMMUTABLE: Consistency = { kind: 'immutable' }
const STRICT: Consistency = { kind: 'strict' }
const ttl = (ttlMs: number, staleWhileRevalidateMs = 0, staleIfErrorMs = 0): Consistency => ({
  kind: 'ttl',
  ttlMs,
  staleWhileRevalidateMs,
  staleIfErrorMs,
})

function decideAt(mode: Consistency, ageMs: number, more: { cacheControl?: string; confirmedEtag?: string } = {}): string {
  const decision = decide({
    known: { etag: '"a"', validatedAtMs: NOW_MS - ageMs },
    confirmedEtag: more.confirmedEtag,
    mode,
    wish: parseClientWish(more.cacheControl),
    nowMs: NOW_MS,
  })
  return `${decision.kind} ${decision.reason}`
}

test('decide() fetches what is absent, and refuses where only a cached answer is wanted', () => {
  const input = { known: undefined, confirmedEtag: undefined, mode: IMMUTABLE, nowMs: NOW_MS }
  assert.deepEqual(decide({ ...input, wish: WISH }), { kind: 'fetch', reason: 'absent' })
  assert.deepEqual(decide({ ...input, wish: parseClientWish('only-if-cached') }), { kind: 'refuse', reason: 'only-if-cached' })
})

test('decide() serves immutable objects at any age', () => {
  assert.equal(decideAt(IMMUTABLE, 0), 'serve fresh')
  assert.equal(decideAt(IMMUTABLE, 1e12), 'serve fresh')
})

test('decide() asks before every hit in strict mode, once', () => {
  assert.equal(decideAt(STRICT, 0), 'revalidate strict-mode')
  assert.equal(decideAt(STRICT, 0, { confirmedEtag: '"a"' }), 'serve fresh')
  assert.equal(decideAt(STRICT, 0, { confirmedEtag: '"b"' }), 'revalidate strict-mode')
})

test('decide() serves within the ttl and revalidates at its edge', () => {
  assert.equal(decideAt(ttl(60_000), 59_999), 'serve fresh')
  assert.equal(decideAt(ttl(60_000), 60_000), 'revalidate expired')
  assert.equal(decideAt(ttl(0), 0), 'revalidate expired')
})

test('decide() serves stale while revalidating only inside that window', () => {
  assert.equal(decideAt(ttl(60_000, 30_000), 89_999), 'serve stale-while-revalidate')
  assert.equal(decideAt(ttl(60_000, 30_000), 90_000), 'revalidate expired')
})

test('decide() allows a stale answer to an error only inside its window, and never where the client wants an end-to-end answer', () => {
  const known = (ageMs: number) => ({ etag: '"a"', validatedAtMs: NOW_MS - ageMs })
  const base = { confirmedEtag: undefined, mode: ttl(1000, 0, 5000), nowMs: NOW_MS }
  const staleIfError = (ageMs: number, cacheControl?: string): boolean => {
    const decision = decide({ ...base, known: known(ageMs), wish: parseClientWish(cacheControl) })
    return decision.kind === 'revalidate' && decision.staleIfError
  }
  assert.equal(staleIfError(6000), true)
  assert.equal(staleIfError(6001), false)
  assert.equal(staleIfError(6000, 'no-cache'), false)
})

test('decide() honours no-cache and max-age of the client', () => {
  assert.equal(decideAt(IMMUTABLE, 5000, { cacheControl: 'no-cache' }), 'revalidate client-no-cache')
  assert.equal(decideAt(IMMUTABLE, 5000, { cacheControl: 'max-age=5' }), 'serve fresh')
  assert.equal(decideAt(IMMUTABLE, 5001, { cacheControl: 'Max-Age=5' }), 'revalidate client-no-cache')
  assert.equal(decideAt(IMMUTABLE, 5001, { cacheControl: 'max-age=x, foo' }), 'serve fresh')
})

test('decide() takes a confirmation time in the future as now', () => {
  assert.equal(decideAt(ttl(1000), -5000), 'serve fresh')
})
