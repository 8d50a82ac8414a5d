import assert from 'node:assert/strict'
import { parseQuery } from '../../src/s3/query.ts'
import { Refusal } from '../../src/s3/errors.ts'
import { SignatureVerifier, type UnverifiedRequest, type Verified, type VerifierOptions } from '../../src/s3/sigv4/signature-verifier.ts'

/** A request as it is on the wire. */
export interface SentRequest extends Omit<UnverifiedRequest, 'query'> {
  readonly rawQuery: string
}

/**
 * A verifier that has seen every request before and one that has seen none: what is remembered must change nothing but the time that
 * it takes, so each request is given to both and they must agree.
 */
export class TwoVerifiers {
  readonly #options: VerifierOptions
  readonly #seasoned: SignatureVerifier

  constructor(options: VerifierOptions) {
    this.#options = options
    this.#seasoned = new SignatureVerifier(options)
  }

  /** As SignatureVerifier.verify. */
  verify(request: SentRequest, nowMs: number): Verified | 'anonymous' {
    const { rawQuery, ...rest } = request
    const unverified = { ...rest, query: parseQuery(rawQuery) }
    const results = [this.#seasoned, new SignatureVerifier(this.#options)].map((verifier) => {
      try {
        return verifier.verify(unverified, nowMs)
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error))
        return error
      }
    })
    const [seasoned, fresh] = results
    assert.deepEqual(plain(seasoned), plain(fresh))
    if (seasoned instanceof Refusal) throw seasoned
    assert.ok(seasoned !== undefined)
    return seasoned
  }
}

function plain(result: Verified | 'anonymous' | Refusal | undefined): unknown {
  if (result instanceof Refusal) return { code: result.code, message: result.message, fields: result.fields }
  if (result === 'anonymous' || result === undefined) return result
  const { signingKey, ...facts } = result
  return { ...facts, key: signingKey.sign('the same key signs alike') }
}
