import { headerValue, type HeaderList } from '../base/header-list.ts'
import type { Query, QueryParameter } from '../s3/query.ts'

/** What S3 calls the version that was written while a bucket kept no versions; alone of all, it can be overwritten. */
export const NULL_VERSION = 'null'

/** The `versionId` parameter of a request; undefined: the current version is meant. */
export function versionParameter(query: Query): QueryParameter | undefined {
  for (const parameter of query) if (parameter.name === 'versionId') return parameter
  return undefined
}

/**
 * Whether an answer is about the version that was asked for. An origin that keeps no versions may answer with what is current, and
 * that must not be kept under a version's name. The `null` version of a bucket without versions comes without the field.
 */
export function isOfVersion(wanted: string | undefined, headers: HeaderList): boolean {
  if (wanted === undefined) return true
  const told = headerValue(headers, 'x-amz-version-id')
  return told === wanted || (told === undefined && wanted === NULL_VERSION)
}
