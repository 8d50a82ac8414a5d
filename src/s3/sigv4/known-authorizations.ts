// hot path
import { parseAuthorization, type Credential } from './credential.ts'
import type { SignedHeaders } from './signed-headers.ts'
import type { SigningKey } from './signing-key.ts'

/** What an Authorization value says besides its signature, and the key that such values were verified with. */
export interface KnownAuthorization {
  /** The value up to its signature. */
  readonly prefix: string
  readonly credential: Credential
  readonly signedHeaders: SignedHeaders
  readonly secretAccessKey: string
  readonly signingKey: SigningKey
}

const DEFAULT_MAX_ENTRIES = 1024
const RECENT_ENTRIES = 4
/** Longer values are read anew each time: with the number of entries this bounds the memory. */
const MAX_PREFIX_LENGTH = 1024
const SIGNATURE_LENGTH = 64
const BEFORE_SIGNATURE = 'Signature='

/**
 * Authorization values without their signatures: a client sends the same one all day, so it is read once. Only a value whose
 * signature was right is remembered, so nobody without a key can push others out; every signature is still verified. The
 * oldest goes first.
 */
export class KnownAuthorizations {
  readonly #maxEntries: number
  readonly #byPrefix = new Map<string, KnownAuthorization>()
  /** Some that were found last: comparing texts is ten times cheaper than the hash that the map needs of a new string. */
  readonly #recent: KnownAuthorization[] = []
  #nextRecent = 0

  constructor(maxEntries = DEFAULT_MAX_ENTRIES) {
    this.#maxEntries = maxEntries
  }

  /** What a value says if one like it was right before. Its signature is its last 64 characters then. */
  find(authorization: string): KnownAuthorization | undefined {
    const end = authorization.length - SIGNATURE_LENGTH
    // After a comma something else would stand there than a signature.
    if (end <= 0 || authorization.indexOf(',', end) >= 0) return undefined
    const prefix = authorization.slice(0, end)
    for (const known of this.#recent) if (known.prefix === prefix) return known
    const known = this.#byPrefix.get(prefix)
    if (known !== undefined) this.#used(known)
    return known
  }

  /** Remembers a value whose signature was right. */
  remember(authorization: string, secretAccessKey: string, signingKey: SigningKey): void {
    const end = authorization.length - SIGNATURE_LENGTH
    if (end > MAX_PREFIX_LENGTH || !authorization.endsWith(BEFORE_SIGNATURE, end)) return
    // A copy, and all that is read of it is a part of the copy: parts of a longer string keep all of that.
    const copy = Buffer.from(authorization, 'latin1').toString('latin1')
    const { credential, signedHeaders } = parseAuthorization(copy)
    const prefix = copy.slice(0, end)
    // A new secret for the same key takes the old one's place.
    this.#forget(prefix)
    if (this.#byPrefix.size >= this.#maxEntries) {
      for (const oldest of this.#byPrefix.keys()) {
        this.#forget(oldest)
        break
      }
    }
    const known = { prefix, credential, signedHeaders, secretAccessKey, signingKey }
    this.#byPrefix.set(prefix, known)
    this.#used(known)
  }

  get size(): number {
    return this.#byPrefix.size
  }

  #used(known: KnownAuthorization): void {
    this.#recent[this.#nextRecent] = known
    this.#nextRecent = (this.#nextRecent + 1) % RECENT_ENTRIES
  }

  #forget(prefix: string): void {
    const known = this.#byPrefix.get(prefix)
    if (known === undefined) return
    this.#byPrefix.delete(prefix)
    const place = this.#recent.indexOf(known)
    if (place < 0) return
    this.#recent.splice(place, 1)
    this.#nextRecent = Math.min(this.#nextRecent, this.#recent.length)
  }
}
