import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { percentDecode, percentDecodeForm, percentEncode, percentEncodePath } from './percent.ts'

const bytes = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array).toString('latin1'))

test('percentDecode() undoes percentEncode() and percentEncodePath() for any bytes', () => {
  fc.assert(
    fc.property(bytes, (text) => {
      assert.equal(percentDecode(percentEncode(text)), text)
      assert.equal(percentDecode(percentEncodePath(text)), text)
      assert.match(percentEncode(text), /^(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*$/)
    }),
  )
})

test('percentEncode() leaves only unreserved characters, percentEncodePath() slashes too', () => {
  assert.equal(percentEncode("a-._~/+ !'()*é"), 'a-._~%2F%2B%20%21%27%28%29%2A%E9')
  assert.equal(percentEncodePath('/a/../b%2F'), '/a/../b%252F')
})

test('percentDecode() refuses broken escapes and leaves plus signs alone', () => {
  assert.equal(percentDecode('a+b%2fc%2F'), 'a+b/c/')
  assert.equal(percentDecodeForm('a+b%2B'), 'a b+')
  for (const raw of ['%', '%1', 'a%', '%g0', '%0g', '%%30', '%-1', '%\xb1\xb1']) assert.equal(percentDecode(raw), undefined, raw)
})
