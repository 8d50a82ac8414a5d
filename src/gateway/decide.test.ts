import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consistency } from '../config/config.ts'
import { clientWish, decide, mustAskItself, parseClientWish } from './decide.ts'

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

test('decide() never asks for a client that wants a cached answer only', () => {
  const input = { known: { etag: '"a"', validatedAtMs: NOW_MS - 5000 }, confirmedEtag: undefined, nowMs: NOW_MS }
  const ONLY = parseClientWish('only-if-cached')
  const refused = { kind: 'refuse', reason: 'only-if-cached' }
  assert.deepEqual(decide({ ...input, mode: ttl(5000), wish: ONLY }), refused)
  assert.deepEqual(decide({ ...input, mode: STRICT, wish: ONLY }), refused)
  assert.deepEqual(decide({ ...input, mode: IMMUTABLE, wish: parseClientWish('only-if-cached, max-age=4') }), refused)
  assert.equal(decide({ ...input, mode: ttl(5001), wish: ONLY }).kind, 'serve')
})

test('decide() never serves a stale answer to an error where the mode has no such window', () => {
  const known = { etag: '"a"', validatedAtMs: NOW_MS - 1000 }
  const decision = decide({ known, confirmedEtag: undefined, mode: ttl(1000), wish: WISH, nowMs: NOW_MS })
  assert.deepEqual(decision, { kind: 'revalidate', reason: 'expired', staleIfError: false })
})

test('mustAskItself() holds for the strict mode and for clients that want an end-to-end answer', () => {
  assert.equal(mustAskItself(STRICT, WISH), true)
  assert.equal(mustAskItself(ttl(1000), WISH), false)
  assert.equal(mustAskItself(IMMUTABLE, parseClientWish('no-cache')), true)
  assert.equal(mustAskItself(IMMUTABLE, parseClientWish('max-age=0')), true)
  assert.equal(mustAskItself(IMMUTABLE, parseClientWish('max-age=1')), false)
})

test('clientWish() reads repeated fields as one list', () => {
  const wish = clientWish(['cache-control', 'max-age=5', 'host', 'h', 'cache-control', 'no-store, only-if-cached'])
  assert.deepEqual(wish, { noCache: false, noStore: true, onlyIfCached: true, maxAgeMs: 5000 })
  assert.equal(clientWish(['host', 'h']), WISH)
})

test('decide() takes a confirmation time in the future as now', () => {
  assert.equal(decideAt(ttl(1000), -5000), 'serve fresh')
})
