import { Refusal } from '../s3/errors.ts'
import { claimedKeys } from '../s3/sigv4/claimed-keys.ts'
import type { Verified } from '../s3/sigv4/signature-verifier.ts'
import type { Caller } from './clients.ts'
import type { Gateway } from './gateway.ts'
import type { S3Request } from './s3-request.ts'

/** What tells who sent a request. */
export type Authenticator = Pick<Gateway, 'verifier' | 'clients' | 'clock' | 'options'>

/** Whose requests go up in their own name, and what their signatures said where they were checked here. */
export interface Authenticated {
  readonly caller: Caller
  readonly verified: Verified | undefined
  /** Only the origin can tell who asks: nothing is served before it did. */
  readonly passThrough: boolean
}

const LEFT_TO_ORIGIN: Authenticated = { caller: { kind: 'anonymous' }, verified: undefined, passThrough: true }

/** Who sent a request, in each identity mode. Comes before any look into the cache. Throws a Refusal with S3's own code. */
export function identify(request: S3Request, gateway: Authenticator): Authenticated {
  switch (gateway.options.identity) {
    case 'verified':
      return { ...authenticate(request, gateway), passThrough: false }
    case 'pass-through':
      return LEFT_TO_ORIGIN
    case 'mixed':
      return identifyMixed(request, gateway)
  }
}

/**
 * What hotbucket cannot verify is the origin's to judge: other keys, no signature, and a wrong one by a key that the origin knows, too. A
 * wrong signature by a key of hotbucket's own is refused here, where its owner learns why.
 */
function identifyMixed(request: S3Request, gateway: Authenticator): Authenticated {
  const claimed = claimedKeys(request.headers, request.query).map((accessKeyId) => gateway.clients.find(accessKeyId))
  if (claimed.every((client) => client === undefined)) return LEFT_TO_ORIGIN
  try {
    return { ...authenticate(request, gateway), passThrough: false }
  } catch (error) {
    if (error instanceof Refusal && claimed.every((client) => client?.sameKey !== false)) return LEFT_TO_ORIGIN
    throw error
  }
}

/**
 * Who sent this request: verified by signature, or anonymous where that is switched on or nothing but CORS is asked.
 */
function authenticate(request: S3Request, gateway: Authenticator): { caller: Caller; verified: Verified | undefined } {
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
