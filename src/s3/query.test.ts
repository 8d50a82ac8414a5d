import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from './errors.ts'
import { hasQuery, parseQuery, queryValue, queryValuesAnyCase, splitPresignedQuery, stripAuthQuery } from './query.ts'

const PRESIGN =
  'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=A%2F20260301&X-Amz-Date=20260301T000000Z&X-Amz-Expires=60&X-Amz-Security-Token=t%3D&X-Amz-Signature=00&X-Amz-SignedHeaders=host'

test('parseQuery() decodes names and values and keeps the raw pieces', () => {
  assert.deepEqual(parseQuery(''), [])
  assert.deepEqual(parseQuery('&&'), [])
  assert.deepEqual(parseQuery('acl'), [{ name: 'acl', value: '', raw: 'acl' }])
  assert.deepEqual(parseQuery('a=1&&b=%2B+x=y&a='), [
    { name: 'a', value: '1', raw: 'a=1' },
    { name: 'b', value: '+ x=y', raw: 'b=%2B+x=y' },
    { name: 'a', value: '', raw: 'a=' },
  ])
  assert.equal(parseQuery('prefix=%C3%A9')[0]?.value, '\xc3\xa9')
  assert.equal(parseQuery('version%49d=x')[0]?.name, 'versionId')
})

test('parseQuery() refuses bad escapes', () => {
  for (const query of ['a=%', 'a=%2', '%zz=1', 'a=1&b=%x1']) {
    assert.throws(
      () => parseQuery(query),
      (error) => error instanceof Refusal && error.code === 'InvalidURI',
      query,
    )
  }
})

test('queryValue() finds the first value and minds the case, queryValuesAnyCase() all of them and does not', () => {
  const query = parseQuery('a=1&A=2&a=3&X-AMZ-date=4&x-amz-Date=5')
  assert.equal(queryValue(query, 'a'), '1')
  assert.equal(queryValue(query, 'b'), undefined)
  assert.equal(hasQuery(query, 'A'), true)
  assert.equal(hasQuery(query, 'X-Amz-Date'), false)
  assert.deepEqual(queryValuesAnyCase(query, 'x-amz-date'), ['4', '5'])
})

test('stripAuthQuery() removes what authenticates and touches nothing else', () => {
  const rest = 'prefix=a%2fb+c&&list-type=2&delimiter=%2F&x-amz-acl=private&empty&='
  assert.equal(stripAuthQuery(''), '')
  assert.equal(stripAuthQuery(rest), rest)
  assert.equal(stripAuthQuery(PRESIGN), '')
  assert.equal(stripAuthQuery(`${PRESIGN}&${rest}`), rest)
  assert.equal(stripAuthQuery(`versionId=1&${PRESIGN}&x-id=GetObject`), 'versionId=1&x-id=GetObject')
  assert.equal(stripAuthQuery('AWSAccessKeyId=A&a=1&Expires=9&Signature=x%3D&b=2'), 'a=1&b=2')
  assert.equal(stripAuthQuery('%58-Amz-Signature=00&x-amz-CREDENTIAL=1&expires=kept'), 'expires=kept')
})

test('splitPresignedQuery() turns parameters that stand for fields into fields', () => {
  const query = `x-id=PutObject&${PRESIGN}&x-amz-acl=public-read&X-Amz-Meta-Name=%C3%A9+x&x-amz-acl=second`
  assert.deepEqual(splitPresignedQuery(query), {
    rawQuery: 'x-id=PutObject',
    headers: ['x-amz-acl', 'public-read', 'x-amz-meta-name', '\xc3\xa9 x'],
  })
})

test('splitPresignedQuery() refuses parameters that would break a field line', () => {
  for (const query of ['x-amz-meta-a=%0d%0ax-amz-acl:public', 'x-amz-meta-a=%00', 'x-amz-meta%0A=1', 'x-amz-a%3Ab=1']) {
    assert.throws(() => splitPresignedQuery(query), Refusal, query)
  }
})
