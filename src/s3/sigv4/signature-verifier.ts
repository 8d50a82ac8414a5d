// hot path
import { hash, timingSafeEqual } from 'node:crypto'
import { headerValue, type HeaderList } from '../../base/header-list.ts'
import { Refusal } from '../errors.ts'
import { percentDecode } from '../percent.ts'
import type { Query } from '../query.ts'
import { parseAmzDate } from './amz-date.ts'
import { canonicalQuery, canonicalRequest, canonicalUri, commonPart, stringToSign } from './canonical.ts'
import type { Claim, ClaimChecks } from './claim.ts'
import { parseAuthorization, unsupportedMechanism, type Authorization } from './credential.ts'
import { headerClaim } from './header-claim.ts'
import { KnownAuthorizations, type KnownAuthorization } from './known-authorizations.ts'
import { isOldPresigned, isPresigned, presignedClaim } from './presigned-claim.ts'
import type { SignedClaim, SignedFields } from './signed-fields.ts'
import type { SigningKey } from './signing-key.ts'
import { SigningKeys, type SigningKeyOf } from './signing-keys.ts'
import { TextHash } from './text-hash.ts'

export interface UnverifiedRequest {
  readonly method: string
  readonly rawPath: string
  readonly query: Query
  readonly headers: HeaderList
  /** The host that the request is for, where it is not the Host field's (absolute-form targets): it is what must have been signed. */
  readonly host?: string | undefined
  /** Of earlier requests with the same fields, all but the signature, and the same host. */
  readonly signed?: { readonly fields: SignedFields; readonly signature: string } | undefined
}

/** What a key must be verified with. */
interface KnownCredentials {
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface VerifierOptions extends ClaimChecks {
  readonly lookup: (accessKeyId: string) => KnownCredentials | undefined
  /** Where others derive keys too: what keeps them. */
  readonly signingKey?: SigningKeyOf | undefined
}

/** A request that was signed by who it says it was. */
export interface Verified {
  readonly kind: 'header' | 'presigned'
  readonly accessKeyId: string
  /** The `x-amz-content-sha256` that was signed: see parsePayload. */
  readonly payload: string
  /** Lower-case hex; the seed of signed chunks. */
  readonly signature: string
  readonly scope: string
  readonly amzDate: string
  readonly signingKey: SigningKey
}

/** A claim, and where it was read. */
interface Found {
  readonly claim: Claim
  /** The Authorization value; undefined for presigned URLs. */
  readonly authorization: string | undefined
  /** What an earlier value like it said. */
  readonly known: KnownAuthorization | undefined
}

/**
 * Verifies Signature Version 4, in the Authorization header or in a presigned URL. Remembers derived keys and what Authorization values
 * say, never that a signature was right: every request is verified in full.
 *
 * Deliberate differences from AWS: paths match in canonical form and also verbatim (as R2 has it); tabs inside values are kept.
 * Not supported, and refused by name: Signature Version 2, Signature Version 4A. POST policies are signed in the form, not here.
 */
export class SignatureVerifier {
  readonly #options: VerifierOptions
  readonly #keyOf: SigningKeyOf
  readonly #known = new KnownAuthorizations()
  readonly #hash = new TextHash()

  constructor(options: VerifierOptions) {
    this.#options = options
    this.#keyOf = options.signingKey ?? new SigningKeys().of
  }

  /** Verifies a request, or says that it is not signed at all. Throws Refusal with S3's own codes. */
  verify(request: UnverifiedRequest, nowMs: number): Verified | 'anonymous' {
    const { signed } = request
    if (signed?.fields.known !== undefined && request.query.length === 0) {
      const again = this.#verifyAgain(request, signed, signed.fields.known, nowMs)
      if (again !== undefined) return again
    }
    const found = this.#find(request, nowMs)
    if (found === undefined) return 'anonymous'
    const { claim, known, authorization } = found
    checkSignedHeaders(request.headers, claim)
    const { accessKeyId, day, region, service, scope } = claim.credential
    const credentials = this.#options.lookup(accessKeyId)
    if (credentials === undefined) throw new Refusal('InvalidAccessKeyId', { fields: { AWSAccessKeyId: accessKeyId } })
    const { secretAccessKey } = credentials
    const sameSecret = known?.secretAccessKey === secretAccessKey
    const signingKey = sameSecret ? known.signingKey : this.#keyOf(secretAccessKey, day, region, service)
    this.#checkSignature(request, claim, signingKey)
    checkSessionToken(claim.securityToken, credentials.sessionToken)
    if (authorization !== undefined && !sameSecret) this.#known.remember(authorization, secretAccessKey, signingKey)
    if (signed !== undefined) rememberFields(signed.fields, request, { claim, secretAccessKey, signingKey })
    const { kind, payload, signature, amzDate } = claim
    return { kind, accessKeyId, payload, signature, scope, amzDate, signingKey }
  }

