import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../../s3/errors.ts'
import { withoutAwsChunked } from '../../s3/headers.ts'
import { DEFAULT_CONTENT_TYPE } from './content-type.ts'

/** Fields of a write that are kept with the object and told with every read. */
const KEPT: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-website-redirect-location',
])

/** Fields that ask for what a directory cannot do: to ignore them would be to promise it. */
const REFUSED_PREFIXES = ['x-amz-grant-', 'x-amz-object-lock-', 'x-amz-server-side-encryption', 'x-amz-tagging', 'x-amz-write-offset-bytes']
const HARMLESS_ACLS: ReadonlySet<string> = new Set(['private', 'bucket-owner-read', 'bucket-owner-full-control'])

/** What a write says of its object. Content-Type is always among it, as S3 has it. */
export function keptHeaders(headers: HeaderList): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!KEPT.has(name) && !name.startsWith('x-amz-meta-')) continue
    const value = name === 'content-encoding' ? withoutAwsChunked(headers[i + 1] ?? '') : headers[i + 1]
    if (value !== undefined) kept.push(name, value)
  }
  if (headerValue(kept, 'content-type') === undefined) kept.push('content-type', DEFAULT_CONTENT_TYPE)
  return kept
}

/** Throws Refusal NotImplemented for a write that wants encryption, locks, tags, grants or appending. */
export function refuseUnsupported(headers: HeaderList): void {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const refused =
      REFUSED_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
      (name === 'x-amz-acl' && !HARMLESS_ACLS.has(value)) ||
      (name === 'x-amz-storage-class' && value !== 'STANDARD')
    if (refused) throw new Refusal('NotImplemented', { fields: { Header: name } })
  }
}
