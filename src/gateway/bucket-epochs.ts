/** A power of two. Buckets that share an epoch cost each other a cold start when one of them is forgotten, nothing else. */
const EPOCHS = 16_384

/** Sees to it that an epoch is not begun again by a restart. Never rejects. */
export type KeepEpoch = (place: number, epoch: number) => Promise<void>

/**
 * Epochs of buckets: part of every cache key, so that a bucket is forgotten whole by naming its objects anew. What is left under the
 * old names is never found again and falls to eviction. A fixed table of counters in shared memory, found by a hash of the bucket's
 * name: all threads see an epoch's end at once.
 */
export class BucketEpochs {
  readonly #epochs: Int32Array

  readonly #keep: KeepEpoch | undefined

  constructor(memory: SharedArrayBuffer, keep?: KeepEpoch) {
    this.#epochs = new Int32Array(memory)
    this.#keep = keep
  }

  /** `kept`: what `KeepEpoch` was told in earlier sessions. */
  static allocate(kept: ReadonlyMap<number, number> = new Map()): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(EPOCHS * Int32Array.BYTES_PER_ELEMENT)
    const epochs = new Int32Array(memory)
    for (const [place, epoch] of kept) if (place < EPOCHS) epochs[place] = epoch
    return memory
  }

  /** `name`: origin and bucket. */
  of(name: string): number {
    return this.at(this.placeOf(name))
  }

  /** The epoch of the buckets at a place. */
  at(place: number): number {
    return Atomics.load(this.#epochs, place)
  }

  /** Where a bucket's epoch is; always the same. */
  placeOf(name: string): number {
    return placeOf(name)
  }

  /**
   * Resolves when no later process finds the bucket's objects either; undefined: done. Never rejects. `before` a write, a later process is
   * kept from finding what is read until it is forgotten `after` the write, too.
   */
  forget(name: string, when: 'before' | 'after'): Promise<void> | undefined {
    const place = placeOf(name)
    const epoch = Atomics.add(this.#epochs, place, 1) + 1
    return this.#keep?.(place, when === 'before' ? epoch + 1 : epoch)
  }
}

/** FNV-1a, its high half folded in. */
function placeOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return ((hash >>> 16) ^ hash) & (EPOCHS - 1)
}
