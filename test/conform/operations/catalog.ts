import { conditionChecks } from './checks/conditions.ts'
import { copyChecks } from './checks/copies.ts'
import { listChecks } from './checks/lists.ts'
import { multipartChecks } from './checks/multipart.ts'
import { objectChecks } from './checks/objects.ts'
import { overrideChecks } from './checks/overrides.ts'
import { rangeChecks } from './checks/ranges.ts'
import { versionChecks } from './checks/versions.ts'
import type { CheckGroup } from './trial.ts'

/** Every check of the operation suite. */
export const CHECK_GROUPS: readonly CheckGroup[] = [
  objectChecks,
  rangeChecks,
  conditionChecks,
  overrideChecks,
  copyChecks,
  multipartChecks,
  listChecks,
  versionChecks,
]
