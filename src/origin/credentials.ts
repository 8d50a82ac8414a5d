import type { Clock } from '../base/clock.ts'
import type { CredentialsConfig } from '../config/config.ts'
import type { SigningCredentials } from '../s3/sigv4/sign.ts'
import { OriginFailure } from './origin.ts'

/** Gives what requests to an origin are signed with. */
export interface CredentialSource {
  /** `undefined`: send unsigned. Rejects with OriginFailure `credentials`. */
  get(): Promise<SigningCredentials | undefined>
}

/** Credentials as a provider gives them; without an expiration they are good for ever. */
export interface LoadedCredentials extends SigningCredentials {
  readonly expiration?: Date | undefined
}

export type LoadCredentials = () => Promise<LoadedCredentials>

/** The source that a configuration names. Nothing is looked for before the first request. */
export function createCredentialSource(config: CredentialsConfig, clock: Clock): CredentialSource {
  switch (config.kind) {
    case 'unsigned':
      return { get: async () => undefined }
    case 'static': {
      const { accessKeyId, secretAccessKey, sessionToken } = config
      return { get: async () => ({ accessKeyId, secretAccessKey, sessionToken }) }
    }
    case 'default-chain':
      return new RefreshedCredentials(loadFromDefaultChain, clock)
  }
}

/** Credentials are fetched anew when they have less than this left. AWS issues new ones at least 5 minutes before the end. */
const REFRESH_AHEAD_MS = 5 * 60_000
/** With less than this left they are not used: a signature made now must still be good when it arrives. */
const EXPIRY_MARGIN_MS = 30_000
/** After a failure nobody asks again for this long, so that a missing metadata service does not cost every request its timeout. */
const RETRY_AFTER_MS = 5_000
/** SSO helpers and `credential_process` may hang; a request must not. */
const LOAD_TIMEOUT_MS = 30_000

/** Keeps credentials, refreshes them before they expire, with one refresh in flight at most. */
export class RefreshedCredentials implements CredentialSource {
  readonly #load: LoadCredentials
  readonly #clock: Clock
  #current: LoadedCredentials | undefined
  #refresh: Promise<void> | undefined
  #failure: { readonly error: OriginFailure; readonly atMs: number } | undefined

  constructor(load: LoadCredentials, clock: Clock) {
    this.#load = load
    this.#clock = clock
  }

  async get(): Promise<SigningCredentials> {
    const leftMs = this.#leftMs()
    if (leftMs < REFRESH_AHEAD_MS && !this.#failedLately()) this.#refresh ??= this.#fetch()
    if (leftMs < EXPIRY_MARGIN_MS) await this.#refresh
    if (this.#current !== undefined && this.#leftMs() > 0) return this.#current
    throw this.#failure?.error ?? new OriginFailure('credentials', 'Cannot sign requests to the origin: the credentials have expired')
  }

  #leftMs(): number {
    if (this.#current === undefined) return 0
    const { expiration } = this.#current
    return expiration === undefined ? Number.POSITIVE_INFINITY : expiration.getTime() - this.#clock.nowMs()
  }

  #failedLately(): boolean {
    return this.#failure !== undefined && this.#clock.monotonicMs() - this.#failure.atMs < RETRY_AFTER_MS
  }

  /** Never rejects: what went wrong is kept for those who need it. */
  async #fetch(): Promise<void> {
    try {
      this.#current = await withTimeout(this.#load(), LOAD_TIMEOUT_MS)
      this.#failure = undefined
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `Cannot get credentials for the origin from the AWS default chain: ${reason}`
      this.#failure = { error: new OriginFailure('credentials', message, { cause }), atMs: this.#clock.monotonicMs() }
    } finally {
      this.#refresh = undefined
    }
  }
}

/** Environment, shared files, SSO, web identity, process, container and instance metadata, in the order of the AWS SDKs. */
async function loadFromDefaultChain(): Promise<LoadedCredentials> {
  // Loaded late: it costs tens of milliseconds, and most set-ups never need it.
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  return defaultProvider()()
}

async function withTimeout<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  const expired = Promise.withResolvers<never>()
  const timer = setTimeout(() => expired.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, expired.promise])
  } finally {
    clearTimeout(timer)
  }
}
