import type { Installer } from '../clients/install.ts'
import { CHECK_GROUPS } from './operations/catalog.ts'
import { operationsSuite } from './operations/operations-suite.ts'
import type { Options } from './options.ts'
import type { Suite } from './suite.ts'
import { minioGoSuite } from './suites/minio-go-suite.ts'
import { pyarrowSuite } from './suites/pyarrow-suite.ts'
import { versitygwSuite } from './suites/versitygw-suite.ts'

/** The suites that were asked for, in the order in which they run. */
export function makeSuites(options: Options, tools: { readonly installer: Installer; readonly stateDirectory: string }): Suite[] {
  const { installer, stateDirectory } = tools
  const all = [
    operationsSuite(CHECK_GROUPS, options.only),
    pyarrowSuite(installer),
    minioGoSuite(stateDirectory),
    versitygwSuite(stateDirectory),
  ]
  return all.filter((suite) => options.suites.includes(suite.name))
}
