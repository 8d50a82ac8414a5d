// hot path
import { assert } from '../base/assert.ts'
import { RECORD_ROOM_BYTES } from './layout.ts'

/** Bytes of a record's header, before its key. */
export const HEADER_BYTES = 64

/** The longest key and ETag together that a block record has room for. */
const NAME_BYTES_MAX = RECORD_ROOM_BYTES - HEADER_BYTES

/** 64 bits as two signed halves. */
export interface NameHash {
  readonly lo: number
  readonly hi: number
}

/** A seed for a NameHasher. */
export function drawHash(random: () => number): NameHash {
  return { lo: (random() * 0x1_0000_0000) | 0, hi: (random() * 0x1_0000_0000) | 0 }
}

export function nameFits(key: string, etag: string): boolean {
  return key.length + etag.length <= NAME_BYTES_MAX
}

/**
 * Hashes names of records, which are latin1 (`commit` refuses others), seeded per process so that nobody outside can choose keys that fall into one bucket. The result of
 * the `hash…` calls stands in `lo` and `hi` until the next one: a hit allocates nothing for it. Hashes only find; the stored
 * name decides.
 */
export class NameHasher implements NameHash {
  lo = 0
  hi = 0
  readonly #scratch = Buffer.alloc(NAME_BYTES_MAX + 8)
  readonly #words = new Int32Array(this.#scratch.buffer, this.#scratch.byteOffset, this.#scratch.length / 4)
  #length = 0
  /** The key whose hash stands here: one look-up asks for it several times. */
  #head: string | undefined
  readonly #seedLo: number
  readonly #seedHi: number

  constructor(seed: NameHash) {
    this.#seedLo = seed.lo
    this.#seedHi = seed.hi
  }

  /** The name of an object's head: its key. */
  hashHead(key: string): void {
    if (key === this.#head) return
    this.#hashText(key, this.#seedLo, this.#seedHi)
    this.#head = key
  }

  /** True where the text hashed last is the `length` bytes that begin at a word of `words`. */
  isAt(words: Int32Array, word: number, bytes: Uint8Array, length: number): boolean {
    if (length !== this.#length) return false
    const own = this.#words
    const whole = length >> 2
    for (let i = 0; i < whole; i++) if (own[i] !== words[word + i]) return false
    for (let i = whole * 4; i < length; i++) if (this.#scratch[i] !== bytes[word * 4 + i]) return false
    return true
  }

  /** The part that all block names of one version have in common. */
  hashVersion(key: string, etag: string): NameHash {
    this.#hashText(key, this.#seedHi, this.#seedLo)
    this.#hashText(etag, this.lo, this.hi)
    return { lo: this.lo, hi: this.hi }
  }

  /** The name of one block of a version. */
  hashBlock(version: NameHash, blockNo: number): void {
    this.#head = undefined
    this.lo = finalMix(version.lo ^ Math.imul(blockNo + 1, 0x9e3779b1))
    this.hi = finalMix(version.hi ^ Math.imul(blockNo + 1, 0x85ebca6b))
  }

  // Four characters at a time: copying the text out once and mixing words takes half the time of a charCodeAt loop.
  #hashText(text: string, seedLo: number, seedHi: number): void {
    assert(text.length <= NAME_BYTES_MAX, 'names are measured before they are hashed')
    this.#head = undefined
    const words = this.#words
    const written = this.#scratch.write(text, 0, 'latin1')
    this.#length = written
    this.#scratch[written] = 0
    this.#scratch[written + 1] = 0
    this.#scratch[written + 2] = 0
    const count = (written + 3) >> 2
    let lo = seedLo
    let hi = seedHi
    for (let i = 0; i < count; i++) {
      const word = words[i] ?? 0
      lo = Math.imul(lo ^ Math.imul(word, 0xcc9e2d51), 0x1b873593)
      lo = ((lo << 13) | (lo >>> 19)) + 0x52dce729
      hi = Math.imul(hi ^ Math.imul(word, 0x85ebca77), 0xc2b2ae3d)
      hi = ((hi << 15) | (hi >>> 17)) + 0x38495ab5
    }
    this.lo = finalMix(lo ^ written)
    this.hi = finalMix(hi ^ written)
  }
}

function finalMix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
