import type { TestOrigin } from '../clients/origins/test-origin.ts'
import type { Credentials } from '../clients/sign.ts'
import type { ConformMode } from './modes.ts'

/** What came of one check of a suite against one endpoint. */
export interface CheckResult {
  /** The same direct and through hotbucket. */
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'skip'
  /** Why it failed, or why it was not tried. */
  readonly detail: string
  /** What was seen on the wire, with everything that differs between two runs taken out; absent for suites that only pass or fail. */
  readonly seen?: readonly string[]
}

/** The server that a suite is run against: the origin itself, or hotbucket in front of it. */
export interface SuiteTarget {
  readonly side: 'direct' | 'through'
  readonly endpoint: string
  readonly credentials: Credentials
  /** A directory of this run's own. */
  readonly workDirectory: string
  /** Called between two checks: in some modes hotbucket is restarted there, or its cache is flushed with other objects. */
  readonly between: () => Promise<void>
  /** Called when all was done, and before it is deleted. */
  readonly beforeCleanUp: () => Promise<void>
  readonly say: (line: string) => void
  /** What hotbucket is in front of. */
  readonly origin: TestOrigin
  /** How hotbucket runs; absent in a direct run. */
  readonly mode?: ConformMode
}

/** A set of checks that runs against any S3 endpoint. */
export interface Suite {
  readonly name: string
  /** For people: what it is and which version. */
  readonly title: string
  /** It calls `between` itself; for all others hotbucket is restarted, or its cache flushed, by the clock. */
  readonly callsBetween: boolean
  /** Makes no change at the origin that outlives it and needs no right to create buckets. */
  readonly readOnly: boolean
  /** It puts the key into URIs as it is, so it needs one that can stand there. */
  readonly needsPlainKey?: boolean
  /** Installs what it needs. Rejects where this machine cannot run it. */
  prepare(): Promise<void>
  run(target: SuiteTarget): Promise<CheckResult[]>
}
