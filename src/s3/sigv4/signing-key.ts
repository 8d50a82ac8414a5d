// hot path
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
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
  readonly #computed = Buffer.alloc(HEX_DIGITS)
  readonly #provided = Buffer.alloc(HEX_DIGITS)

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
    // 'binary' strings: a Buffer for a result costs twice as much as the hash.
    this.#outer.write(hash('sha256', this.#padded(text), 'binary'), BLOCK_BYTES, 'latin1')
    return hash('sha256', this.#outer, 'hex')
  }

  /** Whether `signature` is that of the text. Compares in constant time. Upper-case hex is no signature. */
  hasSigned(text: string, signature: string): boolean {
    if (signature.length !== HEX_DIGITS) return false
    this.#computed.write(this.sign(text), 0, 'latin1')
    this.#provided.write(signature, 0, 'latin1')
    return timingSafeEqual(this.#computed, this.#provided)
  }

  #padded(text: string): Buffer {
    const length = BLOCK_BYTES + text.length
    if (length > this.#inner.length) return Buffer.concat([this.#inner.subarray(0, BLOCK_BYTES), Buffer.from(text, 'latin1')])
    this.#inner.write(text, BLOCK_BYTES, 'latin1')
    if (this.#filled.length !== length) this.#filled = this.#inner.subarray(0, length)
    return this.#filled
  }
}

/** Derives the key for one day (`YYYYMMDD`), region and service: four HMACs ("Derive a signing key for Signature Version 4"). */
export function deriveSigningKey(secretAccessKey: string, day: string, region: string, service: string): SigningKey {
  let key = createHmac('sha256', `AWS4${secretAccessKey}`).update(day, 'latin1').digest()
  for (const part of [region, service, SCOPE_END]) key = createHmac('sha256', key).update(part, 'latin1').digest()
  return new SigningKey(key)
}
