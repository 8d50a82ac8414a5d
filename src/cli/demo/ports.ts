import type { Config, HostPort, LinkConfig } from '../../config/config.ts'

/** A hotbucket that runs in this process: what the demo needs of it, and no more. */
export interface RunningServer {
  /** Where it really listens; a port 0 in the configuration is resolved. */
  readonly listen: HostPort
  readonly admin: HostPort
  /** Each worker's metrics, in shared memory. */
  readonly metrics: readonly SharedArrayBuffer[]
  /** Resolves with what happened if a worker dies by itself. */
  readonly died: Promise<Error>
  /** Changes the simulated link of the named origin from now on. */
  setLink(originName: string, link: LinkConfig): void
  /** Stops accepting, drains, and frees everything. */
  close(): Promise<void>
}

/** Starts a server with a configuration; resolves when it listens. */
export type StartServer = (config: Config) => Promise<RunningServer>
