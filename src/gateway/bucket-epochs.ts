/** A power of two. Buckets that share an epoch cost each other a cold start when one of them is forgotten, nothing else. */
const EPOCHS = 16_384

/**
 * Epochs of buckets: part of every cache key, so that a bucket is forgotten whole by naming its objects anew. What is left under the
 * old names is never found again and falls to eviction. A fixed table of counters in shared memory, found by a hash of the bucket's
 * name: all threads see an epoch's end at once.
 */
export class BucketEpochs {
  readonly #epochs: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#epochs = new Int32Array(memory)
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(EPOCHS * Int32Array.BYTES_PER_ELEMENT)
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

  forget(name: string): void {
    Atomics.add(this.#epochs, placeOf(name), 1)
  }
}

/** FNV-1a, its high half folded in. */
function placeOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return ((hash >>> 16) ^ hash) & (EPOCHS - 1)
}
