import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { REDACTED, Scrubber } from './scrubber.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY+='
const TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLEtoken//////////wEaCXVz'
const scrubber = new Scrubber([SECRET, TOKEN])

test('scrub() leaves harmless text as it is', () => {
  for (const text of [
    'a/b/c.parquet',
    'sha256/ab/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'aws-cli/2.15 Python/3.11',
    'ключ/鍵',
    'design/sign-off.txt',
    'basic.txt',
    's3://bucket/key',
    'tokenizer/tokenizer.json',
    'x=1&y=2',
  ]) {
    assert.equal(scrubber.scrub(text, 1000), text)
  }
})

test('scrub() hides every form in which access is passed on', () => {
  const hostile = [
    ['https://h/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F2026&X-Amz-Signature=deadbeef01&a=1', 'deadbeef01'],
    ['x-amz-signature=deadbeef02', 'deadbeef02'],
    ['X-Amz-Security-Token%3Ddeadbeef03', 'deadbeef03'],
    ['Authorization: AWS4-HMAC-SHA256 Credential=AKID/x, SignedHeaders=host, Signature=deadbeef04', 'deadbeef04'],
    ['{"authorization":"AWS4-HMAC-SHA256 Credential=A, Signature=deadbeef05"}', 'deadbeef05'],
    ['AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=', 'frJIUN8DYpKDtOLCwo'],
    ['Bearer deadbeef06.x-y', 'deadbeef06'],
    ['Basic ZGVhZGJlZWYwNw==', 'ZGVhZGJlZWYwNw'],
    ['?AWSAccessKeyId=AKID&Expires=1&Signature=deadbeef08%3D', 'deadbeef08'],
    ['connect https://user:deadbeef09@host/ failed', 'deadbeef09'],
    ['aws_secret_access_key = "deadbeef10"', 'deadbeef10'],
    ['aws_session_token: deadbeef11', 'deadbeef11'],
    ['password=deadbeef12', 'deadbeef12'],
    ['X-Goog-Signature=deadbeef13&b', 'deadbeef13'],
    ['x-amz-server-side-encryption-customer-key: deadbeef14', 'deadbeef14'],
  ] as const
  for (const [text, secret] of hostile) assert.ok(!scrubber.scrub(text, 1000).includes(secret), `${text} -> ${scrubber.scrub(text, 1000)}`)
})

test('scrub() removes a known secret wherever it stands, however it is cut', () => {
  const around = fc.string({ unit: 'binary', maxLength: 60 })
  const forms = fc.constantFrom(
    SECRET,
    TOKEN,
    encodeURIComponent(SECRET),
    encodeURIComponent(SECRET).replace(/%../g, (octet) => octet.toLowerCase()),
    JSON.stringify(TOKEN).slice(1, -1),
  )
  fc.assert(
    fc.property(around, forms, around, fc.integer({ min: 1, max: 200 }), (before, secret, after, lengthMax) => {
      const clean = scrubber.scrub(before + secret + after, lengthMax)
      // Half a secret is still a secret: no stretch of 8 characters of it may be left that the text around does not have itself.
      for (let i = 0; i + 8 <= secret.length; i++) {
        const stretch = secret.slice(i, i + 8)
        assert.ok(!clean.includes(stretch) || before.includes(stretch) || after.includes(stretch) || REDACTED.includes(stretch))
      }
    }),
    { numRuns: 2000 },
  )
})

test('scrub() leaves no part of a secret at the cut, however much shorter the text became before it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 600 }),
      (pad, copies, lengthMax) => {
        const clean = scrubber.scrub('.'.repeat(pad) + `${SECRET} `.repeat(copies), lengthMax)
        for (let i = 0; i + 4 <= SECRET.length; i++)
          assert.ok(!clean.includes(SECRET.slice(i, i + 4)), `${SECRET.slice(i, i + 4)} in ${clean}`)
      },
    ),
    { numRuns: 1000 },
  )
})

test('scrub() leaves no character that moves a terminal or starts a line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      assert.doesNotMatch(scrubber.scrub(text, 1000), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/)
    }),
    { numRuns: 1000 },
  )
})

test('scrub() bounds what it gives back', () => {
  assert.equal(scrubber.scrub('x'.repeat(10_000), 100).length, 101)
})

test('scrub() takes linear time on text made to be slow', () => {
  for (const unit of ['secret', 'x-amz-', 'AWS4-HMAC-', '://', 'a-secret_', 'authorization', 'bearer ', '"signature" : ']) {
    const startedMs = performance.now()
    scrubber.scrub(unit.repeat(64 * 1024), 1e6)
    assert.ok(performance.now() - startedMs < 1000, `${unit} took ${performance.now() - startedMs} ms`)
  }
})

test('a secret that is part of another leaves nothing of it', () => {
  const both = new Scrubber(['abcdefgh', 'abcdefghijklmnop'])
  assert.equal(both.scrub('x abcdefghijklmnop y', 100), `x ${REDACTED} y`)
})
