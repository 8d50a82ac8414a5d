import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { deriveSigningKey, SigningKey } from './signing-key.ts'

const keyBytes = fc.uint8Array({ minLength: 0, maxLength: 64 })
const latin1 = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

function hmac(key: Uint8Array, text: string): string {
  return createHmac('sha256', key).update(text, 'latin1').digest('hex')
}

test('SigningKey signs as HMAC-SHA-256 does, whatever it signed before', () => {
  fc.assert(
    fc.property(keyBytes, fc.array(latin1, { minLength: 1, maxLength: 6 }), (bytes, texts) => {
      const key = new SigningKey(bytes)
      for (const text of texts) {
        const signature = hmac(bytes, text)
        assert.equal(key.sign(text), signature)
        assert.ok(key.hasSigned(text, signature))
        assert.ok(!key.hasSigned(`${text}x`, signature))
      }
    }),
    { numRuns: 300 },
  )
})

test('SigningKey signs texts of every length around what it has room for', () => {
  const bytes = Buffer.alloc(32, 7)
  const key = new SigningKey(bytes)
  for (let length = 0; length <= 700; length++) assert.equal(key.sign('é'.repeat(length)), hmac(bytes, 'é'.repeat(length)))
})

test('SigningKey takes nothing for a signature but its 64 lower-case hex digits', () => {
  const key = new SigningKey(Buffer.alloc(32, 1))
  const signature = key.sign('text')
  assert.ok(key.hasSigned('text', signature))
  for (const wrong of ['', signature.slice(1), `${signature}0`, signature.toUpperCase(), ` ${signature.slice(1)}`]) {
    assert.ok(!key.hasSigned('text', wrong), wrong)
  }
  for (let i = 0; i < signature.length; i++) {
    const other = signature[i] === '0' ? '1' : '0'
    assert.ok(!key.hasSigned('text', signature.slice(0, i) + other + signature.slice(i + 1)))
  }
})

test('deriveSigningKey() makes the key of the AWS documentation', () => {
  // "Examples of how to derive a signing key for Signature Version 4": the inner check is an HMAC of the known key.
  const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
  const known = Buffer.from('c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9', 'hex')
  assert.equal(deriveSigningKey(secret, '20150830', 'us-east-1', 'iam').sign('text'), hmac(known, 'text'))
})

test('SigningKey shows no key to whoever inspects it', () => {
  assert.equal(inspect(new SigningKey(Buffer.alloc(32, 1)), { showHidden: true, depth: 5 }), 'SigningKey {}')
})
