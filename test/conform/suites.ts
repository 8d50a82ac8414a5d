import type { Installer } from '../clients/install.ts'
import { CHECK_GROUPS } from './operations/catalog.ts'
import { operationsSuite } from './operations/operations-suite.ts'
import type { Options } from './options.ts'
import type { Suite } from './suite.ts'

/** The suites that were asked for, in the order in which they run. */
export function makeSuites(options: Options, installer: Installer): Suite[] {
  void installer
  return [operationsSuite(CHECK_GROUPS, options.only)].filter((suite) => options.suites.includes(suite.name))
}
