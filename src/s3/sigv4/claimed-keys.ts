import { headerValues, type HeaderList } from '../../base/header-list.ts'
import { queryValuesAnyCase, type Query } from '../query.ts'

/** The access keys that a request names for a Signature Version 4, before anything of it was checked; none where it names none. */
export function claimedKeys(headers: HeaderList, query: Query): string[] {
  const credentials = [
    ...headerValues(headers, 'authorization').flatMap((value) => /Credential=([^,\s]+)/.exec(value)?.[1] ?? []),
    ...queryValuesAnyCase(query, 'x-amz-credential'),
  ]
  return credentials.map(keyOfCredential)
}

/** The access key that stands before the four parts of the scope; it may hold slashes. Empty where there are no such parts. */
export function keyOfCredential(credential: string): string {
  return credential.split('/').slice(0, -4).join('/')
}
