import { accessChecks } from './checks/access.ts'
import { accountChecks } from './checks/accounts.ts'
import { checksumChecks } from './checks/checksums.ts'
import { conditionalWriteChecks } from './checks/conditional-writes.ts'
import { conditionChecks } from './checks/conditions.ts'
import { copyChecks } from './checks/copies.ts'
import { deleteChecks } from './checks/deletes.ts'
import { encryptionChecks } from './checks/encryption.ts'
import { fieldChecks } from './checks/fields.ts'
import { formChecks } from './checks/forms.ts'
import { keyChecks } from './checks/keys.ts'
import { listChecks } from './checks/lists.ts'
import { multipartChecks } from './checks/multipart.ts'
import { objectChecks } from './checks/objects.ts'
import { overrideChecks } from './checks/overrides.ts'
import { presignedChecks } from './checks/presigned.ts'
import { rangeChecks } from './checks/ranges.ts'
import { raceChecks } from './checks/races.ts'
import { refusalChecks } from './checks/refusals.ts'
import { serviceChecks } from './checks/services.ts'
import { settingChecks } from './checks/settings.ts'
import { tagChecks } from './checks/tags-and-locks.ts'
import { tenantChecks } from './checks/tenants.ts'
import { versionChecks } from './checks/versions.ts'
import { wireChecks } from './checks/wire.ts'
import type { CheckGroup } from './trial.ts'

/** Every check of the operation suite. */
export const CHECK_GROUPS: readonly CheckGroup[] = [
  objectChecks,
  rangeChecks,
  conditionChecks,
  overrideChecks,
  copyChecks,
  multipartChecks,
  checksumChecks,
  conditionalWriteChecks,
  deleteChecks,
  versionChecks,
  tagChecks,
  listChecks,
  keyChecks,
  presignedChecks,
  accessChecks,
  accountChecks,
  tenantChecks,
  settingChecks,
  encryptionChecks,
  refusalChecks,
  wireChecks,
  fieldChecks,
  formChecks,
  raceChecks,
  serviceChecks,
]
