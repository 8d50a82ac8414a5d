import { precededBy, type ByteSource } from '../base/byte-source.ts'
import { headerValue, headerValues } from '../base/header-list.ts'
import type { OriginForm } from '../origin/origin.ts'
import { MAX_KEY_BYTES } from '../s3/address.ts'
import { Refusal } from '../s3/errors.ts'
import { FILE_NAME_VARIABLE, formValue, readForm, type FormUpload } from '../s3/post/form.ts'
import { keyOfCredential } from '../s3/sigv4/claimed-keys.ts'
import { verifyForm, withoutSignature, type PostPolicy } from '../s3/post/policy.ts'
import { authorizeFormUpload } from './authorize.ts'
import type { Caller } from './clients.ts'
import type { RequestContext } from './context.ts'
import type { ClientPayload } from './payload.ts'
import { forwardForgetting, type Touched } from './write.ts'

/**
 * PostObject: a browser's form, authenticated by the policy in it. The policy is verified against the client's key and signed again with the
 * origin's, which checks its conditions; the file flows by.
 */
export async function forwardForm(given: RequestContext): Promise<void> {
  const { request, exchange, record } = given
  refuseOtherSignatures(given)
  const { length } = exchange.body
  if (length === undefined) throw new Refusal('MissingContentLength')
  const form = await readForm(counted(given, exchange.body), headerValue(request.headers, 'content-type') ?? '')
  const context = { ...given, passThrough: given.passThrough && !isSignedHere(given, form) }
  const key = formValue(form.fields, 'key')
  if (key === undefined || key === '') {
    throw new Refusal('InvalidArgument', { message: "Bucket POST must contain a field named 'key'.", fields: { ArgumentName: 'key' } })
  }
  if (key.length > MAX_KEY_BYTES) throw new Refusal('KeyTooLongError')
  record.key = key
  const payload = context.passThrough ? asItCame(form, length) : authenticated(context, form, { key, length })
  await forwardForgetting(context, touchedBy(key, form.fileName), payload)
}

/** In mixed mode, whether a form names a key that only hotbucket knows. */
function isSignedHere({ gateway }: RequestContext, form: FormUpload): boolean {
  const accessKeyId = keyOfCredential(formValue(form.fields, 'x-amz-credential') ?? '')
  return gateway.options.identity === 'mixed' && gateway.clients.find(accessKeyId)?.sameKey === false
}

/** A form is signed in its fields; a signature elsewhere would say something else. */
function refuseOtherSignatures(context: RequestContext): void {
  const { headers } = context.request
  if (context.passThrough || headerValues(headers, 'authorization').length === 0) return
  throw new Refusal('InvalidArgument', { message: 'Only one auth mechanism allowed; a form upload is signed in its fields' })
}

function authenticated(context: RequestContext, form: FormUpload, of: { readonly key: string; readonly length: number }): ClientPayload {
  const { gateway, record, request } = context
  const verified = verifyForm(form.fields, {
    lookup: (accessKeyId) => gateway.clients.find(accessKeyId),
    nowMs: gateway.clock.nowMs(),
    signingKey: gateway.signingKeys.of,
  })
  if (verified === 'anonymous' && !gateway.options.anonymous) throw new Refusal('AccessDenied')
  let policy: PostPolicy | undefined
  if (verified !== 'anonymous') {
    const client = gateway.clients.find(verified.accessKeyId)
    if (client === undefined) throw new Refusal('InvalidAccessKeyId')
    record.accessKeyId = verified.accessKeyId
    policy = verified.policy
    const caller: Caller = { kind: 'client', client }
    // What stands before the file's name decides: a grant's prefix must hold whatever that is.
    const scope = of.key.split(FILE_NAME_VARIABLE, 1)[0] ?? ''
    authorizeFormUpload(caller, { bucket: request.bucket ?? '', scope, fields: form.fields })
  }
  const sent: OriginForm = { boundary: form.boundary, fields: withoutSignature(form.fields), fileName: form.fileName, policy }
  return { payload: { kind: 'unsigned' }, body: form.file, length: of.length - form.head.length, form: sent }
}

/** The form as the client wrote it, for an origin that checks its signature itself. */
function asItCame(form: FormUpload, length: number): ClientPayload {
  return { payload: { kind: 'unsigned' }, body: precededBy(Buffer.from(form.head, 'latin1'), form.file), length }
}

/** What an upload may change. Origins differ in how they read a file's name: all but plain ones may be any key of the bucket. */
function touchedBy(key: string, fileName: string | undefined): readonly Touched[] | 'whole-bucket' {
  if (!key.includes(FILE_NAME_VARIABLE)) return [{ key, versionId: undefined }]
  if (fileName === undefined || !/^[A-Za-z0-9._ -]+$/.test(fileName)) return 'whole-bucket'
  return [{ key: key.replaceAll(FILE_NAME_VARIABLE, fileName), versionId: undefined }]
}

function counted(context: RequestContext, body: ByteSource): ByteSource {
  return {
    length: body.length,
    read: async () => {
      const chunk = await body.read()
      context.record.bytesReceived += chunk?.length ?? 0
      return chunk
    },
    cancel: (reason) => body.cancel(reason),
  }
}
