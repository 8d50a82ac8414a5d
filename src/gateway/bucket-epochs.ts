/** How many buckets have an epoch of their own; past that all buckets get a new one together. */
const BUCKETS_MAX = 10_000

/**
 * Epochs of buckets: part of every cache key, so that a bucket is forgotten whole by naming its objects anew. What is left under the
 * old names is never found again and falls to eviction.
 */
export class BucketEpochs {
  readonly #own = new Map<string, number>()
  #shared = 0
  #last = 0

  /** `name`: origin and bucket. */
  of(name: string): number {
    return this.#own.get(name) ?? this.#shared
  }

  forget(name: string): void {
    this.#last += 1
    if (this.#own.size >= BUCKETS_MAX && !this.#own.has(name)) {
      this.#own.clear()
      this.#shared = this.#last
      return
    }
    this.#own.set(name, this.#last)
  }
}
