import type { MessagePort } from 'node:worker_threads'
import { Cache, type CacheOptions } from './cache/cache.ts'
import type { ErrorCodec } from './cache/foreign-error.ts'
import type { CacheMessage } from './cache/message.ts'
import { BucketEpochs, type KeepEpoch } from './gateway/bucket-epochs.ts'
import { createGateway, type GatewayParts } from './gateway/create-gateway.ts'
import { packFailure, unpackFailure, type FailureParcel } from './gateway/failure-parcel.ts'
import type { Gateway } from './gateway/gateway.ts'
import { inquireForPeer, type Findings, type Inquiry } from './gateway/inquire.ts'
import type { MeterNote } from './gateway/meters.ts'
import { PeerLink } from './peer-link.ts'
import type { SharedState } from './shared-state.ts'

export interface LinkedGatewayParts extends Omit<GatewayParts, 'openCache' | 'epochs' | 'worker' | 'peers'> {
  /** This worker's number. */
  readonly worker: number
  /** Ports to the other workers, by their number; none at the own one. */
  readonly ports: readonly (MessagePort | undefined)[]
  readonly shared: SharedState
  readonly openCache?: (options: CacheOptions) => Cache
  /** Called when the cache found no room for a record. */
  readonly onFull?: () => void
  /** Keeps epochs of buckets across restarts. */
  readonly keepEpoch?: KeepEpoch | undefined
}

/** A worker's gateway and cache, connected with those of the other workers. */
export interface LinkedGateway {
  readonly gateway: Gateway
  /** Questions to other workers that wait for an answer. */
  waiting(): number
  /** Stops fills and leaves together with the other workers. True: what the cache has on disk would survive a power cut. */
  close(): Promise<boolean>
}

/** What workers send each other without waiting for an answer. */
type PeerNote = { readonly service: 'cache'; readonly message: CacheMessage } | { readonly service: 'meter'; readonly note: MeterNote }

const ERRORS: ErrorCodec = { encode: packFailure, decode: (parcel) => unpackFailure(parcel as FailureParcel) }

export function createLinkedGateway(parts: LinkedGatewayParts): LinkedGateway {
  const { worker, ports, shared, openCache = (options) => new Cache(options), onFull = () => undefined, keepEpoch, ...rest } = parts
  const link = new PeerLink<PeerNote, Inquiry, Findings>({
    ports,
    onNote: (from, note) => {
      if (note.service === 'cache') gateway.cache.receive(from, note.message)
      else gateway.meters.take(note.note)
    },
    onAsk: async (_from, inquiry) => inquireForPeer(gateway, inquiry),
    pack: packFailure,
    unpack: (failure) => unpackFailure(failure as FailureParcel),
  })
  const post = (to: number, message: CacheMessage): void => link.note(to, { service: 'cache', message })
  const gateway: Gateway = createGateway({
    ...rest,
    worker,
    peers: {
      ask: async (to, inquiry) => link.ask(to, inquiry),
      charge: (to, note) => link.note(to, { service: 'meter', note }),
    },
    openCache: (fetcher) => openCache({ share: shared.cache, worker, post, fetcher, onFull, errors: ERRORS, clock: parts.clock }),
    epochs: new BucketEpochs(shared.epochs, keepEpoch),
  })
  return {
    gateway,
    waiting: () => link.waiting,
    close: async () => {
      const sound = await gateway.cache.close()
      await link.leave()
      return sound
    },
  }
}
