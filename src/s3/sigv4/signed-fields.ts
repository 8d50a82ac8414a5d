// hot path
import type { Claim } from './claim.ts'
import type { SigningKey } from './signing-key.ts'

/** Room for everything that is signed of a request; longer ones are put together each time. */
const TEXT_BYTES = 4096
/** Where the part begins that is the same for all requests with these fields: what comes before it ends there. */
const COMMON_AT = 2048

/** What was right of a signature besides itself, and the secret that its key was derived from. */
export interface SignedClaim {
  readonly claim: Claim
  /** The string to sign up to the hash. */
  readonly beforeHash: string
  /** Of `claim.amzDate`, ms since the epoch. */
  readonly signedMs: number
  readonly secretAccessKey: string
  readonly signingKey: SigningKey
}

/**
 * What requests with the same fields have in common for the verification of their signatures: all of the canonical request but its first
 * three lines. It is kept as bytes, and those lines are written before it. It belongs to fields that repeat, so nothing is compared
 * here; a signature itself is never remembered.
 */
export class SignedFields {
  #known: SignedClaim | undefined = undefined
  #bytes: Buffer = NONE
  #end = COMMON_AT
  /** Texts of one client are often equally long. */
  #view: Buffer = NONE

  get known(): SignedClaim | undefined {
    return this.#known
  }

  /** `common`: the canonical request from its header lines on. */
  remember(known: SignedClaim, common: string): void {
    if (common.length > TEXT_BYTES - COMMON_AT) return
    this.#bytes = Buffer.alloc(TEXT_BYTES)
    this.#end = COMMON_AT + this.#bytes.write(common, COMMON_AT, 'latin1')
    this.#view = NONE
    this.#known = known
  }

  /** The canonical request for a path and no query; valid until the next call. Undefined: it is too long. */
  canonicalBytes(method: string, rawPath: string): Buffer | undefined {
    const start = COMMON_AT - method.length - rawPath.length - 3
    if (start < 0) return undefined
    const bytes = this.#bytes
    let at = writeText(bytes, start, method)
    bytes[at] = LINE_FEED
    at = writeText(bytes, at + 1, rawPath)
    bytes[at] = LINE_FEED
    bytes[at + 1] = LINE_FEED
    if (this.#view.byteOffset - bytes.byteOffset !== start || this.#view.length !== this.#end - start)
      this.#view = bytes.subarray(start, this.#end)
    return this.#view
  }
}

const LINE_FEED = 0x0a
const NONE = Buffer.alloc(0)

/** Short texts are written faster this way than by a call out of the engine. */
function writeText(bytes: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}
