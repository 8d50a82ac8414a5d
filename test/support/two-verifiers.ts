import assert from 'node:assert/strict'
import { parseQuery } from '../../src/s3/query.ts'
import { Refusal } from '../../src/s3/errors.ts'
import { SignedFields } from '../../src/s3/sigv4/signed-fields.ts'
import { SignatureVerifier, type UnverifiedRequest, type Verified, type VerifierOptions } from '../../src/s3/sigv4/signature-verifier.ts'

/** A request as it is on the wire. */
export interface SentRequest extends Omit<UnverifiedRequest, 'query' | 'signed'> {
  readonly rawQuery: string
}

/** Signed fields that are kept at the same time. */
const FIELDS_MAX = 1000

/**
 * A verifier that has seen every request before and one that has seen none: what is remembered must change nothing but the time that
 * it takes, so each request is given to both, to the first also together with what fields like these said, and they must agree.
 */
export class TwoVerifiers {
  readonly #options: VerifierOptions
  readonly #seasoned: SignatureVerifier
  readonly #fields = new Map<string, SignedFields>()

  constructor(options: VerifierOptions) {
    this.#options = options
    this.#seasoned = new SignatureVerifier(options)
  }

  /** As SignatureVerifier.verify. */
  verify(request: SentRequest, nowMs: number): Verified | 'anonymous' {
    const { rawQuery, ...rest } = request
    const unverified = { ...rest, query: parseQuery(rawQuery) }
    const seasoned = outcome(this.#seasoned, unverified, nowMs)
    const fresh = outcome(new SignatureVerifier(this.#options), unverified, nowMs)
    assert.deepEqual(plain(seasoned), plain(fresh))
    const repeated = outcome(this.#seasoned, { ...unverified, signed: this.#signedFields(request) }, nowMs)
    assert.deepEqual(plain(repeated), plain(fresh))
    if (seasoned instanceof Refusal) throw seasoned
    return seasoned
  }

  /** What the HTTP engine gives with fields that came before: the same for all that are equal but for the signature. */
  #signedFields({ headers, host }: SentRequest): UnverifiedRequest['signed'] {
    const at = headers.indexOf('authorization') + 1
    const value = at === 0 ? '' : (headers[at] ?? '')
    const signature = /Signature=([0-9a-f]{64})$/.exec(value)?.[1]
    if (signature === undefined || headers.indexOf('authorization', at) >= 0) return undefined
    const name = JSON.stringify([host, headers.with(at, value.slice(0, -signature.length))])
    if (this.#fields.size >= FIELDS_MAX) this.#fields.clear()
    const fields = this.#fields.get(name) ?? new SignedFields()
    this.#fields.set(name, fields)
    return { fields, signature }
  }
}

function outcome(verifier: SignatureVerifier, request: UnverifiedRequest, nowMs: number): Verified | 'anonymous' | Refusal {
  try {
    return verifier.verify(request, nowMs)
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error))
    return error
  }
}

function plain(result: Verified | 'anonymous' | Refusal | undefined): unknown {
  if (result instanceof Refusal) return { code: result.code, message: result.message, fields: result.fields }
  if (result === 'anonymous' || result === undefined) return result
  const { signingKey, ...facts } = result
  return { ...facts, key: signingKey.sign('the same key signs alike') }
}
