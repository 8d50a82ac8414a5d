// hot path
import { createHmac, hash } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { SCOPE_END } from './canonical.ts'

/** SHA-256's block, and what a shorter HMAC key is filled up to (RFC 2104). */
const BLOCK_BYTES = 64
const DIGEST_BYTES = 32
const HEX_DIGITS = 2 * DIGEST_BYTES
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c
/** Room for a string to sign, which is 140 bytes and the names of region and service. Longer texts get memory of their own. */
const TEXT_BYTES = 256

/**
 * A key for HMAC-SHA-256, prepared for signing many short texts: the padded key stands in front of a buffer that each text is written
 * into, so that a signature is two one-shot hashes and nothing else (RFC 2104: H(outer || H(inner || text))). Private fields, so
 * that no inspection shows the key.
 */
export class SigningKey {
  readonly #inner = Buffer.alloc(BLOCK_BYTES + TEXT_BYTES, INNER_PAD)
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, OUTER_PAD)
  /** The part of #inner that the last text filled: texts of one key are mostly of one length. */
  #filled: Buffer = this.#inner
  /** What #inner holds before the hash that was signed last. */
  #beforeHash: string | undefined = undefined

  /** `key` has at most 64 bytes. */
  constructor(key: Uint8Array) {
    assert(key.length <= BLOCK_BYTES, 'SigningKey: a key of at most one block')
    for (const [i, byte] of key.entries()) {
      this.#inner[i] = byte ^ INNER_PAD
      this.#outer[i] = byte ^ OUTER_PAD
    }
  }

  /** The HMAC-SHA-256 of a latin1 view of bytes, in lower-case hex. */
  sign(text: string): string {
    return this.#finish(this.#padded(text))
  }

  #finish(padded: Buffer): string {
    // 'binary' strings: a Buffer for a result costs twice as much as the hash.
    this.#outer.write(hash('sha256', padded, 'binary'), BLOCK_BYTES, 'latin1')
    return hash('sha256', this.#outer, 'hex')
  }

  /** Whether `signature` is that of the text. Compares in constant time. Upper-case hex is no signature. */
  hasSigned(text: string, signature: string): boolean {
    return signature.length === HEX_DIGITS && sameDigits(this.sign(text), signature)
  }

  /** The same for a text that ends in a SHA-256 in hex; what stands before that is often the same as the last time. */
  hasSignedHash(beforeHash: string, hashHex: string, signature: string): boolean {
    const length = BLOCK_BYTES + beforeHash.length + HEX_DIGITS
    if (signature.length !== HEX_DIGITS || hashHex.length !== HEX_DIGITS || length > this.#inner.length)
      return this.hasSigned(beforeHash + hashHex, signature)
    if (beforeHash !== this.#beforeHash) this.#inner.write(beforeHash, BLOCK_BYTES, 'latin1')
    this.#beforeHash = beforeHash
    this.#inner.write(hashHex, length - HEX_DIGITS, 'latin1')
    if (this.#filled.length !== length) this.#filled = this.#inner.subarray(0, length)
    return sameDigits(this.#finish(this.#filled), signature)
  }

  #padded(text: string): Buffer {
    this.#beforeHash = undefined
    const length = BLOCK_BYTES + text.length
    if (length > this.#inner.length) return Buffer.concat([this.#inner.subarray(0, BLOCK_BYTES), Buffer.from(text, 'latin1')])
    this.#inner.write(text, BLOCK_BYTES, 'latin1')
    if (this.#filled.length !== length) this.#filled = this.#inner.subarray(0, length)
    return this.#filled
  }
}

/** Compares two texts of equal length in a time that does not depend on where they differ. */
function sameDigits(a: string, b: string): boolean {
  let difference = 0
  for (let i = 0; i < HEX_DIGITS; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** Derives the key for one day (`YYYYMMDD`), region and service: four HMACs ("Derive a signing key for Signature Version 4"). */
export function deriveSigningKey(secretAccessKey: string, day: string, region: string, service: string): SigningKey {
  let key = createHmac('sha256', `AWS4${secretAccessKey}`).update(day, 'latin1').digest()
  for (const part of [region, service, SCOPE_END]) key = createHmac('sha256', key).update(part, 'latin1').digest()
  return new SigningKey(key)
}
