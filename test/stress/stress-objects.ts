import assert from 'node:assert/strict'
import { seededRandom } from '../../src/base/random.ts'
import type { HeadInfo, ObjectVersion } from '../../src/cache/api.ts'
import { BLOCK_BYTES } from '../../src/cache/block.ts'

export const KEYS = 160

/** Most keys hold what is read often and in one piece, the others what reclaims segments. */
const SMALL_KEYS = 72
const SMALL_SIZES = [0, 1, 300, 300, 900, 900, 900, 4096, 4096, 20_000]
const LARGE_SIZES = [70_000, 300_000, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2.3 * BLOCK_BYTES]
const SIZE_MAX = 2.3 * BLOCK_BYTES
const META_LENGTHS = [40, 40, 40, 200, 200, 200, 200, 3000, 3000, 30_000]
const STARTS = 1_000_003

/**
 * The objects of a stress run, as all threads know them: bytes, size and metadata of a version follow from its key and number
 * alone, so that a byte of anything else shows, wherever it comes from. What the origin has now, and what may still be seen,
 * stands in shared memory.
 */
export class StressObjects {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #table: Buffer
  readonly #text: string

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((2 * KEYS + 2) * 4)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
    const random = seededRandom(1)
    const words = new Uint32Array(Math.ceil((STARTS + SIZE_MAX + 4) / 4))
    for (let i = 0; i < words.length; i++) words[i] = random() * 0x1_0000_0000
    this.#table = Buffer.from(words.buffer)
    this.#text = this.#table.toString('latin1', 0, 200_000)
  }

  keyOf(keyNo: number): string {
    return `origin\0bucket\0${keyNo % 3}\0some/where/object-${keyNo}`
  }

  /** The version that the origin has. */
  current(keyNo: number): number {
    return Atomics.load(this.#words, keyNo)
  }

  /** Somebody writes to the origin: the number of the new version. */
  overwrite(keyNo: number): number {
    return Atomics.add(this.#words, keyNo, 1) + 1
  }

  /** The oldest version that may still be found. */
  oldestAllowed(keyNo: number): number {
    return Atomics.load(this.#words, KEYS + keyNo)
  }

  /** A write through the cache was answered: what was before it must not be found any more. */
  forbidBefore(keyNo: number, version: number): void {
    const word = KEYS + keyNo
    for (let seen = Atomics.load(this.#words, word); seen < version;) {
      const before = Atomics.compareExchange(this.#words, word, seen, version)
      if (before === seen) return
      seen = before
    }
  }

  /** The wall clock: every look at it is later. */
  now(): number {
    return Atomics.add(this.#words, 2 * KEYS, 1)
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, 2 * KEYS + 1) === 1
  }

  stop(): void {
    Atomics.store(this.#words, 2 * KEYS + 1, 1)
  }

  info(keyNo: number, version: number, variant: 0 | 1): HeadInfo {
    return {
      key: this.keyOf(keyNo),
      etag: `"${version}"`,
      sizeBytes: this.sizeOf(keyNo, version),
      meta: this.#metaOf(keyNo, version, variant),
      validatedAtMs: this.now(),
    }
  }

  sizeOf(keyNo: number, version: number): number {
    const sizes = keyNo < SMALL_KEYS ? SMALL_SIZES : LARGE_SIZES
    return Math.floor(sizes[mix(keyNo, version) % sizes.length] ?? 0)
  }

  bytes(keyNo: number, version: number, start: number, end: number): Buffer {
    const from = mix(version, keyNo) % STARTS
    return this.#table.subarray(from + start, from + end)
  }

  /** The version that a head belongs to; fails where anything in it is of another one. */
  check(keyNo: number, head: HeadInfo & { readonly body?: Uint8Array | undefined }): number {
    const version = versionOf(head)
    assert.equal(head.sizeBytes, this.sizeOf(keyNo, version), `size of ${head.key} ${head.etag}`)
    const variant = head.meta.startsWith('0') ? 0 : 1
    assert.ok(head.meta === this.#metaOf(keyNo, version, variant), `metadata of ${head.key} ${head.etag}`)
    if (head.body !== undefined) this.checkBytes(keyNo, version, 0, head.body)
    return version
  }

  checkBytes(keyNo: number, version: number, start: number, bytes: Uint8Array): void {
    const wanted = this.bytes(keyNo, version, start, start + bytes.length)
    if (wanted.equals(bytes)) return
    const at = wanted.findIndex((byte, i) => byte !== bytes[i])
    assert.fail(`foreign byte at ${start + at} of ${this.keyOf(keyNo)} version ${version}`)
  }

  #metaOf(keyNo: number, version: number, variant: 0 | 1): string {
    const seed = mix(keyNo + 7, version)
    const start = seed % 100_000
    return `${variant}${this.#text.slice(start, start + (META_LENGTHS[seed % META_LENGTHS.length] ?? 0))}`
  }
}

export function versionOf(version: Pick<ObjectVersion, 'etag'>): number {
  return Number(version.etag.slice(1, -1))
}

function mix(a: number, b: number): number {
  let mixed = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return (mixed ^ (mixed >>> 13)) >>> 0
}
