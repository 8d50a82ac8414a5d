import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownAuthorizations } from './known-authorizations.ts'
import { deriveSigningKey } from './signing-key.ts'

const KEY = deriveSigningKey('secret', '20260301', 'eu-west-1', 's3')
const SIGNATURE = 'ab'.repeat(32)

function authorization(accessKeyId: string, signature = SIGNATURE): string {
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260301/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`
}

test('KnownAuthorizations finds what a value says by all of it but the signature', () => {
  const known = new KnownAuthorizations()
  assert.equal(known.find(authorization('A')), undefined)
  known.remember(authorization('A'), 'secret', KEY)
  const found = known.find(authorization('A', 'cd'.repeat(32)))
  assert.equal(found?.credential.accessKeyId, 'A')
  assert.equal(found.signedHeaders.text, 'host;x-amz-date')
  assert.equal(found.signingKey, KEY)
  for (const other of [authorization('B'), authorization('A').replace('host;', ''), authorization('A').replace(', S', ',S')]) {
    assert.equal(known.find(other), undefined)
  }
})

test('KnownAuthorizations finds nothing for a value that ends in something else than a signature', () => {
  const known = new KnownAuthorizations()
  known.remember(authorization('A'), 'secret', KEY)
  for (const end of [`${'a'.repeat(55)},Region=`, `,${'a'.repeat(63)}`, `${'a'.repeat(63)},`, 'short', '']) {
    assert.equal(known.find(authorization('A', end)), undefined, end)
  }
  assert.equal(known.find('ab'.repeat(32)), undefined)
  const reordered = `AWS4-HMAC-SHA256 Signature=${SIGNATURE}, Credential=A/20260301/eu-west-1/s3/aws4_request, SignedHeaders=${'host;'.repeat(20)}host`
  known.remember(reordered, 'secret', KEY)
  assert.equal(known.find(reordered), undefined)
})

test('KnownAuthorizations replaces the secret of a value', () => {
  const known = new KnownAuthorizations()
  known.remember(authorization('A'), 'old', KEY)
  known.find(authorization('A'))
  known.remember(authorization('A'), 'new', KEY)
  assert.equal(known.find(authorization('A'))?.secretAccessKey, 'new')
  assert.equal(known.size, 1)
})

test('KnownAuthorizations holds no more values than it may, and none that is too long', () => {
  const known = new KnownAuthorizations(10)
  for (let i = 0; i < 25; i++) {
    known.remember(authorization(`KEY${i}`), 'secret', KEY)
    for (let older = 0; older <= i; older++) {
      const found = known.find(authorization(`KEY${older}`))
      assert.equal(found?.credential.accessKeyId, older > i - 10 ? `KEY${older}` : undefined)
    }
    assert.equal(known.size, Math.min(i + 1, 10))
  }
  known.remember(authorization('K'.repeat(1024)), 'secret', KEY)
  assert.equal(known.find(authorization('K'.repeat(1024))), undefined)
})
