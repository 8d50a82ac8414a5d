// hot path
import type { ObjectVersion } from './api.ts'
import type { Arena } from './arena.ts'
import type { HashIndex } from './hash-index.ts'
import type { NameHash, NameHasher } from './name-hash.ts'
import { isBlockOf, isHeadOf } from './record.ts'

/**
 * Finds records and pins them, without locks, from any thread. The protocol:
 *
 * Reader                                 Owner, reclaiming a segment
 * 1. load slot: hash matches, location L a. pins of the segment are 0, or it is passed over
 * 2. add 1 to the own pins of L's        b. every slot into the segment: store 0, or the place of a copy made before
 *    segment                             c. load the pins of every worker: all 0? the segment is free. Otherwise it waits
 * 3. load the slot again: still L?          until they are 0
 *    no: take the pin back, go on
 * 4. compare the stored name, use, unpin
 *
 * All of these are sequentially consistent (Atomics). If 3 sees L, it came before the b that takes this L out of the slot, and
 * so 2 came before c: the owner sees the pin and leaves the bytes alone. That L may be another than the one that 1 saw, if
 * the segment was reclaimed and written to in between: then it is as good as any. If 3 sees something else, the reader has used
 * nothing; its pin may have been on a segment that is free or another owner's by now, and kept that from being reclaimed for
 * a moment. A record is committed before its location is first stored, and its bytes do not change until its segment is
 * free, so what 4 reads is whole. The slot may meanwhile name a newer record: the reader keeps the version it found, as if it
 * had come a moment earlier.
 *
 * c loads one count after the other, not all at once. That is enough: after b no new pin passes 3, so a worker whose count
 * was seen at 0 holds nothing here; and no pin moves from one worker's count to another's, except when the owner hands bytes
 * on, and the owner does not reclaim at the same time.
 */
export class RecordLookup {
  readonly #arena: Arena
  readonly #index: HashIndex
  #slot = 0

  constructor(arena: Arena, index: HashIndex) {
    this.#arena = arena
    this.#index = index
  }

  /** The slot in which the last successful `find…` found its record. */
  get slot(): number {
    return this.#slot
  }

  /** Location of the head of the object whose key was hashed last, its segment pinned; undefined where there is none. */
  findHead(key: NameHasher): number | undefined {
    for (let c = this.#index.probe(key, 0); c !== undefined; c = this.#index.probe(key, c + 1)) {
      const location = this.#pin(this.#index.slotAt(key, c))
      if (location === undefined) continue
      const segment = this.#arena.segmentOf(location)
      if (isHeadOf(this.#arena.view(segment), this.#arena.offsetOf(location), key)) return location
      this.#arena.unpin(segment)
    }
    return undefined
  }

  /** Location of a block, its segment pinned; undefined where there is none. */
  findBlock(hash: NameHash, version: ObjectVersion, blockNo: number): number | undefined {
    for (let c = this.#index.probe(hash, 0); c !== undefined; c = this.#index.probe(hash, c + 1)) {
      const location = this.#pin(this.#index.slotAt(hash, c))
      if (location === undefined) continue
      const segment = this.#arena.segmentOf(location)
      if (isBlockOf(this.#arena.view(segment), this.#arena.offsetOf(location), version, blockNo)) return location
      this.#arena.unpin(segment)
    }
    return undefined
  }

  #pin(slot: number): number | undefined {
    const location = this.#index.locationAt(slot)
    if (location === 0) return undefined
    const segment = this.#arena.segmentOf(location)
    this.#arena.pin(segment)
    if (this.#index.locationAt(slot) === location) {
      this.#slot = slot
      return location
    }
    this.#arena.unpin(segment)
    return undefined
  }
}
