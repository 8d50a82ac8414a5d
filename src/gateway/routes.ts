import { assert } from '../base/assert.ts'
import type { Consistency, RuleConfig } from '../config/config.ts'
import type { Origin } from '../origin/origin.ts'
import { compilePattern, keyPrefix } from './name-pattern.ts'

/** Where a bucket's objects live. */
export interface Route {
  readonly origin: Origin
  readonly serves: (bucket: string) => boolean
}

/** Which origin serves a bucket, and how stale a hit on a key may be. Compiled once from the configuration. */
export class Routes {
  readonly #routes: readonly Route[]
  readonly #named: ReadonlyMap<string, Origin>
  readonly #rules: readonly { matches: (bucket: string) => boolean; prefix: string; mode: Consistency }[]
  readonly #defaultMode: Consistency
  /** Most requests are for the bucket of the one before. */
  #lastBucket: string | undefined = undefined
  #lastOrigin: Origin | undefined = undefined

  constructor(options: {
    origins: readonly { buckets: readonly string[]; origin: Origin }[]
    rules: readonly RuleConfig[]
    mode: Consistency
  }) {
    this.#routes = options.origins.map(({ buckets, origin }) => {
      const patterns = buckets.map(compilePattern)
      return { origin, serves: (bucket) => patterns.some((matches) => matches(bucket)) }
    })
    this.#named = new Map(options.origins.map(({ origin }) => [origin.name, origin]))
    this.#rules = options.rules.map(({ bucket, prefix, mode }) => ({ matches: compilePattern(bucket), prefix: keyPrefix(prefix), mode }))
    this.#defaultMode = options.mode
  }

  /** All routes, in the order in which they are asked. */
  get all(): readonly Route[] {
    return this.#routes
  }

  /** The first origin whose patterns match, or undefined: no such bucket here. */
  originOf(bucket: string): Origin | undefined {
    if (bucket === this.#lastBucket) return this.#lastOrigin
    this.#lastBucket = bucket
    this.#lastOrigin = this.#routes.find((route) => route.serves(bucket))?.origin
    return this.#lastOrigin
  }

  /** The origin of that name, which must be one of these. */
  named(name: string): Origin {
    const origin = this.#named.get(name)
    assert(origin !== undefined, `there is an origin "${name}"`)
    return origin
  }

  /** The consistency mode of a key: the first rule that matches, else the default. `key` is the decoded key. */
  modeOf(bucket: string, key: string): Consistency {
    for (const rule of this.#rules) if (rule.matches(bucket) && key.startsWith(rule.prefix)) return rule.mode
    return this.#defaultMode
  }
}
