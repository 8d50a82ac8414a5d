import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evaluateConditions, hasConditions, hasUnusualConditions, ifRangeMatches } from './conditions.ts'
import { formatHttpDate, parseHttpDate } from './http-date.ts'

const ETAG = '"d41d8cd98f00b204e9800998ecf8427e-2"'
const MODIFIED = 'Sun, 01 Mar 2026 12:00:00 GMT'
const BEFORE = 'Sun, 01 Mar 2026 11:59:59 GMT'
const AFTER = 'Sun, 01 Mar 2026 12:00:01 GMT'
const NOW_MS = Date.parse('2026-03-02T00:00:00Z')
const FUTURE = 'Mon, 02 Mar 2026 00:00:01 GMT'
const CURRENT = { etag: ETAG, lastModified: MODIFIED }

const NO = undefined

test('evaluateConditions() follows the truth table of S3', () => {
  const other = '"other"'
  type Row = [
    match: string | undefined,
    unmodified: string | undefined,
    noneMatch: string | undefined,
    modified: string | undefined,
    result: string,
  ]
  const rows: Row[] = [
    [NO, NO, NO, NO, 'proceed'],
    // If-Match alone, and over If-Unmodified-Since.
    [ETAG, NO, NO, NO, 'proceed'],
    [other, NO, NO, NO, 'precondition-failed'],
    [ETAG, BEFORE, NO, NO, 'proceed'],
    [other, AFTER, NO, NO, 'precondition-failed'],
    // If-Unmodified-Since alone.
    [NO, BEFORE, NO, NO, 'precondition-failed'],
    [NO, MODIFIED, NO, NO, 'proceed'],
    [NO, AFTER, NO, NO, 'proceed'],
    [NO, FUTURE, NO, NO, 'proceed'],
    // If-None-Match alone, and over If-Modified-Since.
    [NO, NO, ETAG, NO, 'not-modified'],
    [NO, NO, other, NO, 'proceed'],
    [NO, NO, other, AFTER, 'proceed'],
    [NO, NO, ETAG, BEFORE, 'not-modified'],
    // If-Modified-Since alone.
    [NO, NO, NO, BEFORE, 'proceed'],
    [NO, NO, NO, MODIFIED, 'not-modified'],
    [NO, NO, NO, AFTER, 'not-modified'],
    [NO, NO, NO, FUTURE, 'proceed'],
    // What fails with 412 wins over what answers 304.
    [NO, BEFORE, ETAG, AFTER, 'precondition-failed'],
    [other, NO, ETAG, NO, 'precondition-failed'],
    [ETAG, NO, ETAG, NO, 'not-modified'],
    [ETAG, BEFORE, NO, AFTER, 'not-modified'],
    [ETAG, BEFORE, other, AFTER, 'proceed'],
    [ETAG, NO, NO, BEFORE, 'proceed'],
    // Dates that are none have no effect.
    [NO, 'yesterday', NO, NO, 'proceed'],
    [NO, NO, NO, 'yesterday', 'proceed'],
  ]
  for (const row of rows) {
    const names = ['if-match', 'if-unmodified-since', 'if-none-match', 'if-modified-since']
    const headers = names.flatMap((name, i) => (row[i] === undefined ? [] : [name, row[i]]))
    assert.equal(evaluateConditions(headers, CURRENT, NOW_MS), row[4], JSON.stringify(row))
    assert.equal(hasConditions(headers), headers.length > 0)
  }
})

test('evaluateConditions() reads lists, stars, bare and weak entity tags', () => {
  const bare = ETAG.slice(1, -1)
  const matching = ['*', ' * ', ETAG, bare, `"a", ${ETAG}`, `"a",${ETAG},"b"`, `a, ${bare}`, `"with,comma", ${ETAG}`]
  for (const value of matching) {
    assert.equal(evaluateConditions(['if-match', value], CURRENT, NOW_MS), 'proceed', value)
    assert.equal(evaluateConditions(['if-none-match', value], CURRENT, NOW_MS), 'not-modified', value)
  }
  for (const value of ['"a"', '', '""', `"${bare}x"`, `"a,${bare},b"`, 'a*']) {
    assert.equal(evaluateConditions(['if-match', value], CURRENT, NOW_MS), 'precondition-failed', value)
    assert.equal(evaluateConditions(['if-none-match', value], CURRENT, NOW_MS), 'proceed', value)
  }
  assert.equal(evaluateConditions(['if-match', '"a"', 'if-match', ETAG], CURRENT, NOW_MS), 'proceed')
})

