// hot path
import type { ObjectVersion } from './api.ts'
import { Arena, type SegmentView } from './arena.ts'
import { HashIndex } from './hash-index.ts'
import { NameHasher, nameFits, type NameHash } from './name-hash.ts'
import { isVerified, verifyRecord } from './record.ts'
import { RecordLookup } from './record-lookup.ts'
import type { CacheShare } from './share.ts'

/** When a record's checksum is compared: at its first read after commit, or at every read. */
export type VerifyReads = 'first' | 'always'

/** A record that was found: its segment is pinned until `RecordFinder.unpin(segment)`. */
export interface FoundRecord {
  readonly view: SegmentView
  readonly segment: number
  readonly offset: number
}

/** What the names of all blocks of one version have in common, and whose they are. */
export interface VersionHash extends NameHash {
  readonly owner: number
}

/** A record whose bytes are not what was written: only the owner of its part may take it out of the index. */
export interface CorruptRecord extends NameHash {
  readonly location: number
}

/** What any thread may do: find records of all owners, pinned, by the protocol in record-lookup.ts. */
export class RecordFinder {
  readonly arena: Arena
  readonly hasher: NameHasher
  /** Called when a segment lost this worker's last pin: there may be room again. */
  onIdle: () => void = () => undefined
  /** Called with a record that failed its checksum and is not given out. */
  onCorrupt: (owner: number, record: CorruptRecord) => void = () => undefined
  readonly #owners: number
  readonly #parts: number
  readonly #indexes: readonly HashIndex[]
  readonly #lookups: readonly RecordLookup[]
  readonly #verifiesAlways: boolean

  constructor(share: CacheShare, worker: number, verifyReads: VerifyReads) {
    this.arena = new Arena(share, worker)
    this.hasher = new NameHasher(share.seed)
    this.#owners = share.layout.owners
    this.#parts = share.parts
    this.#indexes = Array.from({ length: this.#owners }, (_, owner) => new HashIndex(share, owner))
    this.#lookups = this.#indexes.map((index) => new RecordLookup(this.arena, index))
    this.#verifiesAlways = verifyReads === 'always'
  }

  indexOf(owner: number): HashIndex {
    return itemAt(this.#indexes, owner)
  }

  /** The worker that alone stores, fills and forgets this object. Names too long to be stored are all worker 0's. */
  ownerOf(key: string): number {
    if (this.#owners === 1 || !nameFits(key, '')) return 0
    this.hasher.hashHead(key)
    return this.#ownerOfHash()
  }

  /** The part of the key space that an object is in: its shard on disk. */
  partOf(key: string): number {
    if (this.#parts === 1 || !nameFits(key, '')) return 0
    this.hasher.hashHead(key)
    return this.#partOfHash()
  }

  /** The head of `key`, pinned. `counts`: this is a use by a client. */
  findHead(key: string, counts: boolean): FoundRecord | undefined {
    if (!nameFits(key, '')) return undefined
    this.hasher.hashHead(key)
    return this.findHashedHead(counts)
  }

  /** The same for the key that was hashed last. */
  findHashedHead(counts: boolean): FoundRecord | undefined {
    const owner = this.#ownerOfHash()
    const location = itemAt(this.#lookups, owner).findHead(this.hasher)
    return location === undefined ? undefined : this.#found(owner, location, counts)
  }

  /** A block of a version, pinned. `hash` is `versionHash(version)`. */
  findBlock(
    version: ObjectVersion,
    blockNo: number,
    options: { readonly hash: VersionHash; readonly counts: boolean },
  ): FoundRecord | undefined {
    if (!nameFits(version.key, version.etag)) return undefined
    const { hash, counts } = options
    this.hasher.hashBlock(hash, blockNo)
    const location = itemAt(this.#lookups, hash.owner).findBlock(this.hasher, version, blockNo)
    return location === undefined ? undefined : this.#found(hash.owner, location, counts)
  }

  /** Computed once by who reads many blocks. */
  versionHash(version: ObjectVersion): VersionHash {
    const { key, etag } = version
    const owner = this.ownerOf(key)
    return nameFits(key, etag) ? { ...this.hasher.hashVersion(key, etag), owner } : { lo: 0, hi: 0, owner }
  }

  unpin(segment: number): void {
    if (this.arena.unpin(segment)) this.onIdle()
  }

  #ownerOfHash(): number {
    return this.#owners === 1 ? 0 : this.#partOfHash() % this.#owners
  }

  // Bits that choose no bucket: those come from the upper ends of both halves.
  #partOfHash(): number {
    return ((this.hasher.lo ^ Math.imul(this.hasher.hi, 0x2c1b3c6d)) & 0xffff) % this.#parts
  }

  #found(owner: number, location: number, counts: boolean): FoundRecord | undefined {
    const { slot } = itemAt(this.#lookups, owner)
    const segment = this.arena.segmentOf(location)
    const view = this.arena.view(segment)
    const offset = this.arena.offsetOf(location)
    if ((this.#verifiesAlways || !isVerified(view, offset)) && !verifyRecord(view, offset)) {
      this.onCorrupt(owner, { lo: this.hasher.lo, hi: this.hasher.hi, location })
      this.unpin(segment)
      return undefined
    }
    if (counts) itemAt(this.#indexes, owner).touch(slot)
    return { view, segment, offset }
  }
}

function itemAt<Item>(items: readonly Item[], at: number): Item {
  return items[at] as Item
}