  /** Verifies a request whose fields were right before, all but the signature. Undefined: it is to be looked at from the start. */
  #verifyAgain(
    request: UnverifiedRequest,
    { fields, signature }: { readonly fields: SignedFields; readonly signature: string },
    known: SignedClaim,
    nowMs: number,
  ): Verified | undefined {
    const { claim, signingKey, secretAccessKey } = known
    const { credential, payload, amzDate } = claim
    const credentials = this.#options.lookup(credential.accessKeyId)
    if (credentials?.secretAccessKey !== secretAccessKey || Math.abs(nowMs - known.signedMs) > this.#options.skewMs) return undefined
    if (percentDecode(request.rawPath) === undefined) return undefined
    const canonical = fields.canonicalBytes(request.method, request.rawPath)
    if (canonical === undefined) return undefined
    if (!signingKey.hasSignedHash(known.beforeHash, hash('sha256', canonical, 'hex'), signature)) return undefined
    checkSessionToken(claim.securityToken, credentials.sessionToken)
    return { kind: 'header', accessKeyId: credential.accessKeyId, payload, signature, scope: credential.scope, amzDate, signingKey }
  }

  #find(request: UnverifiedRequest, nowMs: number): Found | undefined {
    const { query, headers } = request
    let authorization: string | undefined
    let mechanisms = 0
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] !== 'authorization') continue
      authorization = headers[i + 1] ?? ''
      mechanisms += 1
    }
    const presigned = query.length > 0 && isPresigned(query)
    const oldPresigned = query.length > 0 && isOldPresigned(query)
    mechanisms += (presigned ? 1 : 0) + (oldPresigned ? 1 : 0)
    if (mechanisms === 0) return undefined
    if (mechanisms > 1) throw twoMechanisms()
    if (oldPresigned) throw unsupportedMechanism()
    if (authorization === undefined) {
      return { claim: presignedClaim(request, this.#options, nowMs), authorization: undefined, known: undefined }
    }
    const known = this.#known.find(authorization)
    const said = known === undefined ? parseAuthorization(authorization) : saidAgain(known, authorization)
    return { claim: headerClaim(headers, said, this.#options, nowMs), authorization, known }
  }

  #checkSignature(request: UnverifiedRequest, claim: Claim, signingKey: SigningKey): void {
    const { method, rawPath } = request
    if (percentDecode(rawPath) === undefined) throw new Refusal('InvalidURI')
    const query = canonicalQuery(request.query)
    const headerLines = claim.signedHeaders.canonicalLines(request.headers, request.host)
    const sent = { method, uri: rawPath, query, headerLines, signedHeaders: claim.signedHeaders.text, payloadHash: claim.payload }
    // The path as it was sent comes first: it mostly is the canonical one, and some clients sign what they send, encoded in a way of
    // their own.
    if (signingKey.hasSigned(this.#toSign(claim, canonicalRequest(sent)), claim.signature)) return
    const uri = canonicalUri(rawPath)
    const canonical = canonicalRequest({ ...sent, uri })
    const toSign = this.#toSign(claim, canonical)
    if (uri !== rawPath && signingKey.hasSigned(toSign, claim.signature)) return
    throw doesNotMatch(claim, toSign, canonical)
  }

  #toSign(claim: Claim, canonical: string): string {
    return stringToSign(claim.amzDate, claim.credential.scope, this.#hash.sha256Hex(canonical))
  }
}

/** Keeps what the verification of a request with the same fields can begin with. */
function rememberFields(
  fields: SignedFields,
  request: UnverifiedRequest,
  by: Pick<SignedClaim, 'claim' | 'secretAccessKey' | 'signingKey'>,
): void {
  const { claim } = by
  const { signedHeaders, amzDate } = claim
  const signedMs = parseAmzDate(amzDate)
  // A Date field is read anew each time: some of its forms depend on the year that it is.
  if (claim.kind !== 'header' || signedMs === undefined || headerValue(request.headers, 'x-amz-date') !== amzDate) return
  if (signedHeaders.includes('authorization')) return
  const common = commonPart({
    headerLines: signedHeaders.canonicalLines(request.headers, request.host),
    signedHeaders: signedHeaders.text,
    payloadHash: claim.payload,
  })
  fields.remember({ ...by, signedMs, beforeHash: stringToSign(amzDate, claim.credential.scope, '') }, common)
}

/** What a value says that is like one before it but for its signature. */
function saidAgain(known: KnownAuthorization, authorization: string): Authorization {
  return { credential: known.credential, signedHeaders: known.signedHeaders, signature: authorization.slice(known.prefix.length).trim() }
}

function twoMechanisms(): Refusal {
  return new Refusal('InvalidArgument', {
    message:
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    fields: { ArgumentName: 'Authorization' },
  })
}

function checkSignedHeaders(headers: HeaderList, claim: Claim): void {
  const { signedHeaders } = claim
  if (!signedHeaders.wellFormed) {
    const malformed = claim.kind === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError'
    throw new Refusal(malformed, { message: 'SignedHeaders names a header twice, or none' })
  }
  const missing = signedHeaders.missing(headers)
  if (missing === undefined) return
  throw new Refusal('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    fields: { HeadersNotSigned: missing.join(', ') },
  })
}

/** Says what was signed here, as S3 does: with it a client's author finds the difference. */
function doesNotMatch(claim: Claim, toSign: string, canonical: string): Refusal {
  return new Refusal('SignatureDoesNotMatch', {
    fields: {
      AWSAccessKeyId: claim.credential.accessKeyId,
      StringToSign: toSign,
      SignatureProvided: claim.signature,
      StringToSignBytes: spacedHex(toSign),
      CanonicalRequest: canonical,
      CanonicalRequestBytes: spacedHex(canonical),
    },
  })
}

/** Temporary credentials come with their token, long-lived ones without. The token is part of what was signed. */
function checkSessionToken(presented: string | undefined, expected: string | undefined): void {
  if (presented === undefined && expected === undefined) return
  const same = presented !== undefined && expected !== undefined && sameText(presented, expected)
  if (!same) throw new Refusal('InvalidToken')
}

function sameText(a: string, b: string): boolean {
  const bytes = Buffer.from(a, 'latin1')
  const others = Buffer.from(b, 'latin1')
  return bytes.length === others.length && timingSafeEqual(bytes, others)
}

/** `41 57 53 …`, as S3 shows the bytes of a text. */
function spacedHex(text: string): string {
  return Buffer.from(text, 'latin1')
    .toString('hex')
    .replaceAll(/(..)(?!$)/g, '$1 ')
}
