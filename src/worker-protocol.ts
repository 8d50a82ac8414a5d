import type { MessagePort } from 'node:worker_threads'
import type { Config, HostPort, LinkConfig } from './config/config.ts'
import type { SharedState } from './shared-state.ts'
import type { WorkerDiskStart } from './worker-disk.ts'
import type { ProfileKind, ThreadProfile } from './signals/profile.ts'

/** What a data worker is made from. */
export interface WorkerStart {
  readonly config: Config
  /** Its number, from 0. */
  readonly worker: number
  /** How many there are. */
  readonly workers: number
  /** Names the thread in logs and metrics. */
  readonly name: string
  /** Metrics of this worker; written by it alone, read by the supervisor. */
  readonly metrics: SharedArrayBuffer
  /** A port to every other worker, by its number; none at its own. */
  readonly peers: readonly (MessagePort | undefined)[]
  readonly shared: SharedState
  /** Undefined: no disk cache. */
  readonly disk: WorkerDiskStart | undefined
}

/** What the supervisor posts to a thread: what it is to be, then orders. */
export type WorkerMessage = { readonly kind: 'start'; readonly start: WorkerStart } | WorkerOrder

/** Orders from the supervisor, in the order of a worker's life. */
export type WorkerOrder =
  /** Accept connections there, beside other workers where there are any. */
  | { readonly kind: 'listen'; readonly at: HostPort }
  | { readonly kind: 'set-link'; readonly origin: string; readonly link: LinkConfig }
  | { readonly kind: 'profile'; readonly id: number; readonly what: ProfileKind; readonly seconds: number }
  /** Accept nothing more and end what is in flight; other workers may still need what this one owns. */
  | { readonly kind: 'drain'; readonly timeoutMs: number }
  /** Nobody needs anything any more: free everything and end. */
  | { readonly kind: 'close' }

/** What a worker tells the supervisor. */
export type WorkerReport =
  | { readonly kind: 'listening'; readonly at: HostPort }
  | { readonly kind: 'cannot-listen'; readonly message: string }
  | { readonly kind: 'drained' }
  /** An invalidation is not on disk: nothing there is proven if the process ends now. */
  | { readonly kind: 'disk-unwritten' }
  /** Its part of the disk cache is closed. `sound`: all of it would survive a power cut. */
  | { readonly kind: 'disk-closed'; readonly sound: boolean }
  | { readonly kind: 'profile'; readonly id: number; readonly profile: ThreadProfile }
  | { readonly kind: 'profile-failed'; readonly id: number; readonly message: string }
