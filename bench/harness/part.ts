import type { GeneratorPlace } from '../generators/run-generator.ts'
import type { BenchServer } from '../servers/server.ts'
import type { ComparisonRow } from './comparison.ts'
import type { Finding } from './finding.ts'

/** What all parts of a run share. */
export interface PartContext {
  /** Valid rounds wanted. */
  readonly rounds: number
  /** Length of one run. */
  readonly seconds: number
  /** The core of servers that get one. */
  readonly serverCpus: string
  /** Where generators run that have a core for themselves. */
  readonly place: GeneratorPlace
  readonly workDirectory: string
  readonly sizes: Sizes
  readonly say: (line: string) => void
}

/** How large the parts are that measure amounts; `--quick` makes them small. */
export interface Sizes {
  readonly cachedObjects: number
  /** How long a cache with that many is read while its pauses are watched. */
  readonly watchSeconds: number
  readonly starts: number
  readonly idleConnections: number
  readonly stalledReaders: number
  readonly stalledSeconds: number
  readonly coldObjectBytes: number
  readonly coldFirstBytes: number
  /** Of one size, on disk. */
  readonly diskObjects: number
}

/** What a part found. `details` goes into the JSON beside the table's rows. */
export interface PartResult {
  readonly findings: readonly Finding[]
  readonly rows: readonly ComparisonRow[]
  readonly details?: unknown
}

export type Part = (context: PartContext) => Promise<PartResult>

/** Keeps a server until the end of the part. */
export type Keep = <Kept extends { stop(): Promise<void> }>(starting: Promise<Kept>) => Promise<Kept>

/** Gives the work a way to start servers; stops them all in the end, the last one first. */
export async function withServers<Value>(work: (keep: Keep) => Promise<Value>): Promise<Value> {
  const running: Pick<BenchServer, 'stop'>[] = []
  try {
    return await work(async (starting) => {
      const server = await starting
      running.push(server)
      return server
    })
  } finally {
    for (const server of running.toReversed()) await server.stop()
  }
}
