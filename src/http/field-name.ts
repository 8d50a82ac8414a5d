import { assert } from '../base/assert.ts'
import { LOWER_TOKEN } from './byte-class.ts'

/** Fields that decide framing and routing, as numbers for the parser to switch on. */
export const HOST = 1
export const CONTENT_LENGTH = 2
export const TRANSFER_ENCODING = 3
export const CONNECTION = 4
export const EXPECT = 5

const FRAMING_FIELDS = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect']

const SLOTS = 1024
/** Longer names are read, but not remembered. */
const REMEMBERED_LENGTH_MAX = 64

/** One step of the hash that `resolve` wants, over lower-case bytes, starting from 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0
}

/**
 * Field names as lower-case strings. It remembers what clients send, one name a slot, so that a name seen before costs no string; what it
 * remembers only ever changes the speed. Framing fields have their slots for good.
 */
export class FieldNames {
  /** The number of the framing field that was resolved last; 0 for any other name. */
  framingField = 0
  readonly #names: string[] = Array.from({ length: SLOTS }, () => '')
  readonly #numbers = new Uint8Array(SLOTS)

  constructor() {
    for (const [index, name] of FRAMING_FIELDS.entries()) {
      let hash = 0
      for (const byte of Buffer.from(name, 'latin1')) hash = hashStep(hash, byte)
      const slot = slotOf(hash)
      assert(this.#numbers[slot] === 0, 'framing fields have slots of their own')
      this.#names[slot] = name
      this.#numbers[slot] = index + 1
    }
  }

  /** The name in `bytes[start, end)`, in any case there, lower case here; `hash` by `hashStep`. */
  resolve(bytes: Buffer, start: number, end: number, hash: number): string {
    const slot = slotOf(hash)
    const number = this.#numbers[slot] ?? 0
    const remembered = this.#names[slot] ?? ''
    if (isSame(bytes, start, end, remembered)) {
      this.framingField = number
      return remembered
    }
    this.framingField = 0
    // Not a part of a longer string: that would be kept alive by the name.
    const name = bytes.toString('latin1', start, end).toLowerCase()
    if (number === 0 && name.length <= REMEMBERED_LENGTH_MAX) this.#names[slot] = name
    return name
  }
}

function isSame(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (name.length !== end - start) return false
  for (let i = 0; i < name.length; i += 1) if (LOWER_TOKEN[bytes[start + i] ?? 0] !== name.charCodeAt(i)) return false
  return true
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (SLOTS - 1)
}