test('evaluateConditions() compares strongly for If-Match and weakly for If-None-Match', () => {
  const weak = { etag: `W/${ETAG}`, lastModified: MODIFIED }
  assert.equal(evaluateConditions(['if-match', `W/${ETAG}`], CURRENT, NOW_MS), 'precondition-failed')
  assert.equal(evaluateConditions(['if-match', ETAG], weak, NOW_MS), 'precondition-failed')
  assert.equal(evaluateConditions(['if-match', '*'], weak, NOW_MS), 'proceed')
  assert.equal(evaluateConditions(['if-none-match', `W/${ETAG}`], CURRENT, NOW_MS), 'not-modified')
  assert.equal(evaluateConditions(['if-none-match', ETAG], weak, NOW_MS), 'not-modified')
})

test('evaluateConditions() lets date conditions pass where the object has no date', () => {
  for (const lastModified of [undefined, '']) {
    const undated = { etag: ETAG, lastModified }
    assert.equal(evaluateConditions(['if-modified-since', AFTER], undated, NOW_MS), 'proceed')
    assert.equal(evaluateConditions(['if-unmodified-since', BEFORE], undated, NOW_MS), 'proceed')
  }
})

test('ifRangeMatches() takes the strong ETag or the exact date', () => {
  assert.equal(ifRangeMatches(ETAG, CURRENT, NOW_MS), true)
  assert.equal(ifRangeMatches(MODIFIED, CURRENT, NOW_MS), true)
  assert.equal(ifRangeMatches('Sunday, 01-Mar-26 12:00:00 GMT', CURRENT, NOW_MS), true)
  for (const value of ['"other"', `W/${ETAG}`, BEFORE, AFTER, '', 'x']) assert.equal(ifRangeMatches(value, CURRENT, NOW_MS), false, value)
  assert.equal(ifRangeMatches(`W/${ETAG}`, { etag: `W/${ETAG}`, lastModified: undefined }, NOW_MS), false)
})

test('parseHttpDate() reads every form of a date', () => {
  const timeMs = Date.parse('1994-11-06T08:49:37Z')
  const forms = [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'sun, 06 nov 1994 08:49:37 gmt',
  ]
  forms.push(
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37 -0000',
    '1994-11-06T08:49:37Z',
    '1994-11-06T08:49:37.999Z',
  )
  for (const form of forms) assert.equal(parseHttpDate(form, NOW_MS), timeMs, form)
  assert.equal(formatHttpDate(timeMs), forms[0])
})

test('parseHttpDate() reads two-digit years within fifty years of now', () => {
  assert.equal(parseHttpDate('Wednesday, 01-Jan-76 00:00:00 GMT', NOW_MS), Date.UTC(2076, 0, 1))
  assert.equal(parseHttpDate('Saturday, 01-Jan-77 00:00:00 GMT', NOW_MS), Date.UTC(1977, 0, 1))
})

test('parseHttpDate() refuses what is no date', () => {
  const wrong = [
    '',
    '0',
    'Sun, 31 Feb 2026 00:00:00 GMT',
    'Sun, 01 Mar 2026 24:00:00 GMT',
    'Sun, 01 Mar 2026 00:60:00 GMT',
    'Sun, 01 Foo 2026 00:00:00 GMT',
  ]
  wrong.push(
    'Sun, 01 Mar 2026 00:00:00 CET',
    'Sun, 01 Mar 2026 00:00:00',
    '2026-13-01T00:00:00Z',
    '2026-03-01',
    'Sun, 00 Mar 2026 00:00:00 GMT',
    'Sun, 01 Mar 2026 00:00:61 GMT',
  )
  for (const text of wrong) assert.equal(parseHttpDate(text, NOW_MS), undefined, text)
  assert.equal(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW_MS), Date.UTC(2017, 0, 1))
})

test('hasUnusualConditions() names the forms that servers read differently', () => {
  const usual = [
    { 'if-match': ETAG },
    { 'if-none-match': 'abc-2' },
    { 'if-modified-since': BEFORE },
    { 'if-unmodified-since': BEFORE },
    { range: '*' },
    {},
  ]
  for (const fields of usual) assert.equal(hasUnusualConditions(Object.entries(fields).flat(), NOW_MS), false, JSON.stringify(fields))
  const unusual = [
    { 'if-match': '*' },
    { 'if-match': `${ETAG}, "b"` },
    { 'if-none-match': `W/${ETAG}` },
    { 'if-none-match': '' },
    { 'if-none-match': '"unfinished' },
    { 'if-modified-since': 'yesterday' },
    { 'if-unmodified-since': '' },
    { 'if-modified-since': new Date(NOW_MS + 1000).toUTCString() },
  ]
  for (const fields of unusual) assert.equal(hasUnusualConditions(Object.entries(fields).flat(), NOW_MS), true, JSON.stringify(fields))
  assert.equal(hasUnusualConditions(['if-match', ETAG, 'if-match', ETAG], NOW_MS), true)
})
