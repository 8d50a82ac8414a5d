import { headerValue } from '../base/header-list.ts'
import type { GrantAction } from '../config/config.ts'
import { parseCopySource, type S3Source } from '../s3/address.ts'
import { Refusal } from '../s3/errors.ts'
import { operationInfo } from '../s3/operation.ts'
import { queryValue } from '../s3/query.ts'
import type { Caller } from './clients.ts'
import type { S3Request } from './s3-request.ts'

/**
 * Refuses with AccessDenied what the caller has no grant for. Anonymous callers may do everything: anonymous access is
 * switched on as a whole or not at all. Keys inside a DeleteObjects body are checked by `authorizeKey` when they are known.
 */
export function authorize(caller: Caller, request: S3Request): void {
  if (caller.kind === 'anonymous') return
  const { action, level } = operationInfo(request.operation)
  if (level === 'service' || request.bucket === undefined) {
    requireGrant(caller, action, '', '')
    return
  }
  if (request.operation === 'DeleteObjects') return
  const scope = level === 'object' ? (request.key ?? '') : (queryValue(request.query, 'prefix') ?? '')
  requireGrant(caller, action, request.bucket, scope)
  const source = copySource(request)
  if (source !== undefined) requireGrant(caller, 'read', source.bucket, source.key)
  if (request.operation === 'RenameObject') authorizeRename(caller, request)
}

/** Refuses where the caller may not do `action` on this key. */
export function authorizeKey(caller: Caller, action: GrantAction, bucket: string, key: string): void {
  if (caller.kind === 'client') requireGrant(caller, action, bucket, key)
}

function requireGrant(caller: Extract<Caller, { kind: 'client' }>, action: GrantAction, bucket: string, scope: string): void {
  if (!caller.client.may(action, bucket, scope)) throw new Refusal('AccessDenied')
}

/** What `x-amz-copy-source` names, or undefined without that field. */
export function copySource(request: S3Request): S3Source | undefined {
  const value = headerValue(request.headers, 'x-amz-copy-source')
  return value === undefined ? undefined : parseCopySource(value)
}

/** What `x-amz-rename-source` names: RenameObject moves within one bucket. */
export function renameSource(request: S3Request): S3Source | undefined {
  const value = headerValue(request.headers, 'x-amz-rename-source')
  return value === undefined ? undefined : parseCopySource(value)
}

function authorizeRename(caller: Extract<Caller, { kind: 'client' }>, request: S3Request): void {
  const source = renameSource(request)
  if (source !== undefined) requireGrant(caller, 'delete', source.bucket, source.key)
}
