// hot path
import type { BucketEpochs } from './bucket-epochs.ts'

/** How the names of all objects of a bucket begin in the cache. Most requests are for the bucket of the one before, so the last one is kept. */
export class KeyPrefixes {
  readonly #epochs: BucketEpochs
  #bucket = ''
  #origin = ''
  #place = 0
  #epoch: number | undefined = undefined
  #prefix = ''

  constructor(epochs: BucketEpochs) {
    this.#epochs = epochs
  }

  /** Neither an origin nor a bucket has a NUL in its name; a host that follows a bucket comes after one. */
  of(origin: string, bucket: string): string {
    const known = this.#epoch !== undefined && bucket === this.#bucket && origin === this.#origin
    if (known && this.#epochs.at(this.#place) === this.#epoch) return this.#prefix
    const name = `${origin}\0${bucket}`
    this.#bucket = bucket
    this.#origin = origin
    this.#place = this.#epochs.placeOf(name)
    this.#epoch = this.#epochs.at(this.#place)
    this.#prefix = `${name}\0${this.#epoch}`
    return this.#prefix
  }
}
