import { headerValue, headerValues } from '../base/header-list.ts'
import type { GrantAction } from '../config/config.ts'
import { parseCopySource, type S3Source } from '../s3/address.ts'
import { Refusal } from '../s3/errors.ts'
import { operationInfo, type OperationAction } from '../s3/operation.ts'
import type { FormField } from '../s3/post/form.ts'
import { queryValue, queryValuesAnyCase } from '../s3/query.ts'
import type { Caller } from './clients.ts'
import { versionParameter } from './object-version.ts'
import type { S3Request } from './s3-request.ts'

type KnownCaller = Extract<Caller, { kind: 'client' }>

/**
 * Refuses with AccessDenied what the caller has no grant for. Anonymous callers may do everything: anonymous access is
 * switched on as a whole or not at all. Keys inside a DeleteObjects body are checked by `authorizeDeletion` when they are known.
 */
export function authorize(caller: Caller, request: S3Request): void {
  if (caller.kind === 'anonymous') return
  const { action, level } = operationInfo(request.operation)
  if (level === 'service' || request.bucket === undefined) {
    requireGrant(caller, action, '', '')
    return
  }
  if (asksForAdmin(request)) requireGrant(caller, 'admin', request.bucket, request.key ?? '')
  if (request.operation === 'DeleteObjects') return
  const scope = level === 'object' ? (request.key ?? '') : (queryValue(request.query, 'prefix') ?? '')
  const ofVersion = level === 'object' && versionParameter(request.query) !== undefined
  requireGrant(caller, ofVersion ? versionAction(action) : action, request.bucket, scope)
  const source = copySource(request)
  if (source !== undefined) {
    requireGrant(caller, source.versionId === undefined ? 'read' : 'read-version', source.bucket, source.key)
  }
  if (request.operation === 'RenameObject') authorizeRename(caller, request)
}

/** Refuses where the caller may not delete this object, or this version of it for good. */
export function authorizeDeletion(
  caller: Caller,
  object: { readonly bucket: string; readonly key: string; readonly versionId: string | undefined },
): void {
  if (caller.kind !== 'client') return
  requireGrant(caller, object.versionId === undefined ? 'delete' : 'delete-version', object.bucket, object.key)
}

/** Whether the caller may delete every object of a bucket, in every version: then it need not be known which ones a request names. */
export function mayDeleteAnything(caller: Caller, bucket: string): boolean {
  if (caller.kind !== 'client') return true
  return caller.client.may('delete', bucket, '') && caller.client.may('delete-version', bucket, '')
}

/** Refuses a form upload that the caller may not make; its fields can open or lock the object like those of a PUT. */
export function authorizeFormUpload(
  caller: Caller,
  upload: { readonly bucket: string; readonly scope: string; readonly fields: readonly FormField[] },
): void {
  if (caller.kind !== 'client') return
  const { bucket, scope, fields } = upload
  requireGrant(caller, 'write', bucket, scope)
  const values = (name: string): string[] => fields.filter((field) => field.name === name).map(({ value }) => value)
  if (wantsAdmin((name) => (name === 'x-amz-acl' ? [...values('acl'), ...values(name)] : values(name))))
    requireGrant(caller, 'admin', bucket, scope)
}

/** What was overwritten or deleted, and deleting for good, is another matter than what is current (as `s3:GetObjectVersion` is). */
function versionAction(action: OperationAction): GrantAction {
  if (action === 'read') return 'read-version'
  return action === 'delete' ? 'delete-version' : action
}

function requireGrant(caller: KnownCaller, action: GrantAction, bucket: string, scope: string): void {
  if (!caller.client.may(action, bucket, scope)) throw new Refusal('AccessDenied')
}

/** Access lists that open an object to nobody but its owner and its bucket's: what S3 does without the field, too. */
const CLOSED_ACLS: ReadonlySet<string> = new Set(['', 'private', 'bucket-owner-full-control', 'bucket-owner-read'])

/** Fields by which a write does what otherwise `PutObjectAcl`, `PutObjectRetention` and `PutObjectLegalHold` do, or undoes it. */
const ADMIN_FIELDS = [
  'x-amz-bypass-governance-retention',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
]

/** Whether a write also sets who may read the object, or how long it must stay; S3 wants further permissions for that. */
function asksForAdmin(request: S3Request): boolean {
  return operationInfo(request.operation).effect !== 'none' && wantsAdmin((name) => fieldValues(request, name))
}

function wantsAdmin(valuesOf: (name: string) => readonly string[]): boolean {
  if (valuesOf('x-amz-acl').some((acl) => !CLOSED_ACLS.has(acl.trim().toLowerCase()))) return true
  return ADMIN_FIELDS.some((name) => valuesOf(name).length > 0)
}

/** A field's values, and those that a presigned query gives for it. */
function fieldValues(request: S3Request, name: string): string[] {
  return [...headerValues(request.headers, name), ...queryValuesAnyCase(request.query, name)]
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

function authorizeRename(caller: KnownCaller, request: S3Request): void {
  const source = renameSource(request)
  if (source !== undefined) requireGrant(caller, 'delete', source.bucket, source.key)
}
