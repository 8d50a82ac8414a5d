import type { HostPort } from '../../config/config.ts'

/** The key pair that a client signs with. */
export interface DemoCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** What the load worker is started with. The plan follows from seed and number; it is made again there. */
export interface LoadSettings {
  readonly endpoint: HostPort
  readonly region: string
  readonly credentials: DemoCredentials
  readonly seed: number
  readonly objectCount: number
  /** Reads that are begun each second; undefined: as fast as the connections allow. */
  readonly readsPerSecond: number | undefined
  readonly connections: number
  /** Body bytes a second after which no further read is begun, so that the machine stays usable. */
  readonly bytesPerSecondMax: number
}

export type LoadOrder = { readonly kind: 'pause'; readonly paused: boolean } | { readonly kind: 'stop' }

/** What the load has done since its start. */
export interface LoadProgress {
  readonly reads: number
  readonly bodyBytes: number
  /** Body bytes that were compared with what they must be. */
  readonly verifiedBytes: number
  /** Answers with another status, length or content than the object has. */
  readonly wrong: number
  /** Reads without a complete answer. */
  readonly failed: number
  /** The last wrong or failed read, in words. */
  readonly lastProblem: string | undefined
}

export type LoadReport = { readonly kind: 'progress' | 'done'; readonly progress: LoadProgress }

export const NO_PROGRESS: LoadProgress = { reads: 0, bodyBytes: 0, verifiedBytes: 0, wrong: 0, failed: 0, lastProblem: undefined }
