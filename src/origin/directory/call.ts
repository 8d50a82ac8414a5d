import type { HeaderList } from '../../base/header-list.ts'
import type { Query } from '../../s3/query.ts'
import { Refusal } from '../../s3/errors.ts'
import type { OriginRequest, OriginResponse } from '../origin.ts'
import type { DirectoryStore } from './directory-store.ts'

/** A request to a directory, taken apart. */
export interface DirectoryCall {
  readonly request: OriginRequest
  readonly headers: HeaderList
  readonly query: Query
  /** Empty for a service-level request. */
  readonly bucket: string
  /** Decoded, as latin1; empty for a bucket-level request. */
  readonly key: string
  readonly nowMs: number
}

/** Answers one operation. Throws Refusal for what S3 answers with an error. */
export type DirectoryHandler = (store: DirectoryStore, call: DirectoryCall) => Promise<OriginResponse>

export function noSuchKey(key: string): Refusal {
  return new Refusal('NoSuchKey', { fields: { Key: key } })
}
