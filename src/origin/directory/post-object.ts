import { headerValue } from '../../base/header-list.ts'
import { MAX_KEY_BYTES } from '../../s3/address.ts'
import { Refusal } from '../../s3/errors.ts'
import { percentEncode, percentEncodePath } from '../../s3/percent.ts'
import { checkConditions, type FileBounds } from '../../s3/post/conditions.ts'
import { FILE_NAME_VARIABLE, formValue, type FormField } from '../../s3/post/form.ts'
import type { OriginResponse } from '../origin.ts'
import { emptyAnswer, xmlAnswer } from './answer.ts'
import type { DirectoryCall } from './call.ts'
import type { DirectoryStore } from './directory-store.ts'
import { FormFile } from './form-file.ts'
import { putObject } from './write-object.ts'

const ANY_SIZE: FileBounds = { minBytes: 0, maxBytes: Infinity }

/** Fields that become fields of the object under another name. */
const OBJECT_FIELDS: Readonly<Record<string, string>> = {
  acl: 'x-amz-acl',
  'cache-control': 'cache-control',
  'content-disposition': 'content-disposition',
  'content-encoding': 'content-encoding',
  'content-language': 'content-language',
  'content-md5': 'content-md5',
  'content-type': 'content-type',
  expires: 'expires',
  tagging: 'x-amz-tagging',
}

/**
 * PostObject (S3 API reference, "POST Object"): a form whose signature was verified, and whose policy is checked here. Bodies longer or
 * shorter than the policy allows are refused before anything is put in place.
 */
export async function postObject(store: DirectoryStore, call: DirectoryCall): Promise<OriginResponse> {
  const { request, bucket } = call
  const { form } = request
  if (form === undefined) throw new Refusal('MalformedPOSTRequest')
  const key = keyOf(form.fields, form.fileName)
  const fields = form.fields.map((field) => (field.name === 'key' ? { name: 'key', value: key } : field))
  const bounds = form.policy === undefined ? ANY_SIZE : checkConditions(form.policy, { bucket, fields })
  const headers = objectHeaders(fields)
  const body = new FormFile(request.body, { boundary: form.boundary, bounds })
  // Its length is known only where the part's own headers end.
  const upload = { ...request, headers, body, bodyLength: undefined, rawKey: percentEncodePath(key) }
  const stored = await putObject(store, { ...call, request: upload, headers, key })
  return answer(fields, { bucket, key, etag: headerValue(stored.headers, 'etag') ?? '' })
}

function keyOf(fields: readonly FormField[], fileName = ''): string {
  const name = fileName.slice(Math.max(fileName.lastIndexOf('/'), fileName.lastIndexOf('\\')) + 1)
  const key = (formValue(fields, 'key') ?? '').replaceAll(FILE_NAME_VARIABLE, () => name)
  if (key === '') throw new Refusal('InvalidArgument', { fields: { ArgumentName: 'key' } })
  if (key.length > MAX_KEY_BYTES) throw new Refusal('KeyTooLongError')
  return key
}

function objectHeaders(fields: readonly FormField[]): string[] {
  const headers: string[] = []
  for (const { name, value } of fields) {
    const header = name.startsWith('x-amz-') ? name : OBJECT_FIELDS[name]
    if (header === undefined) continue
    // oxlint-disable-next-line no-control-regex -- a line break in a value would begin a field of the client's own making
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) throw new Refusal('InvalidArgument', { fields: { ArgumentName: name } })
    headers.push(header, value)
  }
  return headers
}

interface Posted {
  readonly bucket: string
  readonly key: string
  readonly etag: string
}

function answer(fields: readonly FormField[], posted: Posted): OriginResponse {
  const { bucket, key, etag } = posted
  const location = `/${percentEncode(bucket)}/${percentEncodePath(key)}`
  const redirect = redirectOf(formValue(fields, 'success_action_redirect') ?? formValue(fields, 'redirect') ?? '', posted)
  if (redirect !== undefined) return emptyAnswer(303, ['etag', etag, 'location', redirect])
  const own = ['etag', etag, 'location', location]
  const status = formValue(fields, 'success_action_status')
  if (status === '200') return emptyAnswer(200, own)
  if (status !== '201') return emptyAnswer(204, own)
  const nodes = [['Location', location] as const, ['Bucket', bucket] as const, ['Key', key] as const, ['ETag', etag] as const]
  return { ...xmlAnswer(['PostResponse', nodes], own), status: 201 }
}

/** Where the browser is to go, and what it is told there; undefined for what is no address on the web, which S3 ignores. */
function redirectOf(value: string, { bucket, key, etag }: Posted): string | undefined {
  if (!URL.canParse(value)) return undefined
  const url = new URL(value)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  const told = `bucket=${percentEncode(bucket)}&key=${percentEncode(key)}&etag=${percentEncode(etag)}`
  url.search = url.search === '' ? told : `${url.search}&${told}`
  return url.href
}
