import type { Config, HostPort, LinkConfig } from './config/config.ts'

/** What a data worker is started with. */
export interface WorkerStart {
  readonly config: Config
  /** Names the thread in logs and metrics. */
  readonly name: string
  /** Metrics of this worker; written by it alone, read by the supervisor. */
  readonly metrics: SharedArrayBuffer
}

/** Orders from the supervisor. */
export type WorkerOrder =
  | { readonly kind: 'drain' }
  | { readonly kind: 'set-link'; readonly origin: string; readonly link: LinkConfig }
  | { readonly kind: 'profile'; readonly id: number; readonly what: 'cpu' | 'heap'; readonly seconds: number }

/** What a worker tells the supervisor. */
export type WorkerReport =
  | { readonly kind: 'listening'; readonly at: HostPort }
  | { readonly kind: 'profile'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'profile-failed'; readonly id: number; readonly message: string }
