import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseByteSize } from '../base/byte-size.ts'
import {
  bucketPatternsMeet,
  formatExactSize,
  formatHostPort,
  formatMode,
  isBucketPattern,
  isLoopback,
  parseHostPort,
  parseMode,
} from './option-text.ts'

test('parseHostPort() reads names, addresses, IPv6 in brackets and a port alone', () => {
  assert.deepEqual(parseHostPort('127.0.0.1:9000'), { host: '127.0.0.1', port: 9000 })
  assert.deepEqual(parseHostPort('[::1]:0'), { host: '::1', port: 0 })
  assert.deepEqual(parseHostPort('cache.example.com:65535'), { host: 'cache.example.com', port: 65_535 })
  assert.deepEqual(parseHostPort(':9000'), { host: '0.0.0.0', port: 9000 })
  assert.deepEqual(parseHostPort('*:9000'), { host: '0.0.0.0', port: 9000 })
})

test('parseHostPort() refuses a missing or impossible port, bare IPv6 and hosts that are none', () => {
  for (const text of [
    '9000',
    'localhost',
    'localhost:',
    '127.0.0.1:65536',
    '::1:9000',
    '[::g]:1',
    '[127.0.0.1]:1',
    'a b:1',
    '256.1.1.1:1',
    '1.2.3:1',
  ]) {
    assert.equal(parseHostPort(text), undefined, text)
  }
})

test('formatHostPort() brackets IPv6 and reads back', () => {
  for (const text of ['127.0.0.1:9000', '[::1]:80', 'host:1']) assert.equal(formatHostPort(parseHostPort(text)!), text)
})

test('isLoopback() knows 127/8, ::1 and localhost, and nothing that only looks like them', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) assert.equal(isLoopback(host), true, host)
  for (const host of ['0.0.0.0', '::', '127.0.0.1.example.com', '10.0.0.1', 'localhost.example.com'])
    assert.equal(isLoopback(host), false, host)
})

test('parseMode() reads the three modes with their options in any order', () => {
  assert.deepEqual(parseMode('immutable'), { kind: 'immutable' })
  assert.deepEqual(parseMode('strict'), { kind: 'strict' })
  assert.deepEqual(parseMode('ttl=60s'), { kind: 'ttl', ttlMs: 60_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 })
  const full = { kind: 'ttl', ttlMs: 60_000, staleWhileRevalidateMs: 30_000, staleIfErrorMs: 3_600_000 } as const
  assert.deepEqual(parseMode('ttl=60s,swr=30s,sie=1h'), full)
  assert.deepEqual(parseMode('sie=1h, ttl=1m, swr=30s'), full)
})

test('parseMode() refuses what names no ttl, names one twice, or is longer than a year', () => {
  for (const text of [
    '',
    'ttl',
    'ttl=',
    'ttl=60',
    'ttl=0s',
    'swr=1s',
    'ttl=1s,ttl=2s',
    'ttl=366d',
    'ttl=1s,',
    'ttl=1s,x=1s',
    'Immutable',
    'immutable,swr=1s',
  ]) {
    assert.equal(parseMode(text), undefined, text)
  }
  assert.notEqual(parseMode('ttl=365d'), undefined)
})

test('formatMode() reads back as the same mode', () => {
  const ttl = fc.record({
    kind: fc.constant('ttl' as const),
    ttlMs: fc.integer({ min: 1, max: 1e9 }),
    staleWhileRevalidateMs: fc.nat({ max: 1e9 }),
    staleIfErrorMs: fc.nat({ max: 1e9 }),
  })
  fc.assert(
    fc.property(ttl, (mode) => {
      assert.deepEqual(parseMode(formatMode(mode)), { ...mode })
    }),
  )
})

test('formatExactSize() reads back as the same number', () => {
  assert.equal(formatExactSize(0), '0B')
  assert.equal(formatExactSize(1024), '1KiB')
  assert.equal(formatExactSize(1000), '1000B')
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 44 }), (bytes) => {
      assert.equal(parseByteSize(formatExactSize(bytes)), bytes)
    }),
  )
})

test('isBucketPattern() takes names and stars, and no slash, space or double star', () => {
  for (const text of ['*', 'a-bucket', 'old_Bucket.1', 'train-*-2026']) assert.equal(isBucketPattern(text), true, text)
  for (const text of ['', 'a/b', 'a b', '**', 'x'.repeat(256), 'a?']) assert.equal(isBucketPattern(text), false, text)
})

test('bucketPatternsMeet() agrees with trying every short name', () => {
  const matches = (pattern: string, name: string) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
  const names = ['']
  for (let i = 0; names.length < 1000; i++) names.push(`${names[i] ?? ''}a`, `${names[i] ?? ''}b`)
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(pattern, pattern, (left, right) => {
      const expected = names.some((name) => matches(left, name) && matches(right, name))
      assert.equal(bucketPatternsMeet(left, right), expected, `${left} ${right}`)
    }),
    { numRuns: 300 },
  )
})
