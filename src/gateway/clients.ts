import type { ClientConfig, GrantAction, GrantConfig } from '../config/config.ts'
import { compilePattern, keyPrefix } from './name-pattern.ts'

/** Who sent a request. */
export type Caller = { readonly kind: 'anonymous' } | { readonly kind: 'client'; readonly client: Client }

/** A client key with its secret and what it may do. */
export interface Client {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  /** The origin knows this key, too. */
  readonly sameKey: boolean
  /** `keyOrPrefix`: the decoded key, or the prefix of a listing. */
  may(action: GrantAction, bucket: string, keyOrPrefix: string): boolean
}

/** The clients that hotbucket knows, by access key. */
export class Clients {
  readonly #byAccessKey = new Map<string, Client>()

  constructor(configs: readonly ClientConfig[]) {
    for (const config of configs) {
      const grants = config.grants.map(compileGrant)
      this.#byAccessKey.set(config.accessKeyId, {
        accessKeyId: config.accessKeyId,
        secretAccessKey: config.secretAccessKey,
        sessionToken: config.sessionToken,
        sameKey: config.sameKey ?? false,
        may: (action, bucket, keyOrPrefix) => grants.some((grants_) => grants_(action, bucket, keyOrPrefix)),
      })
    }
  }

  find(accessKeyId: string): Client | undefined {
    return this.#byAccessKey.get(accessKeyId)
  }
}

function compileGrant(grant: GrantConfig): (action: GrantAction, bucket: string, keyOrPrefix: string) => boolean {
  const matches = compilePattern(grant.bucket)
  const actions = new Set(grant.actions)
  const prefix = keyPrefix(grant.prefix)
  return (action, bucket, keyOrPrefix) => actions.has(action) && matches(bucket) && keyOrPrefix.startsWith(prefix)
}
