import { createHmac } from 'node:crypto'
import type { Credentials } from '../../clients/sign.ts'

/** What Signature Version 2 signs (S3 API reference, "Signing and authenticating REST requests"). */
interface OldRequest {
  readonly method: string
  /** Bucket and key, percent-encoded, with a leading slash. */
  readonly resource: string
  /** A Date field, or an expiry in seconds; empty beside an x-amz-date. */
  readonly when: string
  /** Lower-case names; Content-MD5, Content-Type and all of `x-amz-` count. */
  readonly headers?: Readonly<Record<string, string>>
}

export function oldSignature({ method, resource, when, headers = {} }: OldRequest, credentials: Credentials): string {
  const amz = Object.keys(headers)
    .filter((name) => name.startsWith('x-amz-'))
    .sort()
    .map((name) => `${name}:${headers[name] ?? ''}\n`)
  const text = [method, headers['content-md5'] ?? '', headers['content-type'] ?? '', when, `${amz.join('')}${resource}`].join('\n')
  return hmacSha1(credentials, text)
}

/** The signature of a form's policy, and of everything else of version 2. */
export function hmacSha1({ secretAccessKey }: Credentials, text: string): string {
  return createHmac('sha1', secretAccessKey).update(text).digest('base64')
}
