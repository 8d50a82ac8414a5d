import type { Clock } from '../base/clock.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { FetchAsk, FetchRange } from '../cache/api.ts'
import type { Cache } from '../cache/cache.ts'
import type { ClientConfig, Consistency, Identity, RuleConfig } from '../config/config.ts'
import type { Origin } from '../origin/origin.ts'
import { SignatureVerifier } from '../s3/sigv4/signature-verifier.ts'
import { SigningKeys } from '../s3/sigv4/signing-keys.ts'
import type { RequestRecord } from '../signals/record.ts'
import { AskTimes } from './ask-times.ts'
import type { BucketEpochs } from './bucket-epochs.ts'
import { Clients } from './clients.ts'
import { fetcherOf } from './fetch-range.ts'
import type { Gateway } from './gateway.ts'
import { KeyPrefixes } from './key-prefixes.ts'
import { Meters } from './meters.ts'
import type { OriginCalls } from './origin-call.ts'
import { NO_PEERS, type Peers } from './peers.ts'
import { RequestIds } from './request-ids.ts'
import { Routes } from './routes.ts'
import { SingleFlight } from './single-flight.ts'
import { UncacheableObjects } from './uncacheable-objects.ts'

/** What a gateway is made of: its neighbours, and the parts of the configuration that it obeys. */
export interface GatewayParts {
  /** The number of the worker that this is on; absent: it is alone. */
  readonly worker?: number
  readonly peers?: Peers
  /** Makes this thread's cache, which fetches by what it is given. */
  readonly openCache: (fetcher: (ask: FetchAsk) => FetchRange) => Cache
  readonly clock: Clock
  /** One table for all workers. */
  readonly epochs: BucketEpochs
  readonly origins: readonly { readonly buckets: readonly string[]; readonly origin: Origin }[]
  readonly rules: readonly RuleConfig[]
  readonly mode: Consistency
  readonly clients: readonly ClientConfig[]
  readonly anonymous: boolean
  /** Default: `verified`. */
  readonly identity?: Identity
  readonly domains: readonly string[]
  readonly clockSkewMs: number
  readonly budget: MemoryBudget
  readonly settle: (record: RequestRecord) => void
}

export function createGateway(parts: GatewayParts): Gateway {
  const { worker = 0, peers = NO_PEERS } = parts
  const meters = new Meters(worker, (to, note) => peers.charge(to, note))
  const calls: OriginCalls = { routes: new Routes(parts), meters, clock: parts.clock }
  const clients = new Clients(parts.clients)
  const signingKeys = new SigningKeys()
  return {
    worker,
    peers,
    ...calls,
    cache: parts.openCache(fetcherOf(calls)),
    clients,
    verifier: new SignatureVerifier({
      lookup: (accessKeyId) => clients.find(accessKeyId),
      skewMs: parts.clockSkewMs,
      signingKey: signingKeys.of,
    }),
    signingKeys,
    opening: new SingleFlight(),
    uncacheable: new UncacheableObjects(parts.clock),
    epochs: parts.epochs,
    keyPrefixes: new KeyPrefixes(parts.epochs),
    budget: parts.budget,
    requestIds: new RequestIds(worker),
    askTimes: new AskTimes(parts.clock),
    settle: parts.settle,
    options: { anonymous: parts.anonymous, identity: parts.identity ?? 'verified', domains: parts.domains },
  }
}
