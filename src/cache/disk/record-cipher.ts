import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { NameHash } from '../name-hash.ts'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12

/**
 * The keys of a directory that is encrypted at rest (AES-256-GCM, a tag per record). Nothing is encrypted with the user's key
 * itself: every life of a segment has a key of its own, derived from it (HKDF-SHA256, RFC 5869), and the nonce is the record's place
 * in it. A place is written once in a segment's life, so no nonce is used twice under one key.
 */
export class DirectoryCipher {
  readonly #key: Uint8Array
  readonly #uuid: string

  constructor(key: Uint8Array, uuid: string) {
    assert(key.length === KEY_BYTES, `a key has ${KEY_BYTES} bytes`)
    this.#key = key
    this.#uuid = uuid
  }

  /** Tells keys apart without telling anything of them: stands in the superblock. */
  get check(): string {
    return this.#derive('check').toString('hex')
  }

  /** The seed of name hashes: derived, so that the hashes on disk say nothing about names to who has no key. */
  get nameSeed(): NameHash {
    const bytes = this.#derive('names')
    return { lo: bytes.readInt32LE(0), hi: bytes.readInt32LE(4) }
  }

  /** The cipher of one life of a segment. */
  segment(shard: number, segment: number, life: { readonly sequence: number; readonly salt: number }): SegmentCipher {
    return new SegmentCipher(this.#derive(`segment ${shard} ${segment} ${life.sequence} ${life.salt}`))
  }

  #derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key, this.#uuid, `hotbucket disk ${purpose}`, KEY_BYTES))
  }
}

/** Encrypts and decrypts the records of one life of a segment, in place. */
export class SegmentCipher {
  readonly #key: Buffer

  constructor(key: Buffer) {
    this.#key = key
  }

  /** Returns the tag. */
  encrypt(bytes: Buffer, offset: number, authenticated: Uint8Array): Buffer {
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(offset))
    cipher.setAAD(authenticated)
    bytes.set(cipher.update(bytes))
    cipher.final()
    return cipher.getAuthTag()
  }

  /** False where this is not what was encrypted; the bytes are worth nothing then. */
  decrypt(bytes: Buffer, offset: number, proof: { readonly authenticated: Uint8Array; readonly tag: Uint8Array }): boolean {
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonceOf(offset), { authTagLength: proof.tag.length })
    decipher.setAAD(proof.authenticated)
    decipher.setAuthTag(proof.tag)
    const plain = decipher.update(bytes)
    try {
      decipher.final()
    } catch {
      return false
    }
    bytes.set(plain)
    return true
  }
}

function nonceOf(offset: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32LE(offset, 0)
  return nonce
}
