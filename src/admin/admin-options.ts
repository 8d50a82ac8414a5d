import type { ProfileKind } from '../signals/profile.ts'

/** What the admin listener needs of the process around it. It knows nothing of workers, caches or origins. */
export interface AdminOptions {
  readonly host: string
  readonly port: number
  /** What clients must send as `Authorization: Bearer`; may be absent only on a loopback address. */
  readonly token?: string | undefined
  readonly version: string
  /** The Prometheus text exposition. */
  renderMetrics(): string
  /** Whether requests should come here now, and if not, why. */
  readiness(): {
    readonly ready: boolean
    readonly reasons: readonly string[]
    /** How the disk cache is, where there is one. A sick one is no reason not to send requests here. */
    readonly disk?: { readonly state: string; readonly trouble: string } | undefined
  }
  /** Whether the process still works, and if not, why; absent: it does as long as it answers. */
  liveness?(): { readonly live: boolean; readonly reasons: readonly string[] }
  /** The threads that serve requests, as logs and metrics name them. */
  readonly threads: readonly string[]
  /** A gzipped pprof profile of one of these threads, or of all. */
  profile(kind: ProfileKind, seconds: number, thread: string | undefined): Promise<Uint8Array>
}
