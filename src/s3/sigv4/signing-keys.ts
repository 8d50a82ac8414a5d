import { deriveSigningKey, type SigningKey } from './signing-key.ts'

/** Gives the key that signs requests of one day (`YYYYMMDD`), region and service. */
export type SigningKeyOf = (secretAccessKey: string, day: string, region: string, service: string) => SigningKey

const DEFAULT_MAX_KEYS = 1024

/** Signing keys that were derived before; a key serves every request of its day. The one that was used least recently goes first. */
export class SigningKeys {
  readonly #maxKeys: number
  readonly #keys = new Map<string, SigningKey>()

  constructor(maxKeys = DEFAULT_MAX_KEYS) {
    this.#maxKeys = maxKeys
  }

  /** As deriveSigningKey. May be passed on as a function. */
  readonly of: SigningKeyOf = (secretAccessKey, day, region, service) => {
    const name = `${day}\n${region}\n${service}\n${secretAccessKey}`
    const known = this.#keys.get(name)
    if (known !== undefined) {
      this.#keys.delete(name)
      this.#keys.set(name, known)
      return known
    }
    const derived = deriveSigningKey(secretAccessKey, day, region, service)
    if (this.#keys.size >= this.#maxKeys) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest)
        break
      }
    }
    this.#keys.set(name, derived)
    return derived
  }

  get size(): number {
    return this.#keys.size
  }
}
