import type { Clock } from '../base/clock.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import type { Cache } from '../cache/cache.ts'
import type { Identity } from '../config/config.ts'
import type { SignatureVerifier } from '../s3/sigv4/signature-verifier.ts'
import type { SigningKeys } from '../s3/sigv4/signing-keys.ts'
import type { RequestRecord } from '../signals/record.ts'
import type { AskTimes } from './ask-times.ts'
import type { BucketEpochs } from './bucket-epochs.ts'
import type { Clients } from './clients.ts'
import type { Findings } from './inquire.ts'
import type { KeyPrefixes } from './key-prefixes.ts'
import type { Meters } from './meters.ts'
import type { Peers } from './peers.ts'
import type { RequestIds } from './request-ids.ts'
import type { Routes } from './routes.ts'
import type { SingleFlight } from './single-flight.ts'
import type { UncacheableObjects } from './uncacheable-objects.ts'

/** Everything that the life of a request needs from outside; built once by the composition root. */
export interface Gateway {
  /** The number of the worker that this is on. */
  readonly worker: number
  readonly peers: Peers
  readonly cache: Cache
  readonly routes: Routes
  readonly clients: Clients
  readonly verifier: SignatureVerifier
  readonly signingKeys: SigningKeys
  /** Questions about objects that are under way. */
  readonly opening: SingleFlight<Findings>
  readonly meters: Meters
  readonly uncacheable: UncacheableObjects
  readonly epochs: BucketEpochs
  readonly keyPrefixes: KeyPrefixes
  /** For what is held of requests and answers outside the cache. */
  readonly budget: MemoryBudget
  readonly requestIds: RequestIds
  readonly clock: Clock
  readonly askTimes: AskTimes
  readonly settle: (record: RequestRecord) => void
  readonly options: {
    /** Requests without a signature are served. */
    readonly anonymous: boolean
    /** Whose signatures are checked here; what others send goes up as it came. */
    readonly identity: Identity
    readonly domains: readonly string[]
  }
}
