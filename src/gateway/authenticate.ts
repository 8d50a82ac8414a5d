import { Refusal } from '../s3/errors.ts'
import type { Verified } from '../s3/sigv4/signature-verifier.ts'
import type { Caller } from './clients.ts'
import type { Gateway } from './gateway.ts'
import type { S3Request } from './s3-request.ts'

/** What tells who sent a request. */
export type Authenticator = Pick<Gateway, 'verifier' | 'clients' | 'clock' | 'options'>

/**
 * Who sent this request: verified by signature, or anonymous where that is switched on or nothing but CORS is asked. Comes before any look into the cache.
 * Throws a Refusal with S3's own code.
 */
export function authenticate(request: S3Request, gateway: Authenticator): { caller: Caller; verified: Verified | undefined } {
  // Browsers ask without credentials before they send a request of another site (Fetch standard, CORS preflight), also to presigned
  // URLs; S3 answers from the bucket's CORS settings alone.
  // A form is signed in its fields, which are read later; until then whoever sent it is nobody.
  if (request.operation === 'Preflight' || request.operation === 'PostObject') return { caller: { kind: 'anonymous' }, verified: undefined }
  const verified = gateway.verifier.verify(request, gateway.clock.nowMs())
  if (verified === 'anonymous') {
    if (!gateway.options.anonymous) throw new Refusal('AccessDenied')
    return { caller: { kind: 'anonymous' }, verified: undefined }
  }
  const client = gateway.clients.find(verified.accessKeyId)
  if (client === undefined) throw new Refusal('InvalidAccessKeyId')
  return { caller: { kind: 'client', client }, verified }
}
