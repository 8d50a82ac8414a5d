import { NAME_BYTES_MAX, OTHER_NAME } from './metric-definition.ts'
import { NAME_RECORD_BYTES } from './metric-layout.ts'

/**
 * Names in shared memory, first come, first kept: a slot never changes its name, so a reader on another thread may read while
 * the one writer adds. The length is published last.
 */
export class NameTable {
  readonly #lengths: Int32Array
  readonly #bytes: Uint8Array
  readonly #slots: number
  readonly #known = new Map<string, number>()
  #used = 0

  constructor(buffer: SharedArrayBuffer, byteOffset: number, slots: number) {
    this.#lengths = new Int32Array(buffer, byteOffset, (slots * NAME_RECORD_BYTES) / Int32Array.BYTES_PER_ELEMENT)
    this.#bytes = new Uint8Array(buffer, byteOffset, slots * NAME_RECORD_BYTES)
    this.#slots = slots
    for (const name of this.names()) this.#known.set(name, this.#used++)
  }

  /** The slot of a name, taken now if there is one free. The last number, `slots`, stands for all other names. */
  slotOf(name: string): number {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const bytes = Buffer.from(name, 'utf8')
    if (this.#used === this.#slots || bytes.length === 0 || bytes.length > NAME_BYTES_MAX || name === OTHER_NAME) return this.#slots
    const slot = this.#used++
    this.#bytes.set(bytes, slot * NAME_RECORD_BYTES + Int32Array.BYTES_PER_ELEMENT)
    Atomics.store(this.#lengths, (slot * NAME_RECORD_BYTES) / Int32Array.BYTES_PER_ELEMENT, bytes.length)
    this.#known.set(name, slot)
    return slot
  }

  /** The names so far, by slot. */
  names(): string[] {
    const names: string[] = []
    for (let slot = 0; slot < this.#slots; slot++) {
      const length = Atomics.load(this.#lengths, (slot * NAME_RECORD_BYTES) / Int32Array.BYTES_PER_ELEMENT)
      if (length === 0) break
      const start = slot * NAME_RECORD_BYTES + Int32Array.BYTES_PER_ELEMENT
      // Copied: text cannot be decoded out of shared memory directly.
      names.push(Buffer.from(this.#bytes.slice(start, start + length)).toString('utf8'))
    }
    return names
  }
}
