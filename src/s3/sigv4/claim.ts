import type { HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../errors.ts'
import type { Credential } from './credential.ts'
import type { SignedHeaders } from './signed-headers.ts'

/** What a signed request says of its signature: both places where it can stand come down to this. */
export interface Claim {
  readonly kind: 'header' | 'presigned'
  readonly credential: Credential
  readonly signedHeaders: SignedHeaders
  readonly signature: string
  readonly amzDate: string
  /** The `x-amz-content-sha256` that was signed: see parsePayload. */
  readonly payload: string
  readonly securityToken: string | undefined
}

/** Where and when requests are verified: what claims are checked against. */
export interface ClaimChecks {
  /** The region that scopes must name; undefined: any. */
  readonly region?: string | undefined
  /** `s3` unless said otherwise. Only S3 demands `x-amz-content-sha256` and takes UNSIGNED-PAYLOAD for presigned URLs. */
  readonly service?: string | undefined
  /** For services other than S3, which hash the body itself: its hash, for requests that do not declare it. Default: no body. */
  readonly undeclaredPayload?: string | undefined
  /** How far the client's clock may be off, either way. */
  readonly skewMs: number
}

/** A field's value that must not be repeated; undefined where it is absent. Throws Refusal InvalidRequest. */
export function singleHeader(headers: HeaderList, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) continue
    if (value !== undefined) throw new Refusal('InvalidRequest', { message: `The header ${name} was sent more than once.` })
    value = headers[i + 1] ?? ''
  }
  return value
}

/** `2013-05-24T00:00:00Z` */
export function isoSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`
}
